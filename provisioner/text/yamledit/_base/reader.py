"""YAML, read for editing: libyaml's events tell where everything stands, to the character."""

from __future__ import annotations

import re
from collections.abc import Callable
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

from provisioner.text.splice import SpliceError, collector_paused, failure
from provisioner.text.yamledit._base import HINT, Entry, Node

MAX_DEPTH: Final = 64
MAX_SIZE: Final = 1_000_000

_HIDDEN_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_BLOCK: Final = ("|", ">")
_ENDS: Final = frozenset({MappingEndEvent, SequenceEndEvent})
_Event = Any  # the events of libyaml always have their marks; their types do not say so


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
        kind = type(event)  # asked of every value of a file: isinstance takes twice as long
        if kind is AliasEvent:
            return self._alias(event)
        marks = ""
        if event.anchor or event.tag:
            marks = f"{f'&{event.anchor} ' if event.anchor else ''}{event.tag or ''}"
        build = self._scalar if kind is ScalarEvent else self._collection
        node = build(event, marks, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: _Event) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor not in self._anchors:
            raise self._failure(event, f"there is no anchor &{event.anchor} before this")
        target = self._anchors[event.anchor]
        return Node("alias", start, end, "", "", event.anchor, (Entry(None, target),), target.size)

    def _scalar(self, event: _Event, marks: str, _depth: int) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        value: str = event.value
        # The blank lines after a block scalar are part of it only where it says so, with "+".
        if event.style in _BLOCK and not (value == "\n" or value.endswith("\n\n")):
            end = start + len(self._text[start:end].rstrip())
        return Node("text", start, end, event.style or "", marks, value)

    def _collection(self, event: _Event, marks: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._failure(event, f"nested more than {MAX_DEPTH} levels deep")
        is_map = isinstance(event, MappingStartEvent)
        start, inside = event.start_mark.index, event.end_mark.index
        # A pair in a list, `[a: 1]`, is a mapping without a bracket of its own.
        bracket = self._text[inside - 1] if inside > start else "?"
        style = bracket if event.flow_style else ""
        entries: list[Entry] = []
        size, key = 1, None
        while type(following := self._next()) not in _ENDS:
            if is_map:
                key = self._node(following, depth + 1)
                following = self._next()
            value = self._node(following, depth + 1)
            entries.append(Entry(key, value))
            size += value.size
        if size > MAX_SIZE:
            raise self._failure(event, "aliases repeat this too often")
        end = following.end_mark.index if style else entries[-1].value.end
        text = "" if entries else self._text[inside : end - 1].strip()
        return Node("map" if is_map else "list", start, end, style, marks, text, entries, size)

    def _failure(self, event: _Event, message: str) -> SpliceError:
        at = event.start_mark.index
        return failure(self._text, at, message, end=event.end_mark.index, hint=HINT)
