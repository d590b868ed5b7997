"""Problems as SARIF 2.1.0, which code hosts and editors read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from provisioner import __version__
from provisioner.checks import severity
from provisioner.errors import Place, Problem
from provisioner.text.terminal import visible
from provisioner.values import Plain

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}
_LINK: Final = re.compile(r"\[(?=[^\]]*\]\()")


def text(problems: Iterable[Problem], file: str) -> str:
    """Return one JSON document; what has no place of its own is about the whole of `file`."""
    found = tuple(problems)
    codes = sorted({problem.code for problem in found})
    driver = {
        "name": "provision",
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, codes.index(problem.code), file) for problem in found],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _rule(code: str) -> dict[str, Plain]:
    rule = severity.rules().get(code)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(problem: Problem, index: int, file: str) -> dict[str, Plain]:
    said = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    related = [_location(at) for at in problem.related]
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": _message(said)},
        "locations": [_location(problem.at) if problem.at else _file(file)],
        **({"relatedLocations": related} if related else {}),
    }


def _message(said: str) -> str:
    """Return plain text as a message string: no braces, and no links (3.11.5, 3.11.6)."""
    lines = "\n".join(map(visible, said.split("\n")))
    return _LINK.sub(r"\\[", lines.replace("{", "{{").replace("}", "}}"))


def _location(at: Place) -> dict[str, Plain]:
    region = {"startLine": at.line, "startColumn": at.column, "endColumn": max(at.end, at.column)}
    location = _file(at.file)
    return {"physicalLocation": {**location["physicalLocation"], "region": region}}


def _file(file: str) -> dict[str, Plain]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}}}


def _uri(file: str) -> str:
    path = PurePosixPath(file)
    if path.is_absolute():
        return path.as_uri()
    return PurePosixPath("/", path).as_uri().removeprefix("file:///")
