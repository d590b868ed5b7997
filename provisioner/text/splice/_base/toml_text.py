"""TOML, read: what a text says, by `tomllib`, and the lines on which it says so."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from provisioner.text.splice._base import Path, failure
from provisioner.values import Plain

HINT: Final = "nothing was changed; mend the file and run it again"
WHITE: Final = " \t\r\n"
_PIECE: Final = re.compile(
    r"""\"{3}(?:\\(?s:.)|[^\\])*?\"{3,5} | '{3}(?s:.)*?'{3,5} | "(?:\\.|[^"\\\n])*+" | '[^'\n]*+'
    | (?P<blank>[ \t\r]++|\#[^\n]*+) | (?P<open>[\[{]) | (?P<close>[\]}]) | (?P<equals>=)
    | (?P<break>\n) | [^\s"'\#\[\]{}=]++""",
    re.VERBOSE,
)
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


def statements(text: str) -> Iterator[Line]:
    """Yield the statements of a valid text: what stands between line breaks outside of brackets."""
    start = equals = -1
    end = depth = 0
    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup
        if kind == "break" and depth == 0 and start >= 0:
            yield Line(start, equals, end, piece.end())
            start = equals = -1
        if kind in ("break", "blank"):
            continue
        if start < 0:
            start = text.rfind("\n", 0, piece.start()) + 1
        if kind == "equals" and equals < 0:
            equals = piece.start()
        depth += (kind == "open") - (kind == "close")
        end = piece.end()
    if start >= 0:
        yield Line(start, equals, end, len(text))


def names(statement: str) -> Path:
    """Return the keys of a header, or of a key with a value that is not a table."""
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


def at(value: Plain, path: Path) -> Plain:
    """Return what stands at `path`, None where nothing does: TOML has no null."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without(value: Plain, path: Path) -> Plain:
    """Return `value` without what stands at `path` and the parents that this leaves empty."""
    if not path or not isinstance(value, dict):
        return {}
    below = without(value.get(path[0], {}), path[1:])
    rest = {key: item for key, item in value.items() if key != path[0]}
    return rest | {path[0]: below} if below else rest


def same(one: Plain, other: Plain) -> bool:
    """Whether two values are the same in TOML, where 1, 1.0 and true are three."""
    return _encode(one) == _encode(other)
