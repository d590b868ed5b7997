"""TOML as nearly everybody writes it: its tables found, and the text shown to be right, in one pass.

Headers and keys are bare and not dotted, values are scalars or lists of them. Then a text is TOML
exactly if no header and no key stands there twice, and no key where a table stands. What is
written in some other way is left to `tomllib`, which takes four times as long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from provisioner.text.splice._base import NEVER, Path
from provisioner.text.splice._base.toml_text import Line, Table

_CHAR: Final = r"[^\x00-\x08\x0a-\x1f\x7f"  # in texts and comments; what else is not in it follows
_COMMENT: Final = rf"\#{_CHAR}]*+"
_BLANK: Final = rf"(?:[ \t]*+(?:{_COMMENT})?\r?\n|{NEVER})*+"
_GAP: Final = rf"(?:[ \t\n]|\r\n|{_COMMENT}|{NEVER})*+"
_SCALAR: Final = rf"""(?: "{_CHAR}"\\]*+(?:\\[bfnrt"\\]{_CHAR}"\\]*+|{NEVER})*+" | '{_CHAR}']*+'
    | true | false | [+-]?(?:0|[1-9][0-9]{{0,15}})(?:\.[0-9]{{1,15}})? )"""
_STATEMENT: Final = re.compile(
    rf"""{_BLANK}(?P<line>[ \t]*+)
    (?: \[(?P<header>[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++|{NEVER})*+)\]
      | (?P<key>[A-Za-z0-9_-]++)[ \t]*+(?P<equals>=)[ \t]*+
        (?: {_SCALAR} | \[{_GAP}(?:{_SCALAR}{_GAP}(?:,{_GAP}{_SCALAR}{_GAP}|{NEVER})*+
            (?:,{_GAP}|{NEVER})?+|{NEVER})?+\] ) )
    (?P<end>)[ \t]*+(?:{_COMMENT})?(?:\r?\n|\Z)""",
    re.VERBOSE,
)
_END: Final = re.compile(rf"{_BLANK}[ \t]*+(?:{_COMMENT})?", re.VERBOSE)


def plain_tables(text: str) -> list[Table] | None:
    """Return the tables of a text, first the one without a header; None where `tomllib` has to read it."""
    tables = [Table((), Line(0, -1, 0, 0), [])]
    said: set[Path] = set()
    at = 0
    for found in _STATEMENT.finditer(text):
        if found.start() != at:
            return None
        at = found.end()
        line = Line(found.start("line"), found.start("equals"), found.start("end"), at)
        if header := found["header"]:
            tables.append(Table(tuple(header.split(".")), line, []))
            continue
        table = tables[-1]
        name = (*table.path, found["key"])
        if name in said:
            return None
        said.add(name)
        table.keys.append(line)
    return tables if _END.fullmatch(text, at) and _are_apart(tables, said) else None


def _are_apart(tables: Sequence[Table], said: set[Path]) -> bool:
    """Whether no header stands there twice, and no key where a table is."""
    headers = {table.path for table in tables}
    above = {path[:depth] for path in headers for depth in range(1, len(path) + 1)}
    return len(headers) == len(tables) and said.isdisjoint(above)
