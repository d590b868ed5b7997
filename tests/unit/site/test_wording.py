from __future__ import annotations

import pytest

from provisioner.errors import Problem
from provisioner.site.decode import decode
from provisioner.site.wording import CODES, called, dotted
from tests.sites import HEAD, document


def problem(rest: str) -> Problem:
    (found,) = decode(document(HEAD + rest)).problems
    return found


@pytest.mark.parametrize(
    ("rest", "message", "hint"),
    [
        ("roles: {dev: {tool: 1}}", "unknown key `tool` in roles.dev", "did you mean `tools`?"),
        ("zzz: {}", "unknown key `zzz`", "known keys: version, site, teleport"),
        (
            "roles: {dev: {deny: {tols: []}}}",
            "unknown key `tols` in roles.dev.deny",
            "did you mean `tools`?",
        ),
        (
            "bots: {ci: {join: {method: iam, allow: [{aws_acount: '1'}]}}}",
            "unknown key `aws_acount` in bots.ci.join.allow[0]",
            "did you mean `aws_account`?",
        ),
        (
            "roles: {dev: {tools: [yes, 18.8]}}",
            "roles.dev.tools[1]: expected text, found the number 18.8",
            'quote it: "18.8"',
        ),
        (
            "roles: {dev: {tools: [true]}}",
            "roles.dev.tools[0]: expected text, found the boolean true",
            'quote it: "true"',
        ),
        (
            "bots: {ci: {max_session_ttl: 3600}}",
            "bots.ci.max_session_ttl: expected text, found the number 3600",
            "with a unit, such as 12h",
        ),
        ("roles:", "roles: expected a mapping, found null", "`{}` or `[]` means none"),
        (
            "roles: {dev: {version: v9}}",
            "role version v9 is not supported: it needs Teleport 19",
            "write v8",
        ),
        (
            "roles: {dev: {version: v5}}",
            "role version must be v6, v7 or v8, found the text `v5`",
            "v8 is the default",
        ),
        ("roles: {dev: {description: [a]}}", "expected text, found a list", ""),
        ("roles: {dev: {tools: [{a: b}]}}", "expected text, found a mapping", ""),
        ("roles: {dev: {tools: ['']}}", "roles.dev.tools[0]: must not be empty", "fill it"),
        (f"roles: {{dev: {{description: {'x' * 65537}}}}}", "longer than 65536 characters", ""),
        (
            "bots: {ci: {join: {method: terraform_cloud, allow: [], audience_tag: a-b}}}",
            "a tag is letters, digits and underscores",
            "TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG",
        ),
        (
            "bots: {ci: {join: {method: gcp, allow: [], client_id: x}}}",
            "unknown key `client_id` in bots.ci.join",
            "known keys: name, method, allow, config",
        ),
        ("bots: {ci: {join: {method: githb}}}", "no join method `githb`", "`github`"),
        ("bots: {ci: {join: {allow: []}}}", "`method` is missing in bots.ci.join", "add method"),
        (
            "bots: {ci: {join: {method: 5}}}",
            "bots.ci.join: there is no join method `5`",
            "there are: github, gitlab",
        ),
        (
            "bots: {ci: {join: {method: [github]}}}",
            "bots.ci.join.method: expected text, found a list",
            "",
        ),
        (
            "bots: {ci: {join: 5}}",
            "expected a way to join, or a list of them, found the number",
            "",
        ),
        (
            "roles: {dev: {app_labels: {env: 5}}}",
            "roles.dev.app_labels.env: expected text or a list of texts, found the number 5",
            "quote numbers and booleans",
        ),
        ("roles: {dev: {app_labels: {env: []}}}", "app_labels.env: must not be empty", "fill it"),
        ("roles: {dev: {app_labels: {env: ''}}}", "app_labels.env: must not be empty", "fill it"),
        (
            "bots: {ci: {identity: {path: /a, acls: maybe}}}",
            "bots.ci.identity.acls: expected 'try', 'off' or 'required'",
            "",
        ),
        ("rules: {PV102: loud}", "rules.PV102: expected 'error', 'warning', 'info' or 'off'", ""),
        ("rules: {PVI02: loud}", "unknown key `PVI02` in rules", "known keys: suppress"),
        (
            "bots: {ci: {join: {method: bound_keypair, recovery: {limit: -1}, onboarding: {initial_public_key: a}}}}",
            "bots.ci.join.recovery.limit: must be 0 or more",
            "",
        ),
    ],
)
def test_messages(rest: str, message: str, hint: str) -> None:
    """A message names the entry and what was found; the hint is a cure."""
    found = problem(rest)
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_given(code: str) -> None:
    """Every code in the table that the documentation is made of is given by some text."""
    wrong = (
        "x: 1",
        "bots: {a: {clients: [{format: command}]}}",
        "roles: 1",
        "roles: {A: {}}",
        "roles: {a: {tools: ['']}}",
        "roles: {a: {version: v9}}",
    )
    assert code in {problem(rest).code for rest in wrong}


@pytest.mark.parametrize("version", ["2", "true", "'1'", "1.0", "null", "[1]"])
def test_the_version_is_the_number_1(version: str) -> None:
    """Whatever else stands there, the cure is the same; True equals 1 in Python, and is none."""
    (found,) = decode(document(HEAD.replace("version: 1", f"version: {version}"))).problems
    assert found.message == "version: the site file's version is the number 1"
    assert (found.code, found.hint) == ("PV044", "write version: 1")


def test_headers_are_not_repeated() -> None:
    """What stands in the wrong place of a header is not told: it may be the secret."""
    for value in ("Bearer hunter2", "{Authorization: hunter2}", "[{name: a, value: 772}]", "[772]"):
        rest = f"mcp_servers: {{a: {{app: {{headers: {value}}}}}}}"
        said = [f"{found.message} {found.hint}" for found in decode(document(HEAD + rest)).problems]
        assert said
        assert not any("hunter2" in text or "772" in text for text in said)


def test_long_words_are_cut() -> None:
    """A key of a thousand characters does not fill the screen."""
    assert len(problem(f"{'k' * 1000}: 1").message) < 120
    assert len(dotted(("roles", "r" * 1000, "tools"))) < 120


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (False, "the boolean false"),
        (18.8, "the number 18.8"),
        ("a", "the text `a`"),
        ("a" * 41, "text"),
        ((), "a list"),
        ({}, "a mapping"),
    ],
)
def test_what_a_value_is_called(value: object, words: str) -> None:
    """A value is called what a person would call it."""
    assert called(value) == words


def test_paths_are_dotted() -> None:
    """A path is written with dots and, for lists, with indices from 0."""
    assert dotted(("roles", "dev", "tools", 2)) == "roles.dev.tools[2]"
    assert dotted(()) == "the site file"
