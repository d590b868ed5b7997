"""YAML, read for editing: libyaml's events tell where everything stands, to the character."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from provisioner.text.splice import SpliceError, collector_paused, failure
from provisioner.values import Plain

HINT: Final = "nothing was changed; mend the file and run it again"
MAX_DEPTH: Final = 64
MAX_SIZE: Final = 1_000_000

_HIDDEN_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
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

_Event = Any  # the events of libyaml always have their marks; their types do not say so


@dataclass(frozen=True, slots=True)
class Item:
    """A step of a path into a list: the one item whose plain value passes the test.

    `name` says in an error message which one that is.
    """

    name: str
    test: Callable[[Plain], bool]

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
    entries: Sequence[Entry] = ()
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


def read(text: str) -> Node | None:
    """Return the root of the one document in `text`, None where there are only comments.

    Raises SpliceError where it is not YAML, or has a second document.
    """
    if hidden := _HIDDEN_BREAK.search(text):
        message = f"a line break that not every reader takes for one (U+{ord(hidden[0]):04X})"
        raise failure(text, hidden.start(), message, hint=HINT)
    try:
        with collector_paused():
            return _Reader(text).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = mark.index if mark else min(getattr(error, "position", 0), len(text))
        problem = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
        raise failure(text, at, f"not YAML: {problem}", hint=HINT) from error


class _Reader:
    """Reads the events of one text, once, from the first to the last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], _Event] = yaml.CSafeLoader(text).get_event
        self._anchors: dict[str, Node] = {}

    def read(self) -> Node | None:
        self._next()
        if isinstance(self._next(), StreamEndEvent):
            return None
        root = self._node(self._next(), 1)
        self._next()
        if not isinstance(second := self._next(), StreamEndEvent):
            raise self._failure(
                second, "a second document begins here; only a single one can be edited"
            )
        return root

    def _node(self, event: _Event, depth: int) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise self._failure(event, f"there is no anchor &{event.anchor} before this")
            target = self._anchors[event.anchor]
            return Node(
                "alias", start, end, "", "", event.anchor, (Entry(None, target),), target.size
            )
        marks = f"&{event.anchor} " if event.anchor else ""
        marks += event.tag or ""
        if isinstance(event, ScalarEvent):
            # The blank lines after a block scalar are part of it only where it says so, with "+".
            keeps_blank = event.value == "\n" or event.value.endswith("\n\n")
            end = end if keeps_blank else start + len(self._text[start:end].rstrip())
            node = Node("text", start, end, event.style or "", marks, event.value)
        else:
            node = self._collection(event, marks, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: _Event, marks: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._failure(event, f"nested more than {MAX_DEPTH} levels deep")
        is_map = isinstance(event, MappingStartEvent)
        inside = event.end_mark.index
        # A pair in a list, `[a: 1]`, is a mapping without a bracket of its own.
        bracket = self._text[inside - 1] if inside > event.start_mark.index else "?"
        style = bracket if event.flow_style else ""
        entries: list[Entry] = []
        while not isinstance(first := self._next(), MappingEndEvent | SequenceEndEvent):
            key = self._node(first, depth + 1) if is_map else None
            entries.append(Entry(key, self._node(self._next() if is_map else first, depth + 1)))
        last: _Event = first
        end = last.end_mark.index if style else entries[-1].value.end
        size = 1 + sum(entry.value.size for entry in entries)
        if size > MAX_SIZE:
            raise self._failure(event, "aliases repeat this too often")
        kind = "map" if is_map else "list"
        text = "" if entries else self._text[inside : end - 1].strip()
        return Node(kind, event.start_mark.index, end, style, marks, text, entries, size)

    def _failure(self, event: _Event, message: str) -> SpliceError:
        at = event.start_mark.index
        return failure(self._text, at, message, end=event.end_mark.index, hint=HINT)


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


def alike(one: Node | None, other: Node | None, *, but: tuple[Node | None, Node | None]) -> bool:
    """Whether two texts say the same, anchors and tags and order included, `but` for one value each."""
    one, other = (None if one is but[0] else one), (None if other is but[1] else other)
    if one is None or other is None:
        return one is other
    if (one.kind, one.marks) != (other.kind, other.marks):
        return False
    if one.kind in ("text", "alias"):
        return one.text == other.text and bool(one.style) == bool(other.style)
    ones = [entry for entry in one.entries if entry.value is not but[0]]
    others = [entry for entry in other.entries if entry.value is not but[1]]
    return len(ones) == len(others) and all(
        alike(a.key, b.key, but=but) and alike(a.value, b.value, but=but)
        for a, b in zip(ones, others, strict=True)
    )


def nodes(node: Node) -> Iterator[Node]:
    """Yield `node` and every value below it, in the order of the text."""
    yield node
    for entry in node.entries if node.kind != "alias" else ():
        yield from nodes(entry.value)


def is_meant(entry: Entry, step: Step) -> bool:
    if isinstance(step, Item):
        return step.test(plain(entry.value))
    key = entry.key.entries[0].value if entry.key and entry.key.kind == "alias" else entry.key
    return key is not None and key.kind == "text" and key.text == step


def keys_of(node: Node) -> list[str | int]:
    """Return the keys of a mapping, or the indices of a list and of keys that are not text."""
    entries = enumerate(node.entries)
    return [key.text if key and key.kind == "text" else at for at, (key, _) in entries]


def kind_of(value: Plain) -> str:
    if isinstance(value, Mapping):
        return "map"
    return "list" if isinstance(value, list | tuple) else "text"


def column(text: str, offset: int) -> int:
    """Return how many characters stand before `offset` on its line."""
    return offset - text.rfind("\n", 0, offset) - 1
