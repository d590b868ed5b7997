"""YAML, read for editing: libyaml's events tell where everything stands, to the character."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from provisioner.text.splice import SpliceError, failure
from provisioner.text.yamledit._base import HINT, Entry, FarEntry, Node

MAX_DEPTH: Final = 64
MAX_SIZE: Final = 1_000_000

HIDDEN_BREAK: Final = re.compile("[\r\x85\u2028\u2029](?!(?<=\r)\n)")
_BLOCK: Final = frozenset({"|", ">"})
_ENDS: Final = frozenset({MappingEndEvent, SequenceEndEvent})
# What the class of a tuple does for each of them, without a call of Python's own in between.
_node: Final = partial(tuple.__new__, Node)
_entry: Final = partial(tuple.__new__, Entry)
_size: Final = attrgetter("size")
_Event = Any  # the events of libyaml always have their marks; their types do not say so


def read_all(text: str) -> Node | None:
    """Return the root of the one document in `text`, None where there are only comments.

    Raises SpliceError where it is not YAML, or has a second document.
    """
    if hidden := HIDDEN_BREAK.search(text):
        message = f"a line break that not every reader takes for one (U+{ord(hidden[0]):04X})"
        raise failure(text, hidden.start(), message, hint=HINT)
    try:
        return _Reader(text).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = mark.index if mark else min(getattr(error, "position", 0), len(text))
        problem = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
        raise failure(text, at, f"not YAML: {problem}", hint=HINT) from error


def read_entry(text: str, start: int, stop: int, depth: int) -> Entry | FarEntry:
    """Return the entry of a collection, `depth` deep, that is known to stand between two offsets."""
    return _Reader(text, start, stop).entry(depth)


class _Reader:
    """Reads the events of a text or of a part of it, once, from the first to the last."""

    def __init__(self, text: str, begin: int = 0, stop: int | None = None) -> None:
        self._text = text
        self._begin = begin
        self._next: Callable[[], _Event] = yaml.CSafeLoader(text[begin:stop]).get_event
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

    def entry(self, depth: int) -> Entry | FarEntry:
        """Return the one entry of a collection that is `depth` collections deep."""
        for _ in ("the stream", "the document"):
            self._next()
        return self._node(self._next(), depth).entries[0]

    def _place(self, event: _Event) -> tuple[int, int]:
        """Return where an event begins and ends in the text."""
        return self._begin + event.start_mark.index, self._begin + event.end_mark.index

    def _node(self, event: _Event, depth: int) -> Node:
        kind = type(event)  # asked of every value of a file: isinstance takes twice as long
        if kind is ScalarEvent:
            return self._scalar(event)
        return self._alias(event) if kind is AliasEvent else self._collection(event, depth)

    def _marks(self, event: _Event) -> str:
        """Return the anchor and the tag of a value."""
        if not (event.anchor or event.tag):
            return ""
        return f"{f'&{event.anchor} ' if event.anchor else ''}{event.tag or ''}"

    def _alias(self, event: _Event) -> Node:
        start, end = self._place(event)
        if event.anchor not in self._anchors:
            raise self._failure(event, f"there is no anchor &{event.anchor} before this")
        target = self._anchors[event.anchor]
        return Node("alias", start, end, "", "", event.anchor, (Entry(None, target),), target.size)

    def _scalar(self, event: _Event) -> Node:
        start, end = self._place(event)
        value: str = event.value
        style: str = event.style or ""
        # The blank lines after a block scalar are part of it only where it says so, with "+".
        if style in _BLOCK and not (value == "\n" or value.endswith("\n\n")):
            end = start + len(self._text[start:end].rstrip())
        marks = self._marks(event) if event.anchor or event.tag else ""
        node = _node(("text", start, end, style, marks, value, (), 1))
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: _Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._failure(event, f"nested more than {MAX_DEPTH} levels deep")
        start, inside = self._place(event)
        # A pair in a list, `[a: 1]`, is a mapping without a bracket of its own.
        bracket = self._text[inside - 1] if inside > start else "?"
        style = bracket if event.flow_style else ""
        values: list[Node] = []
        following, scalar = self._next, self._scalar
        while (kind := type(inner := following())) not in _ENDS:
            values.append(scalar(inner) if kind is ScalarEvent else self._node(inner, depth + 1))
        keys: Iterable[Node | None] = repeat(None)
        if is_map := isinstance(event, MappingStartEvent):
            keys, values = values[::2], values[1::2]
        size = 1 + sum(map(_size, values))
        if size > MAX_SIZE:
            raise self._failure(event, "aliases repeat this too often")
        entries = list(map(_entry, zip(keys, values, strict=False)))
        end = self._place(inner)[1] if style else values[-1].end
        text = "" if entries else self._text[inside : end - 1].strip()
        node = Node(
            "map" if is_map else "list", start, end, style, self._marks(event), text, entries, size
        )
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _failure(self, event: _Event, message: str) -> SpliceError:
        start, end = self._place(event)
        return failure(self._text, start, message, end=end, hint=HINT)
