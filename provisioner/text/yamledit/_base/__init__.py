"""YAML as it is edited: values with their places, and what a value says to whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml
from msgspec import Struct

from provisioner.values import Plain

HINT: Final = "nothing was changed; mend the file and run it again"

_NUMBER: Final = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,300})(?P<point>\.[0-9]+)?(?P<power>[eE][-+]?[0-9]{1,3})?"
)
# Numbers in YAML 1.2 only; those of YAML 1.1 are in PyYAML's table.
_NEW_NUMBER: Final = re.compile(
    r"0o[0-7]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_OLD_TYPES: Final[Mapping[Any, Any]] = yaml.SafeLoader.yaml_implicit_resolvers
_WORDS: Final[Mapping[str, Plain]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Item(Struct, frozen=True):
    """A step of a path into a list: the one item whose plain value passes the test.

    `name` says in an error message which one that is. Only items whose source has `word` in it can
    pass, unless it has escapes, so that others need not be read.
    """

    name: str
    test: Callable[[Plain], bool]
    word: str = ""

    def __str__(self) -> str:
        return f"[{self.name}]"


Step = str | Item
"""One step of a path: a mapping's key, or what picks a list's item."""


class Node(NamedTuple):
    """A value in the text, from its first character to the one after its last.

    `kind` is "map", "list", "text" or "alias". `style` is the opening bracket of a collection, ""
    in block style, or the first character of a scalar that is not plain. `marks` are its anchor
    and tag, `text` what a scalar says or a comment in empty brackets; an alias has what it stands
    for as its one entry. `size` counts the nodes that a reader who follows aliases is given.
    """

    kind: str
    start: int
    end: int
    style: str = ""
    marks: str = ""
    text: str = ""
    entries: Sequence[Entry | FarEntry] = ()
    size: int = 1

    @property
    def is_blank(self) -> bool:
        """Whether this is null or a collection without entries, for something to be put there."""
        if self.marks or self.kind == "alias" or self.entries:
            return False
        if self.kind == "text":
            return not self.style and _WORDS.get(self.text, 0) is None
        return not self.text

    @property
    def last(self) -> Node:
        """What a collection in block style ends with, or else the value itself."""
        is_block = self.entries and not self.style and self.kind != "alias"
        return self.entries[-1].value.last if is_block else self


class Entry(NamedTuple):
    """A value with its key in a mapping, or without one in a list."""

    key: Node | None
    value: Node

    @property
    def first(self) -> Node:
        """The key, or a value without one."""
        return self.key or self.value


class FarEntry:
    """An entry that begins at an offset and has a source; its value is read when it is asked for."""

    __slots__ = ("_read", "_value", "begin", "key", "source")

    def __init__(self, key: Node | None, source: str, begin: int, read: Callable[[], Node]) -> None:
        self.key = key
        self.source = source
        self.begin = begin
        self._read = read
        self._value: Node | None = None

    @property
    def first(self) -> Node:
        """The key, or a value without one."""
        return self.key or self.value

    @property
    def value(self) -> Node:
        """The value, the same whenever it is asked for."""
        if self._value is None:
            self._value = self._read()
        return self._value


def plain(node: Node) -> Plain:
    """Return what `node` says by the core schema of YAML 1.2; tags and merge keys mean nothing."""
    if node.kind == "alias":
        return plain(node.entries[0].value)
    if node.kind == "list":
        return [plain(entry.value) for entry in node.entries]
    if node.kind == "map":
        return {entry.key.text: plain(entry.value) for entry in node.entries if entry.key}
    if node.style:
        return node.text
    if node.text in _WORDS:
        return _WORDS[node.text]
    if number := _NUMBER.fullmatch(node.text):
        return float(node.text) if number["point"] or number["power"] else int(node.text)
    return node.text


def same(node: Node | None, value: Plain) -> bool:
    """Whether every reader of YAML, 1.1 and 1.2, takes `node` for `value`."""
    if node is None or node.marks or node.kind == "alias":
        return False
    if isinstance(value, Mapping):
        texts = {
            entry.key.text: entry.value for entry in node.entries if entry.key and is_key(entry.key)
        }
        return (
            node.kind == "map"
            and len(node.entries) == len(value)
            and texts.keys() == value.keys()
            and all(same(texts[key], value[key]) for key in value)
        )
    if isinstance(value, list | tuple):
        items = [entry.value for entry in node.entries]
        return node.kind == "list" and len(items) == len(value) and all(map(same, items, value))
    if node.kind != "text":
        return False
    if isinstance(value, str):
        return node.text == value and (bool(node.style) or is_text(value))
    return not node.style and type(plain(node)) is type(value) and bool(plain(node) == value)


def is_key(node: Node) -> bool:
    """Whether `node` can be the key that one of our paths names."""
    return node.kind == "text" and not node.marks


def is_text(text: str) -> bool:
    """Whether every reader takes the plain scalar `text` for text, not for a number or a date."""
    old = (*_OLD_TYPES.get(text[:1], ()), *_OLD_TYPES.get(None, ()))
    return not (
        text in _WORDS or _NEW_NUMBER.fullmatch(text) or any(type_.match(text) for _, type_ in old)
    )


def alike(one: Node | None, other: Node | None, but: Collection[int]) -> bool:
    """Whether two values say the same, anchors and tags and order included.

    Of either, the values whose `id` is in `but` are left out.
    """
    one, other = (None if id(one) in but else one), (None if id(other) in but else other)
    if one is None or other is None:
        return one is other
    if (one.kind, one.marks) != (other.kind, other.marks):
        return False
    if one.kind in ("text", "alias"):
        return one.text == other.text and bool(one.style) == bool(other.style)
    ones = [entry for entry in one.entries if id(entry.value) not in but]
    others = [entry for entry in other.entries if id(entry.value) not in but]
    return len(ones) == len(others) and all(
        alike(a.key, b.key, but) and alike(a.value, b.value, but)
        for a, b in zip(ones, others, strict=True)
    )


def nodes(node: Node) -> Iterator[Node]:
    """Yield `node` and every value below it, in the order of the text."""
    yield node
    for entry in node.entries if node.kind != "alias" else ():
        yield from nodes(entry.value)


def may_say(entry: Entry | FarEntry, words: Collection[str]) -> bool:
    """Whether one of `words` may be in what an entry says: a word has neither spaces nor quotes."""
    if not isinstance(entry, FarEntry) or "\\" in entry.source:
        return True
    return any(word in entry.source for word in words)


def is_meant(entry: Entry | FarEntry, step: Step) -> bool:
    if isinstance(step, Item):
        return may_say(entry, [step.word]) and step.test(plain(entry.value))
    key = entry.key.entries[0].value if entry.key and entry.key.kind == "alias" else entry.key
    return key is not None and key.kind == "text" and key.text == step


def keys_of(node: Node) -> list[str | int]:
    """Return the keys of a mapping, or the indices of a list and of keys that are not text."""
    keys = enumerate(entry.key for entry in node.entries)
    return [key.text if key and key.kind == "text" else at for at, key in keys]


def kind_of(value: Plain) -> str:
    if isinstance(value, Mapping):
        return "map"
    return "list" if isinstance(value, list | tuple) else "text"


def column(text: str, offset: int) -> int:
    """Return how many characters stand before `offset` on its line."""
    return offset - text.rfind("\n", 0, offset) - 1
