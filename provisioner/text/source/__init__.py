"""YAML text becomes plain values, and every key and every value keeps its place.

`load` is the one way in. It is strict on purpose: a site decides about access, so whatever a
reviewer could read in another way than the program does is refused, with its place and the cure.
`CODES` lists the refusals. Nothing is raised, whatever the bytes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

import yaml

from provisioner.errors import Place, Problem
from provisioner.text.source._base import CODES, INVISIBLE, Findings, Step, Text, excerpt, show
from provisioner.text.source._document import Document, overlay
from provisioner.text.source._events import Reader, UnreadableError
from provisioner.text.source._quick import quick
from provisioner.text.source._syntax import explain

__all__ = ["CODES", "MAX_BYTES", "Document", "Step", "excerpt", "load", "overlay", "quick"]

MAX_BYTES: Final = 64 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_DIRECTIVE: Final = re.compile(r"%(?<=^%)(?!YAML[ \t]+1\.2[ \t]*(?:#.*)?\r?$).*", re.MULTILINE)


def load(data: bytes, file: str) -> tuple[Document | None, tuple[Problem, ...]]:
    """Read one YAML file; `file` is its path as the user gave it, for places.

    Returns the document and every problem found. The document is None where reading had to stop;
    where there are problems and a document, it serves to find further problems and nothing else.
    An empty file is a document whose value is None.
    """
    if len(data) > MAX_BYTES:
        return None, _too_large(len(data), file)
    data = data.removeprefix(_BOM)
    findings = Findings(Text(file, data.decode(errors="replace")))
    _refuse_bad_bytes(data, findings)
    _refuse_all("PV003", INVISIBLE, _about_invisible, findings)
    _refuse_all("PV006", _DIRECTIVE, _about_directive, findings)
    document = None if findings else _read(data, findings)
    return document, findings.problems()


def _read(data: bytes, findings: Findings) -> Document | None:
    reader = Reader(data, findings)
    try:
        value = reader.read()
    except UnreadableError:
        return None
    except yaml.MarkedYAMLError as error:
        explain(error, findings)
        return None
    return Document(findings.text.file, value, reader.marks)


def _too_large(size: int, file: str) -> tuple[Problem, ...]:
    message = f"{size:,} bytes are more than a file may have, {MAX_BYTES:,}"
    hint = "split it: `include` reads several files as one"
    return (Problem("PV002", "error", message, hint, Place(file)),)


def _refuse_bad_bytes(data: bytes, findings: Findings) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode())
        message = f"the byte 0x{data[error.start]:02X} is not UTF-8"
        findings.add("PV001", message, "save the file as UTF-8", (at, at + 1))


def _refuse_all(
    code: str,
    pattern: re.Pattern[str],
    about: Callable[[str], tuple[str, str]],
    findings: Findings,
) -> None:
    """Add every match of `pattern` to the findings; `about` says its message and hint."""
    matches = pattern.finditer(findings.text.text)
    for match in matches:
        findings.add(code, *about(match[0]), match.span())
        if findings.full(code):
            findings.count(code, sum(1 for _ in matches))


def _about_invisible(char: str) -> tuple[str, str]:
    if char == "\r":
        return "a carriage return without a line feed", "end lines with LF or CRLF"
    name = unicodedata.name(char, "control character")
    hint = f'remove it, or write "{ascii(char)[1:-1]}" in double quotes'
    return f"the invisible character U+{ord(char):04X} ({name})", hint


def _about_directive(line: str) -> tuple[str, str]:
    return (
        f"the directive {show(line.rstrip())} is not supported",
        "remove the line; a line of text cannot begin with %",
    )
