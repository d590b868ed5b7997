"""Plain values that cannot change, their canonical JSON, and secrets that do not print."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeGuard

Plain = Any
"""What JSON can say: mappings with text keys, sequences, text, numbers, booleans, None."""

Body = Mapping[str, Any]
"""A whole resource as Teleport writes it: kind, version, metadata, spec. Frozen all the way down."""

_MAPPINGS: Final = (dict, MappingProxyType)  # a union would be made anew in each of many calls
SEQUENCES: Final = (list, tuple)

EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})


def freeze(value: Plain) -> Plain:
    """Return `value` with every mapping read-only and every list a tuple, all the way down.

    A read-only mapping is taken to be frozen already: nothing else here makes them.
    """
    if isinstance(value, dict):
        return MappingProxyType(
            {key: item if type(item) is str else freeze(item) for key, item in value.items()}
        )
    if isinstance(value, SEQUENCES):
        return tuple([item if type(item) is str else freeze(item) for item in value])
    return value


def thaw(value: Plain) -> Plain:
    """Return a private, mutable copy of `value`: dicts and lists, ready for `json` or `yaml`."""
    if isinstance(value, dict | MappingProxyType):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value


def is_mapping(value: Plain) -> TypeGuard[Mapping[str, Plain]]:
    """Say whether a plain value is a mapping; much faster than asking the abstract class."""
    return isinstance(value, _MAPPINGS)


def canonical_json(value: Plain) -> str:
    """Return the one JSON text of `value`: keys sorted, no spaces, no ASCII escapes.

    Two values are equal exactly when their canonical JSON is. Raises TypeError on what JSON
    cannot say.
    """
    return _CANONICAL.encode(value)


def sha256(value: Plain) -> str:
    """Return the hex SHA-256 of the canonical JSON of `value` (64 characters)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def differing(one: Plain, two: Plain, path: str = "") -> Iterator[tuple[str, Plain, Plain]]:
    """Yield the leaves in which two plain values differ: dotted path, and both values.

    None is absent, and an empty mapping is no more than that.
    """
    if (is_mapping(one) or one is None) and (is_mapping(two) or two is None):
        left, right = one or EMPTY, two or EMPTY
        for name in sorted(left.keys() | right.keys()):
            below = f"{path}.{name}" if path else name
            yield from differing(left.get(name), right.get(name), below)
    elif canonical_json(one) != canonical_json(two):
        yield path, one, two


class Secret:
    """A value that must not be shown: `repr`, `str` and JSON say `<secret>`, `reveal` says it all.

    Only the modules that hand the value to a cluster or a file call `reveal`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def secrets(value: Plain) -> Iterator[Secret]:
    """Yield every secret in a plain value, in order."""
    if isinstance(value, Secret):
        yield value
    elif is_mapping(value):
        for item in value.values():
            yield from secrets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets(item)


def as_json(value: object) -> Plain:
    """Return what JSON encoders do not know themselves in words that they do. Raises TypeError."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Secret):
        return repr(value)
    raise TypeError(f"{type(value).__name__} is not a plain value")


_CANONICAL: Final = json.JSONEncoder(
    default=as_json,
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
)
