from __future__ import annotations

import pytest

from provisioner.errors import Place, Problem
from provisioner.site.redaction import excerpted
from provisioner.text.source import overlay
from tests.sites import document

APP = "mcp_servers: {x: {app: {headers: %s}}}"


def excerpt(text: str, at: Place | None = None, unknown: tuple[str, ...] = ()) -> str:
    bare = Problem("PV000", "error", "m", at=at or Place("site.yaml", 1, 1, 2))
    (problem,) = excerpted([bare], document(text), [unknown] if unknown else ())
    return problem.excerpt


@pytest.mark.parametrize(
    "headers",
    [
        "[{name: Authorization, value: 'Bearer hunter2'}]",
        "[{value: hunter2, name: Authorization}, {value: hunter2}]",
        "[{value: [hunter2]}]",
        "{Authorization: Bearer hunter2}",
        "Bearer hunter2",
        "[hunter2]",
        "[[hunter2]]",
        '[{name: a, value: "hun\\x74er2 hunter2"}]',
    ],
)
def test_headers_are_starred(headers: str) -> None:
    """Whatever shape headers are given in, their values are not in the line that is shown."""
    line = excerpt(APP % headers)
    assert "hunter2" not in line
    assert "*****" in line


@pytest.mark.parametrize(
    ("below", "shown"),
    [
        ("\n  Authorization: Bearer hunter2", "  Authorization: **************"),
        ("\n  Authorization:\n    value: hunter2", "    **************"),
        ("\n  - name: a\n    value:\n      text: hunter2", "      text: *******"),
        ("\n  - name: a\n    value:\n      env: [hunter2]", "      env: *********"),
        ("\n  - name: a\n    value:\n      - hunter2", "      *********"),
        ('\n  - {name: a, value: "one\n  hunter2", zz: 1}', "**********, zz: 1}"),
        ("\n  - name: a\n    value: |\n      one\n      hunter2", "*************"),
        ("\n  - name: a\n    value: {hunter2}", "    value: {*******}"),
    ],
)
def test_headers_in_blocks_are_starred(below: str, shown: str) -> None:
    """A secret is starred on its own line, whatever of it began on another one."""
    text = f"mcp_servers: {{}}\nheaders:{below}"
    lines = text.split("\n")
    at = next(n for n, line in enumerate(lines, 1) if "hunter2" in line)
    assert excerpt(text, Place("site.yaml", at, 1, 2)) == shown


def test_names_of_headers_are_shown() -> None:
    """Stars stand in for the value alone, and as many, so that a caret still points right."""
    line = excerpt(APP % "[{name: Authorization, value: abc}]")
    assert line == APP % "[{name: Authorization, value: ***}]"


def test_unknown_keys_are_starred() -> None:
    """A mistyped key may hold anything, so its value is not shown."""
    assert excerpt("passwrd: hunter2", unknown=("passwrd",)) == "passwrd: *******"


@pytest.mark.parametrize("key", ["registration_secret", "initial_join_secret", "secret"])
def test_secret_keys_are_starred(key: str) -> None:
    """Keys that are called secret are taken at their word."""
    assert excerpt(f"{key}: hunter2") == f"{key}: *******"


def test_long_lines_are_starred_before_they_are_cut() -> None:
    """A secret far to the right of a long line is starred like any other."""
    text = f"mcp_servers: {{x: {{{'a' * 300}: 1, app: {{headers: [{{value: hunter2}}]}}}}}}"
    at = Place("site.yaml", 1, text.index("headers") + 1, text.index("headers") + 8)
    line = excerpt(text, at)
    assert len(line) < 210
    assert "headers" in line
    assert "hunter2" not in line


def test_other_lines_are_as_they_are() -> None:
    """Only the line of a secret is starred, and only where it stands."""
    text = "site: a\nmcp_servers: {x: {app: {headers: [{value: s}]}}}\n"
    assert excerpt(text) == "site: a"


@pytest.mark.parametrize(
    "problem",
    [
        Problem("PV0", "error", "m"),
        Problem("PV0", "error", "m", at=Place("other.yaml"), excerpt="kept"),
    ],
)
def test_problems_elsewhere_stay(problem: Problem) -> None:
    """A problem that stands nowhere, or in a file of its own, keeps what it has."""
    assert excerpted([problem], document("a: b")) == (problem,)


def test_names_are_not_secrets() -> None:
    """An entry that is called `secret` is shown like any other."""
    assert excerpt("roles: {secret: {tools: [a]}}") == "roles: {secret: {tools: [a]}}"


def test_every_layer_is_starred() -> None:
    """What an overlay replaces stands in the file below it, and is starred there too."""
    text = APP % "[{name: a, value: hunter2}]"
    below, above = document(text, "base.yaml"), document(APP % "[]")
    problem = Problem("PV0", "error", "m", at=Place("base.yaml", 1, 1, 2))
    (shown,) = excerpted([problem], overlay(above, below))
    assert shown.excerpt == text.replace("hunter2", "*******")


def test_an_entry_that_is_called_headers() -> None:
    """A server by that name has labels and tools like any other."""
    line = "mcp_servers: {headers: {labels: {env: dev}, tools: [a]}}"
    assert excerpt(line) == line
