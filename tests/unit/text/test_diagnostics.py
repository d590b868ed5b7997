from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from provisioner.errors import Place, Problem
from provisioner.text import diagnostics, source
from provisioner.text.diagnostics import MOST
from provisioner.text.terminal import ansi, plain, width

AT = Place("site.yaml", 3, 5, 8)
PROBLEM = Problem("PV042", "error", "expected text", "quote it", AT, (), "a: {b: 5}")


def text(problem: Problem) -> list[str]:
    return diagnostics.text([problem], plain).split("\n")


def test_a_block() -> None:
    """A problem is place, line, caret and cure, each on a line of its own."""
    assert text(PROBLEM) == [
        "site.yaml:3:5: error PV042: expected text",
        "    3 | a: {b: 5}",
        "      |     ^^^",
        "      = quote it",
    ]


def test_without_a_place() -> None:
    """A problem without a place, a line or a hint is one line."""
    assert text(Problem("PV001", "warning", "odd")) == ["warning PV001: odd"]


def test_related_places() -> None:
    """Other places that belong to a problem are named."""
    related = Problem("PV007", "error", "twice", at=AT, related=(Place("b.yaml", 1, 2),))
    assert "      = see also b.yaml:1:2" in text(related)


def test_several_problems_are_apart() -> None:
    """An empty line stands between two problems."""
    other = replace(PROBLEM, at=Place("site.yaml", 4, 5, 8))
    assert diagnostics.text([PROBLEM, other], plain).count("\n\n") == 1


def test_what_an_alias_repeats_shares_its_line() -> None:
    """What is wrong in the same way at the same place is told with one line, caret and cure."""
    again = replace(PROBLEM, message="expected text there", entry="roles.b")
    assert diagnostics.text([PROBLEM, again, replace(again, hint="mend it")], plain).split(
        "\n"
    ) == [
        "site.yaml:3:5: error PV042: expected text",
        "site.yaml:3:5: error PV042: expected text there",
        "    3 | a: {b: 5}",
        "      |     ^^^",
        "      = quote it",
        "",
        "site.yaml:3:5: error PV042: expected text there",
        "    3 | a: {b: 5}",
        "      |     ^^^",
        "      = mend it",
    ]


@pytest.mark.parametrize("line", ["漢字: [x]", "a\tb [x]", "e\u0301 [x]", "\u200b [x]", "[x]"])
def test_carets_stand_under_what_is_meant(line: str) -> None:
    """However wide the characters before it are when shown, the caret stands under its place."""
    column = line.index("x") + 1
    problem = Problem("PV000", "error", "m", at=Place("f", 1, column, column + 1), excerpt=line)
    _, shown, caret = text(problem)
    assert width(shown[: shown.index("x")]) == caret.index("^")


@pytest.mark.parametrize("before", [0, 80, 81, 82, 150, 300])
@pytest.mark.parametrize("after", [0, 10, 300])
def test_carets_in_a_line_that_was_cut(before: int, after: int) -> None:
    """A line too long for a message is cut around the place, and the caret knows."""
    line = "a" * before + "X" + "b" * after
    at = Place("f", 1, before + 1, before + 2)
    problem = Problem("PV000", "error", "m", at=at, excerpt=source.excerpt(line, at))
    _, shown, caret = text(problem)
    assert shown[caret.index("^")] == "X"
    assert len(shown) < 220


def test_a_mark_longer_than_the_line() -> None:
    """Carets end where the line that is shown ends."""
    at = Place("f", 1, 1, 1000)
    problem = Problem("PV000", "error", "m", at=at, excerpt=source.excerpt("a" * 999, at))
    assert len(text(problem)[2]) <= len(text(problem)[1])


def test_nothing_reaches_the_terminal_as_it_is() -> None:
    """Messages, places, lines and hints are made visible; only our own paint has escapes."""
    wild = "\x1b[31m\u202e"
    problem = Problem("PV1", "error", wild, wild, Place(wild, 1, 1, 2), (Place(wild),), wild)
    assert not set(wild[:1] + wild[-1:]) & set(diagnostics.text([problem], plain))
    assert "\x1b[31merror\x1b[0m" in diagnostics.text([PROBLEM], ansi)


def test_json() -> None:
    """The JSON document has a format version, every problem whole, and the counts."""
    document = json.loads(diagnostics.as_json([PROBLEM, Problem("PV102", "warning", "w")]))
    first, second = document["problems"]
    assert document["format_version"] == "1.0"
    assert document["summary"] == {"error": 1, "warning": 1, "info": 0}
    assert first == {
        "code": "PV042",
        "severity": "error",
        "message": "expected text",
        "hint": "quote it",
        "file": "site.yaml",
        "line": 3,
        "column": 5,
        "end": 8,
        "excerpt": "a: {b: 5}",
        "related": [],
    }
    assert second["file"] is None


@pytest.mark.parametrize(
    ("problem", "command"),
    [
        (
            PROBLEM,
            "::error file=site.yaml,line=3,col=5,endColumn=7,title=PV042::expected text. quote it",
        ),
        (Problem("PV102", "warning", "50% odd"), "::warning title=PV102::50%25 odd"),
        (
            Problem("PV1", "info", "a\n::error::b", at=Place("a,b:c", 1, 2, 2)),
            "::notice file=a%2Cb%3Ac,line=1,col=2,endColumn=2,title=PV1::a\\x0a::error::b",
        ),
    ],
)
def test_github_commands(problem: Problem, command: str) -> None:
    """Each problem is one workflow command that nothing in it can break out of."""
    assert diagnostics.github([problem]) == command


def test_summary() -> None:
    """Counts are said in words, those that are zero are not."""
    warning = Problem("PV102", "warning", "w")
    assert diagnostics.summary([PROBLEM, PROBLEM, warning]) == "2 errors, 1 warning"
    assert diagnostics.summary([]) == "no problems"


def test_the_first_of_each_kind_are_told() -> None:
    """The first hundred of each kind are made into problems, the others only counted."""
    made: list[int] = []

    def make(number: int) -> Problem:
        made.append(number)
        return Problem("PV1" if number < 250 else "PV2", "warning", str(number))

    told = list(diagnostics.told(range(260), lambda n: "a" if n < 250 else "b", make))
    assert len(made) == MOST + 10
    assert told[-1] == Problem("PV1", "warning", "and 150 more like the last of these")
