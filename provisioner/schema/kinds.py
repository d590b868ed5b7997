"""The kinds of values that a file can hold, each with its way to read one.

`read` takes what a file says and returns what the program works with: text as it was written,
lists as tuples, mappings read-only. Nothing is coerced. It raises Wrong with every fault at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from provisioner.schema.faults import MAPPING, TEXT, Fault, Wrong
from provisioner.values import SEQUENCES, Plain, freeze, is_mapping


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: Plain) -> object:
        """Return the value as the program has it. Raises Wrong."""


class Anything(Struct, frozen=True):
    """Whatever JSON can say."""

    def read(self, value: Plain) -> Plain:
        """Return the value, frozen."""
        return freeze(value)


class Boolean(Struct, frozen=True):
    """True or false, and no word or number for it."""

    def read(self, value: Plain) -> bool:
        """Return the value. Raises Wrong."""
        if isinstance(value, bool):
            return value
        raise Wrong(Fault("type", value, "true or false"))


class Integer(Struct, frozen=True):
    """A whole number of at least `least`, where that is given."""

    least: int | None = None

    def read(self, value: Plain) -> int:
        """Return the number. Raises Wrong."""
        if type(value) is not int:  # True is an int to isinstance
            raise Wrong(Fault("type", value, "a number"))
        if self.least is not None and value < self.least:
            raise Wrong(Fault("value", value, f"must be {self.least} or more"))
        return value


class Text(Struct, frozen=True):
    """Text of so many characters."""

    least: int = 0
    most: int | None = None

    def read(self, value: Plain) -> str:
        """Return the text. Raises Wrong."""
        text = _text(value)
        if len(text) < self.least:
            raise Wrong(Fault("value", text, "must not be empty", "remove it, or fill it"))
        if self.most is not None and len(text) > self.most:
            raise Wrong(Fault("value", text, f"longer than {self.most} characters"))
        return text


class Matching(Struct, frozen=True):
    """Text that a regular expression matches as a whole; `message` says so in words."""

    pattern: str
    message: str
    hint: str = ""

    def read(self, value: Plain) -> str:
        """Return the text. Raises Wrong."""
        text = _text(value)
        if _whole(self.pattern)(text) is None:
            raise Wrong(Fault("name", text, self.message, self.hint))
        return text


class Parsed(Struct, frozen=True):
    """Text that `parse` takes; it raises ValueError on what it does not take."""

    parse: Callable[[str], object]
    message: str
    hint: str

    def read(self, value: Plain) -> str:
        """Return the text, as it was written. Raises Wrong."""
        text = _text(value)
        try:
            self.parse(text)
        except ValueError:
            raise Wrong(Fault("value", text, self.message, self.hint)) from None
        return text


class OneOf(Struct, frozen=True):
    """One of several words or numbers."""

    choices: tuple[str | int, ...]

    def read(self, value: Plain) -> str | int:
        """Return the value. Raises Wrong."""
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:  # True == 1
                return choice
        raise Wrong(Fault("choice", value, known=tuple(map(repr, self.choices))))


class Maybe(Struct, frozen=True):
    """A value, or null."""

    kind: Kind

    def read(self, value: Plain) -> object:
        """Return the value or None. Raises Wrong."""
        return None if value is None else self.kind.read(value)


class Listed(Struct, frozen=True):
    """A list of values of one kind."""

    kind: Kind

    def read(self, value: Plain) -> tuple[Any, ...]:
        """Return the values. Raises Wrong."""
        if not isinstance(value, SEQUENCES):
            raise Wrong(Fault("type", value, "a list"))
        read, items, faults = self.kind.read, [], list[Fault]()
        for index, item in enumerate(value):
            try:
                items.append(read(item))
            except Wrong as wrong:
                faults.extend(wrong.under(index))
        if faults:
            raise Wrong(*faults)
        return tuple(items)


class OneOrMany(Struct, frozen=True):
    """A list of values of one kind, or one such value, which is of the type `one`, without a list."""

    kind: Kind
    one: type
    wanted: str
    hint: str = ""
    least: int = 0

    def read(self, value: Plain) -> tuple[Any, ...]:
        """Return the values. Raises Wrong."""
        if isinstance(value, self.one):
            return (self.kind.read(value),)
        if not isinstance(value, SEQUENCES):
            raise Wrong(Fault("type", value, self.wanted, self.hint))
        if len(value) < self.least:
            raise Wrong(Fault("value", value, "must not be empty", "remove it, or fill it"))
        return Listed(self.kind).read(value)


class Mapped(Struct, frozen=True):
    """A mapping with keys of the user's own."""

    key: Kind
    kind: Kind

    def read(self, value: Plain) -> Mapping[str, Any]:
        """Return a read-only mapping; an empty one is never `EMPTY`. Raises Wrong."""
        if not is_mapping(value):
            raise Wrong(Fault("type", value, MAPPING))
        key, kind, items, faults = self.key.read, self.kind.read, {}, list[Fault]()
        for name, item in value.items():
            try:
                key(name)
            except Wrong as wrong:
                faults.extend(replace(fault, path=(name,), on_key=True) for fault in wrong.faults)
            try:
                items[name] = kind(item)
            except Wrong as wrong:
                faults.extend(wrong.under(name))
        if faults:
            raise Wrong(*faults)
        return MappingProxyType(items)


class Short(Struct, frozen=True):
    """A value that may be written in a shorter way: `written` are the ways, `expand` makes it whole."""

    kind: Kind
    expand: Callable[[Plain], Plain]
    written: tuple[Kind, ...]

    def read(self, value: Plain) -> object:
        """Return the whole value. Raises Wrong."""
        return self.kind.read(self.expand(value))


def _text(value: Plain) -> str:
    if isinstance(value, str):
        return value
    raise Wrong(Fault("type", value, TEXT))


@cache
def _whole(pattern: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(pattern).fullmatch
