from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioner.site.decode import decode
from provisioner.text.diagnostics import MOST
from tests.sites import HEAD, document, problems


def codes(rest: str, *, head: str = HEAD) -> list[str]:
    return [problem.code for problem in decode(document(head + rest)).problems]


def test_a_good_site_is_typed() -> None:
    """What the file says is what the model says, and it cannot be changed."""
    decoded = decode(document(HEAD + "roles: {dev: {app_labels: {env: dev}, tools: [a, b]}}"))
    assert decoded.site is not None
    assert decoded.site.roles["dev"].app_labels == {"env": ("dev",)}
    assert decoded.site.roles["dev"].tools == ("a", "b")
    roles: Any = decoded.site.roles
    with pytest.raises(TypeError):
        roles["x"] = roles["dev"]
    assert decoded.problems == ()


def test_absent_is_not_empty() -> None:
    """A collection that is left out is out of scope; an empty one means that there are none."""
    decoded = decode(document(HEAD + "roles: {}"))
    assert decoded.site is not None
    assert [decoded.site.manages(name) for name in ("roles", "bots")] == [True, False]


@pytest.mark.parametrize(
    ("rest", "code", "line", "column"),
    [
        ("rolls: {}", "PV040", 4, 1),
        ("roles:\n  dev:\n    tool: [a]", "PV040", 6, 5),
        ("bots:\n  ci:\n    clients: [{format: command}]", "PV041", 6, 15),
        ("bots:\n  ci:\n    identity: {kubernetes_secret: {name: x}}", "PV041", 6, 16),
        ("roles: {dev: {tools: 3}}", "PV042", 4, 22),
        ("roles: {dev: {tools: [a, 3]}}", "PV042", 4, 26),
        ("roles: {dev: null}", "PV042", 4, 14),
        ("roles: {dev: {protected: 'yes'}}", "PV042", 4, 26),
        ("roles: {Dev: {}}", "PV043", 4, 9),
        ("roles: {dev: {labels: {'a b': c}}}", "PV043", 4, 24),
        ("bots: {ci: {max_session_ttl: 12}}", "PV042", 4, 30),
        ("bots: {ci: {max_session_ttl: 12 hours}}", "PV044", 4, 30),
        ("bots: {ci: {description: ''}, x: {roles: ['']}}", "PV043", 4, 43),
        ("roles: {dev: {version: v9}}", "PV045", 4, 24),
        ("bots: {ci: {join: {method: githug}}}", "PV044", 4, 28),
        ("bots: {ci: {join: [{method: github, allow: [], alow: 1}]}}", "PV040", 4, 48),
    ],
)
def test_problems_have_places(rest: str, code: str, line: int, column: int) -> None:
    """A problem points at the value, of unknown or misnamed keys at the key, of missing at the parent."""
    (problem,) = decode(document(HEAD + rest)).problems
    assert problem.at is not None
    assert (problem.code, problem.at.line, problem.at.column) == (code, line, column)


def test_all_at_once() -> None:
    """One reading finds every problem, however many there are."""
    rest = "roles: {dev: {tool: [a], version: v1}, X: {}}\nbots: 5"
    assert sorted(codes(rest)) == ["PV040", "PV042", "PV043", "PV045"]


@pytest.mark.parametrize("value", ["5", "[a]", "text", "", "null"])
def test_a_site_is_a_mapping(value: str) -> None:
    """A file of anything else has one problem that says what a site begins with."""
    (problem,) = decode(document(value)).problems
    assert (problem.code, "version: 1" in problem.hint) == ("PV042", True)


def test_an_empty_file_is_called_empty() -> None:
    """Nobody who wrote nothing wrote `null`."""
    (problem,) = decode(document("# nothing yet\n")).problems
    assert problem.message == "a site file is a mapping, and this one is empty"


