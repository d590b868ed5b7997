"""Problems for people, for programs and for GitHub's annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeVar

from msgspec.structs import replace

from provisioner.errors import Place, Problem, Severity
from provisioner.text.terminal import Paint, plural, visible, width
from provisioner.values import Plain

T = TypeVar("T")

MOST: Final = 100
"""How many problems of one kind are told; the others are counted."""

_CUT: Final = 81  # characters before the place in a line that was cut on its left
_STYLES: Final[dict[Severity, str]] = {"error": "red", "warning": "yellow", "info": "cyan"}
_LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "notice"}


def text(problems: Iterable[Problem], paint: Paint) -> str:
    """Return every problem as a block of place, line, caret and cure.

    What is wrong in the same way at the same place, as behind an alias, shares a block.
    """
    alike = (tuple(group) for _, group in groupby(problems, _about))
    return "\n\n".join("\n".join(_block(group, paint)) for group in alike)


def told(
    findings: Iterable[T], kind: Callable[[T], str], problem: Callable[[T], Problem]
) -> Iterator[Problem]:
    """Yield what `problem` makes of the first findings of each kind, then how many more there are."""
    seen: Counter[str] = Counter()
    last: dict[str, Problem] = {}
    for finding in findings:
        name = kind(finding)
        seen[name] += 1
        if seen[name] <= MOST:
            last[name] = problem(finding)
            yield last[name]
    for name, number in seen.items():
        if number > MOST:
            code, severity = last[name].code, last[name].severity
            yield Problem(code, severity, f"and {number - MOST:,} more like the last of these")


def summary(problems: Iterable[Problem]) -> str:
    """Return one line such as `2 errors, 1 warning`."""
    found = [plural(number, name) for name, number in tally(problems).items() if number]
    return ", ".join(found) or "no problems"


def as_json(problems: Iterable[Problem]) -> str:
    """Return one JSON document; a change that breaks readers raises the major of `format_version`."""
    listed = tuple(problems)
    document = {
        "format_version": "1.0",
        "problems": [entry(problem) for problem in listed],
        "summary": tally(listed),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def github(problems: Iterable[Problem]) -> str:
    """Return workflow commands, which GitHub shows beside the lines of a pull request.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(_annotation(problem) for problem in problems)


def tally(problems: Iterable[Problem]) -> dict[str, int]:
    """Return how many problems there are of each severity, errors first."""
    found = Counter(problem.severity for problem in problems)
    return {severity: found[severity] for severity in ("error", "warning", "info")}


def entry(problem: Problem) -> dict[str, Plain]:
    """Return one problem as it stands in JSON documents."""
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        **_location(problem.at),
        "excerpt": problem.excerpt,
        "related": [_location(at) for at in problem.related],
    }


def _location(at: Place | None) -> dict[str, Plain]:
    if at is None:
        return {"file": None}
    return {"file": at.file, "line": at.line, "column": at.column, "end": at.end}


def _about(problem: Problem) -> Problem:
    """Return what a problem shares with others: all of it but the message, where it has a place."""
    return replace(problem, message="", entry="") if problem.at else problem


def _block(alike: Sequence[Problem], paint: Paint) -> Iterator[str]:
    for problem in alike:
        where = f"{visible(str(problem.at))}: " if problem.at else ""
        severity = paint(_STYLES[problem.severity], problem.severity)
        yield f"{paint('bold', where)}{severity} {problem.code}: {visible(problem.message)}"
    problem = alike[0]
    if problem.at and problem.excerpt:
        number = f"{problem.at.line:>5}"
        line, caret = _pointed_at(problem.excerpt, problem.at)
        yield f"{paint('dim', f'{number} |')} {line}"
        yield f"{paint('dim', '      |')} {paint(_STYLES[problem.severity], caret)}"
    for at in problem.related:
        yield f"      = see also {visible(str(at))}"
    if problem.hint:
        yield f"      = {visible(problem.hint)}"


def _pointed_at(excerpt: str, at: Place) -> tuple[str, str]:
    """Return the line and the carets under it, however wide its characters are when shown."""
    start = _CUT if excerpt.startswith("…") and at.column > _CUT else at.column - 1
    line = excerpt.replace("\t", " ")
    before, marked = line[:start], line[start : start + at.end - at.column]
    carets = "^" * max(1, width(visible(marked)))
    return visible(line), " " * width(visible(before)) + carets


def _annotation(problem: Problem) -> str:
    properties = {"title": problem.code}
    if problem.at:
        at = problem.at
        properties = {
            "file": at.file, "line": str(at.line), "col": str(at.column),
            "endColumn": str(max(at.column, at.end - 1)), **properties,
        }  # fmt: skip
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
    return f"::{_LEVELS[problem.severity]} {written}::{_data(message)}"


def _data(value: str) -> str:
    return visible(value.replace("%", "%25"))


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
