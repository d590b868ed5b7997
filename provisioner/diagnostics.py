"""Problems for people, for programs and for GitHub's annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from provisioner.errors import Place, Problem, Severity
from provisioner.terminal import Paint, plural, visible
from provisioner.values import Plain

_STYLES: Final[dict[Severity, str]] = {"error": "red", "warning": "yellow", "info": "cyan"}
_LEVELS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "info": "notice"}


def text(problems: Iterable[Problem], paint: Paint) -> str:
    """Return every problem as a block of place, line, caret and cure."""
    return "\n\n".join("\n".join(_block(problem, paint)) for problem in problems)


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


def _block(problem: Problem, paint: Paint) -> Iterator[str]:
    where = f"{visible(str(problem.at))}: " if problem.at else ""
    severity = paint(_STYLES[problem.severity], problem.severity)
    yield f"{paint('bold', where)}{severity} {problem.code}: {visible(problem.message)}"
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
    before, marked = excerpt[: at.column - 1], excerpt[at.column - 1 : at.end - 1]
    indent = len(visible(before.replace("\t", "    ")))
    width = max(1, len(visible(marked.replace("\t", "    "))))
    return visible(excerpt.replace("\t", "    ")), " " * indent + "^" * width


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
    return visible(value.replace("%", "%25")).replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
