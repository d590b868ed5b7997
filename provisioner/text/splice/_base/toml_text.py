"""TOML, read: what a text says, by `tomllib`, and the lines on which it says so."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from provisioner.text.splice._base import NEVER, Path, failure
from provisioner.values import Plain

HINT: Final = "nothing was changed; mend the file and run it again"
WHITE: Final = " \t\r\n"
_PIECE: Final = re.compile(
    r"""\"{3}(?:\\(?s:.)|[^\\])*?\"{3,5} | '{3}(?s:.)*?'{3,5} | "(?:\\.|[^"\\\n])*+" | '[^'\n]*+'
    | (?P<blank>[ \t\r]++|\#[^\n]*+) | (?P<open>[\[{]) | (?P<close>[\]}]) | (?P<equals>=)
    | (?P<break>\n) | [^\s"'\#\[\]{}=]++""",
    re.VERBOSE,
)
# After blank lines and comments: a header or a key with a short value, then nothing but a comment.
_TEXT: Final = r'"(?:\\.|[^"\\\n])*+"(?!")'
_SIMPLE: Final = re.compile(
    rf"""(?:[ \t]*+(?:\#[^\n]*+)?\r?\n|{NEVER})*+
    (?P<line>[ \t]*+)
    (?P<said> \[[\w.-]++\]
      | [\w-]++[ \t]*+(?P<equals>=)[ \t]*+ (?: {_TEXT} | [\w.+:-]++ | \[(?:[\w,.+-]|[ \t]|{_TEXT}|{NEVER})*+\] ) )
    [ \t]*+(?:\#[^\n]*+)?(?:\r?\n|\Z)""",
    re.VERBOSE,
)
_BARE: Final = re.compile(r"[ \t]*+(?:\[([A-Za-z0-9_.-]++)\]|([A-Za-z0-9_.-]++)[ \t]*+=0)")
_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_encode: Final = json.JSONEncoder(sort_keys=True, default=repr).encode


class Line(NamedTuple):
    """A header, or a key with its value: its lines, its "=" (-1: a header) and where it ends."""

    start: int
    equals: int
    end: int
    stop: int


class Table(NamedTuple):
    """A header, the path it names, and the keys below it."""

    path: Path
    header: Line
    keys: list[Line]

    @property
    def last(self) -> Line:
        """What the table ends with; comments after it belong to the next one."""
        return self.keys[-1] if self.keys else self.header


def tables_of(text: str) -> list[Table]:
    """Return the tables of a valid text in its order, first the one without a header."""
    tables = [Table((), Line(0, -1, 0, 0), [])]
    for line in statements(text):
        if line.equals < 0:
            tables.append(Table(names(text[line.start : line.end]), line, []))
        else:
            tables[-1].keys.append(line)
    return tables


def statements(text: str) -> Iterator[Line]:
    """Yield the statements of a valid text: what stands between line breaks outside of brackets."""
    at = 0
    while line := _simple(text, at) or _statement(text, at):
        yield line
        at = line.stop


def _simple(text: str, start: int) -> Line | None:
    """Return the next statement if it is of the kind that nearly all are: one line, no surprises."""
    found = _SIMPLE.match(text, start)
    if not found:
        return None
    return Line(found.start("line"), found.start("equals"), found.end("said"), found.end())


def _statement(text: str, at: int) -> Line | None:
    """Return the next statement, whatever it is, piece by piece; None where there is none."""
    start = equals = -1
    end = depth = 0
    for piece in _PIECE.finditer(text, at):
        kind = piece.lastgroup
        if kind == "break" and depth == 0 and start >= 0:
            return Line(start, equals, end, piece.end())
        if kind in ("break", "blank"):
            continue
        if start < 0:
            start = text.rfind("\n", 0, piece.start()) + 1
        if kind == "equals" and equals < 0:
            equals = piece.start()
        depth += (kind == "open") - (kind == "close")
        end = piece.end()
    return Line(start, equals, end, len(text)) if start >= 0 else None


def names(statement: str) -> Path:
    """Return the keys of a header, or of a key with a value that is not a table."""
    if found := _BARE.fullmatch(statement):
        return tuple((found[1] or found[2]).split("."))
    names: list[str] = []
    value: Plain = tomllib.loads(statement)
    while isinstance(value, dict) and value:
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def load(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise failure(text, 0, "brackets are nested too deep", hint=HINT) from None
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(message := str(error))
        start = len(text)
        if where and where[1]:
            before = text.split("\n")[: int(where[1]) - 1]
            start = sum(len(line) + 1 for line in before) + int(where[2]) - 1
        reason = _WHERE.sub("", message)
        raise failure(text, start, f"not TOML: {reason}", hint=HINT) from error


def same(one: Plain, other: Plain) -> bool:
    """Whether two values are the same in TOML, where 1, 1.0 and true are three."""
    return _encode(one) == _encode(other)
