"""How Go reads a document into a struct and prints it again.

A `Decode` takes the server, a plain value and its path, and returns what Teleport prints for it,
or None where it prints nothing (json tag `omitempty`, nil pointer). Tables of decoders stand for
Teleport's structs, field by field as in api/proto/teleport/legacy/types/types.proto.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from msgspec import Struct

from provisioner.errors import Rejected
from provisioner.text import units
from provisioner.values import Plain

Version = tuple[int, int, int]
Decode = Callable[["Server", Plain, str], Plain]

OMITTED: Final = object()
FIRST: Final[Version] = (0, 0, 0)
MCP: Final[Version] = (18, 1, 0)
_TERM: Final = re.compile(r"(?=\.?\d)(\d*)(?:\.(\d*))?(ns|us|µs|ms|mo|s|m|h|d|y)")
_DURATION: Final = re.compile(f"(?:{_TERM.pattern})+")
_LONGEST: Final = 64  # characters; keeps the arithmetic below small
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "mo": 30 * 24 * 3600 * 10**9,
    "y": 365 * 24 * 3600 * 10**9,
}

_TRUE: Final = frozenset({"yes", "yeah", "y", "true", "1", "on"})
TRUTHS: Final = _TRUE | {"no", "nope", "n", "false", "0", "off"}


class Server(Struct, frozen=True):
    """The Teleport that answers: its version, its clock, and where its revisions come from.

    `strict` decoding refuses unknown fields; otherwise they are dropped in silence.
    """

    version: Version
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    revision: Callable[[], str] = lambda: str(uuid.uuid4())
    strict: bool = False

    def has(self, since: Version) -> bool:
        """Whether this server is at least `since`."""
        return self.version >= since


class Field(Struct, frozen=True):
    """One field of a struct: `empty` is printed for nothing where there is no `omitempty`."""

    decode: Decode
    empty: Plain = OMITTED
    since: Version = FIRST


def struct(table: Mapping[str, Any]) -> Decode:
    """Return the decoder of a struct behind a pointer: absent stays absent, `{}` stays `{}`.

    `table` gives a Field, or a mere Decode, for each name.
    """
    fields: dict[str, Field] = {
        n: f if isinstance(f, Field) else Field(f) for n, f in table.items()
    }

    def decode(server: Server, value: Plain, path: str) -> Plain:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            mismatch(value, path, "struct")
        known = {n: f for n, f in fields.items() if server.has(f.since)}
        if server.strict:
            _refuse_unknown(value, known, path)
        printed = {}
        for name, each in known.items():
            plain = each.decode(server, value.get(name), f"{path}.{name}" if path else name)
            plain = each.empty if plain is None else plain
            if plain is not OMITTED:
                printed[name] = plain
        return printed

    return decode


def embedded(decode: Decode) -> Decode:
    """Return the decoder of a struct held by value: it is printed whether it was written or not."""
    return lambda server, value, path: decode(server, {} if value is None else value, path)


def listing(decode: Decode) -> Decode:
    """Return the decoder of a list; an empty one is not printed."""

    def each(server: Server, value: Plain, path: str) -> Plain:
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            mismatch(value, path, "slice")
        return [decode(server, item, f"{path}[{n}]") for n, item in enumerate(value)] or None

    return each


def text(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a string; the empty one is not printed."""
    if value is not None and not isinstance(value, str):
        mismatch(value, path, "string")
    return value or None


def _item(_server: Server, value: Plain, path: str) -> Plain:
    if value is not None and not isinstance(value, str):
        mismatch(value, path, "string")
    return value or ""


texts: Final = listing(_item)


def integer(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a whole number; zero is not printed."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        mismatch(value, path, "int64")
    return value or None


def option(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a BoolOption: true, false or not set. Text that is no truth value means false."""
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        mismatch(value, path, "bool")
    return value.lower() in _TRUE


def boolean(server: Server, value: Plain, path: str) -> Plain:
    """Decode a Bool; false is not printed."""
    return option(server, value, path) or None


def flag(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a bool that takes nothing but true and false; false is not printed."""
    if value is not None and not isinstance(value, bool):
        mismatch(value, path, "bool")
    return value or None


def duration(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a length of time (Teleport knows d, mo and y as well); zero is not printed."""
    if value is None or value in ("never", "0"):
        return None
    if not isinstance(value, str):
        mismatch(value, path, "string")
    sign, digits = (-1, value[1:]) if value[:1] == "-" else (1, value.removeprefix("+"))
    if len(digits) > _LONGEST or not _DURATION.fullmatch(digits):
        raise Rejected(f'time: invalid duration "{value}"')
    length = sum(_nanoseconds(*match.groups()) for match in _TERM.finditer(digits))
    if length >= 1 << 63:
        raise Rejected(f'time: invalid duration "{value}"')
    return ("-" if sign < 0 else "") + _printed(length) if length else None


def time(_server: Server, value: Plain, path: str) -> Plain:
    """Decode an RFC 3339 time; it is kept in UTC."""
    if value is None:
        return None
    try:
        return units.utc(value)
    except (ValueError, TypeError, OverflowError):
        raise Rejected(
            f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse {path} as "2006"'
        ) from None


def labels(_server: Server, value: Plain, path: str) -> Plain:
    """Decode label selectors, text or list of text: one value is printed as text."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        mismatch(value, path, "Labels")
    return {key: _strings(found, f"{path}.{key}") for key, found in value.items()} or None


def text_map(_server: Server, value: Plain, path: str) -> Plain:
    """Decode a map of text to text; an empty one is not printed."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        mismatch(value, path, "map[string]string")
    return {key: _item(_server, found, path) for key, found in value.items()} or None


class Mismatch(Rejected):
    """A value at `path` (`spec.allow.logins[0]`) is `found` where Go has the type `wanted`."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        super().__init__(
            f"json: cannot unmarshal {found} into Go struct field {path} of type {wanted}"
        )
        self.path, self.found, self.wanted = path, found, wanted


class Unknown(Rejected):
    """The struct at `path` has no field `name`, but those that are `known`."""

    def __init__(self, path: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f'json: unknown field "{name}"')
        self.path, self.name, self.known = path, name, tuple(known)


def mismatch(value: Plain, path: str, wanted: str) -> NoReturn:
    """Raise Rejected as Go does for a value of another type."""
    raise Mismatch(path, json_type(value), wanted)


def json_type(value: Plain) -> str:
    """Return what Go calls the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _nanoseconds(whole: str, fraction: str, unit: str) -> int:
    scale = _NANOSECONDS[unit]
    part = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return int(whole or 0) * scale + part


def _printed(length: int) -> str:
    """Return nanoseconds as Go prints them: below a second in the largest unit that fits."""
    for unit in ("s", "ms", "µs", "ns"):
        if length >= _NANOSECONDS[unit]:
            break
    if unit == "s":
        return units.go_duration(length)
    whole, rest = divmod(length, _NANOSECONDS[unit])
    fraction = f".{rest:0{len(str(_NANOSECONDS[unit])) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}{fraction}{unit}"


def _strings(value: Plain, path: str) -> Plain:
    if isinstance(value, str):
        return value
    if not value:
        return ""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        mismatch(value, path, "[]string")
    return value[0] if len(value) == 1 else list(value)


def _refuse_unknown(value: Mapping[str, Plain], known: Mapping[str, Field], path: str) -> None:
    for name in value:
        if name not in known:
            raise Unknown(path, name, known)