@pytest.mark.parametrize(
    "broken",
    [
        "roles: {dev: {tools: 5}}",
        "roles: {dev: {identity: {path: 1}}}",
        "roles: {dev: null}",
        "roles: {Dev: {}}",
        "roles: {dev: {tools: [1, 2, x, 3]}}",
        "bots: {x: {identity: {}}, y: {identity: 5}}",
        "bots: {x: {identity: {path: rel}}, y: {clients: [{}, 5, {format: command}]}}",
        "bots: {x: {join: 5}, y: {join: [{method: x}, {method: github}, 5, {allow: []}]}}",
        "mcp_servers: {x: {app: {headers: [{}, {name: a}, 5]}, tools: {}}}",
        "teleport: {proxy: 5}",
        "site: A B",
        "version: 7\nteleport: []",
        "external_roles: {}",
        "roles: {dev: {deny: {tools: {}}}, '[key]': 7, x: {labels: {'[key]': 7}}}",
    ],
)
def test_the_rest_is_read_nevertheless(broken: str) -> None:
    """What is wrong in one place does not keep the rest from being judged."""
    head = "\n".join(line for line in HEAD.splitlines() if line.split(":")[0] not in broken)
    rest = "\nbots: {last: {roles: [dev]}}" if "bots" not in broken else ""
    decoded = decode(document(f"{head}\n{broken}{rest}"))
    assert decoded.site is None
    assert decoded.problems
    assert decoded.partial is not None
    assert "last" in decoded.partial.bots or not rest


def test_a_misnamed_entry_is_still_there() -> None:
    """References to an entry with a bad name, or of a wrong type, are not dangling."""
    decoded = decode(document(HEAD + "roles: {Dev: {tools: [a]}, x: 5}"))
    assert decoded.partial is not None
    assert set(decoded.partial.roles) == {"Dev", "x"}
    assert decoded.partial.roles["Dev"].tools == ("a",)


def test_which_entries_are_broken() -> None:
    """What is missing in an entry with a problem may just be what could not be read."""
    decoded = decode(document(HEAD + "roles: {dev: {tool: [a]}, ok: {tools: [a]}}"))
    assert decoded.broken == {("roles", "dev")}
    assert decoded.unknown == {("roles", "dev", "tool")}


def test_a_key_called_key() -> None:
    """A key that looks like a step of a path has its own place like any other."""
    decoded = decode(document(HEAD + "bots: {ci: {traits: {'[key]': 5, b: 5}}}"))
    places = [problem.at.column for problem in decoded.problems if problem.at]
    assert places == [31, 37]


def test_joins_keep_their_places() -> None:
    """One join is a mapping or a list of one; either way a problem stands where the file has it."""
    one = "bots: {ci: {join: {method: github, allow: 5}}}"
    many = "bots: {ci: {join: [{method: github, allow: 5}]}}"
    for rest, path in ((one, "bots.ci.join.allow"), (many, "bots.ci.join[0].allow")):
        (problem,) = decode(document(HEAD + rest)).problems
        assert problem.at is not None
        assert problem.message.startswith(f"{path}: expected a list")
        assert rest[problem.at.column - 1] == "5"


def test_a_hundred_of_a_kind_are_told() -> None:
    """Of thousands of like problems a hundred are told and the others counted."""
    decoded = decode(document(HEAD + "".join(f"key{n}: 1\n" for n in range(1000))))
    assert len(decoded.problems) == MOST + 1
    assert decoded.problems[-1].message == "and 900 more like the last of these"


@pytest.mark.parametrize(
    "client",
    [
        "{format: {custom: ../x.json.j2}, servers: reachable}",
        "{format: 5, servers: reachable}",
        "{format: {name: 5}, servers: reachable}",
        "{servers: reachable}",
    ],
)
def test_a_bad_format_is_told_once(client: str, tmp_path: Path) -> None:
    """What is wrong with a client's format is not told again as a format that is missing."""
    rest = f"bots: {{ci: {{identity: {{path: /a}}, clients: [{client}]}}}}"
    assert len(problems(tmp_path, rest)) == 1
