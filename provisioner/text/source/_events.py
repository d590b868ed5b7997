"""libyaml's events become plain values, by the core schema of YAML 1.2 and nothing else.

What YAML allows and a reviewer would trip over is refused on the way: see `CODES`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from math import isinf
from typing import Any, Final, NoReturn

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from provisioner.text.source._base import NO_TAGS, Findings, Marks, show
from provisioner.values import Plain

_Event = Any
"""An event as PyYAML hands it over; which attributes it has depends on its class."""

MAX_DEPTH: Final = 64
MAX_ALIASES: Final = 1_000
MAX_REPEATED: Final = 10_000_000
MAX_DIGITS: Final = 18

_WORDS: Final[dict[str, Plain]] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_NOT_TEXT: Final = "+-.0123456789~nNtTfF"  # how a plain scalar begins that may not be text
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(?:\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_HEX_OR_OCTAL: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BARE_TAG: Final = re.compile(r"!(?![^\s,])")
_TAG: Final = re.compile(r"![^\s,\]}]*")
_ANCHOR: Final = re.compile(r"(?:&\S+\s+)?")

_QUOTE_IT: Final = "put it in quotes if it is text"
_REFUSED_NUMBERS: Final = {
    "PV012": (
        "a number with a leading zero means different things to different readers",
        _QUOTE_IT,
    ),
    "PV013": ("this number is too long or too large to be kept exactly", _QUOTE_IT),
    "PV014": ("infinity and not-a-number have no meaning here", _QUOTE_IT),
}


def resolve(text: str) -> tuple[Plain, str]:
    """Return what a plain scalar means, and the code of what is wrong with it or "".

    YAML 1.2.2, section 10.3.2: `on`, `no`, `12:30`, `1_000` are text. What is wrong stays text.
    """
    if text in _WORDS:
        return _WORDS[text], ""
    if text[0].isalpha():
        return text, ""
    if number := _NUMBER.fullmatch(text):
        return _number(text, *number.groups())
    if _HEX_OR_OCTAL.fullmatch(text):
        value = int(text, 0)
        return (value, "") if value < 10**MAX_DIGITS else (text, "PV013")
    return text, "PV014" if _NOT_FINITE.fullmatch(text) else ""


def _number(text: str, mantissa: str, exponent: str | None) -> tuple[Plain, str]:
    if mantissa[0] == "0" and mantissa[1:2].isdigit():
        return text, "PV012"
    if len(mantissa.replace(".", "").lstrip("0")) > MAX_DIGITS or isinf(float(text)):
        return text, "PV013"
    return (float if exponent or "." in mantissa else int)(text), ""


class UnreadableError(Exception):
    """The rest of the file cannot be read; the reason is among the findings."""


class _Anchor(Struct):
    """What an alias repeats: a value, its size in characters and its levels of nesting."""

    value: Plain = None
    size: int = 0
    levels: int = 0
    is_open: bool = True


class Reader:
    """Reads one file's events, once, from the first to the last."""

    def __init__(self, data: bytes, findings: Findings) -> None:
        self.marks = Marks(findings.text)
        self._note_start, self._note_end = self.marks.starts.append, self.marks.ends.append
        self._text = findings.text.text
        self._findings = findings
        self._next: Callable[[], _Event] = yaml.CSafeLoader(data).get_event
        self._anchors: dict[str, _Anchor] = {}
        self._aliases = 0
        self._expanded = 0  # characters that aliases stand for
        self._deepest = 0  # depth reached inside the innermost open anchor

    def read(self) -> Plain:
        """Return the value of the file's only document, None where it has none.

        Raises UnreadableError, and what libyaml raises: `yaml.MarkedYAMLError`.
        """
        self._next()
        if self._next().__class__ is StreamEndEvent:
            return None
        value = self._node(self._next(), 1)
        self._refuse_bare_tags()
        self._next()
        if (second := self._next()).__class__ is not StreamEndEvent:
            hint = "keep one document a file; `include` reads several files as one site"
            self._add(second, "PV005", "a second YAML document begins here", hint)
        return value

    def _node(self, event: _Event, depth: int) -> Plain:
        kind = event.__class__
        if kind is AliasEvent:
            return self._alias(event, depth)
        if event.anchor is not None:
            return self._anchored(event, depth)
        if event.tag is not None:
            self._refuse_tag(event)
        if kind is MappingStartEvent:
            return self._mapping(event, depth)
        if kind is SequenceStartEvent:
            return self._sequence(event, depth)
        self._note_start(event.start_mark.index)
        self._note_end(event.end_mark.index)
        text: str = event.value
        if event.style:
            if "\0" in text:
                self._add(event, "PV019", "text cannot hold the character NUL", "remove its escape")
            return text
        if text[:1] not in _NOT_TEXT:
            return text
        value, code = resolve(text)
        if code:
            self._add(event, code, *_REFUSED_NUMBERS[code])
        return value

    def _mapping(self, event: _Event, depth: int) -> dict[str, Plain]:
        members: dict[str, Plain] = {}
        node = self._enter(event, members, depth)
        while (event := self._next()).__class__ is not MappingEndEvent:
            key = self._key(event, depth)
            if key in members:
                self._refuse_repeated(key, members, node)
            value = self._node(self._next(), depth + 1)
            members.setdefault(key, value)
        self._leave(event, node)
        return members

    def _sequence(self, event: _Event, depth: int) -> list[Plain]:
        items: list[Plain] = []
        node = self._enter(event, items, depth)
        while (event := self._next()).__class__ is not SequenceEndEvent:
            items.append(self._node(event, depth + 1))
        self._leave(event, node)
        return items

    def _key(self, event: _Event, depth: int) -> str:
        if event.__class__ is not ScalarEvent:
            hint = 'put text that begins with "{", "[" or "*" in quotes'
            self._stop(event, "PV010", "a key must be text", hint)
        value = self._node(event, depth)
        key: str = event.value
        if not isinstance(value, str):
            message = f"the key {show(key)} is not text" if key else "a key is missing"
            self._add(event, "PV011", message, "put it in quotes")
        elif key == "<<" and not event.style:
            hint = "write the keys out, or use `extends`"
            self._add(event, "PV009", "merge keys are not supported", hint)
        return key

    def _anchored(self, event: _Event, depth: int) -> Plain:
        anchor = self._anchors[event.anchor] = _Anchor()
        event.anchor = None
        deepest, self._deepest = self._deepest, depth - 1
        node, expanded = len(self.marks.starts), self._expanded
        anchor.value = self._node(event, depth)
        size = self.marks.ends[node] - self.marks.starts[node]
        anchor.size = size + self._expanded - expanded
        anchor.levels = self._deepest - depth + 1
        anchor.is_open = False
        self._deepest = max(deepest, self._deepest)
        return anchor.value

    def _alias(self, event: _Event, depth: int) -> Plain:
        self._mark(event)
        name = event.anchor
        anchor = self._anchors.get(name)
        if anchor is None:
            hint = f'put text that begins with "*" in quotes: "*{name}"'
            self._add(event, "PV015", f"no anchor &{name} stands above this alias", hint)
            return f"*{name}"
        if anchor.is_open:
            hint = "write out what is meant"
            self._add(event, "PV016", f"&{name} would contain itself", hint)
            return None
        self._aliases += 1
        self._expanded += anchor.size
        if self._aliases > MAX_ALIASES or self._expanded > MAX_REPEATED:
            limits = f"{MAX_ALIASES:,} aliases, which repeat {MAX_REPEATED:,} characters"
            self._stop(event, "PV017", f"a file may have at most {limits}", "write some of it out")
        self._go_down(event, depth - 1 + anchor.levels)
        return anchor.value

    def _mark(self, event: _Event) -> None:
        self._note_start(event.start_mark.index)
        self._note_end(event.end_mark.index)

    def _enter(self, event: _Event, container: Plain, depth: int) -> int:
        self._go_down(event, depth)
        node = self.marks.nodes[id(container)] = len(self.marks.starts)
        self._mark(event)
        return node

    def _leave(self, event: _Event, node: int) -> None:
        self.marks.ends[node] = event.end_mark.index
        self.marks.after[node] = len(self.marks.starts)

    def _go_down(self, event: _Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            self._stop(event, "PV018", message, "nothing in a site needs this")
        self._deepest = max(self._deepest, depth)

    def _refuse_repeated(self, key: str, members: dict[str, Plain], node: int) -> None:
        again = len(self.marks.starts) - 1
        self.marks.repeated.add(again)
        if self._findings.full("PV007"):  # the first one is searched for at some cost
            self._findings.count("PV007")
            return
        nodes = zip(members, self.marks.keys(node), strict=False)
        first = next(self.marks.place(at) for name, at in nodes if name == key)
        at = self.marks.starts[again], self.marks.ends[again]
        message = f"the key {show(key)} stands twice in one mapping"
        self._findings.add("PV007", message, "remove one of the two, or join them", at, (first,))

    def _refuse_tag(self, event: _Event) -> None:
        if event.tag != "!":  # _refuse_bare_tags finds those of scalars too
            self._refuse_tag_at(event.start_mark.index)

    def _refuse_bare_tags(self) -> None:
        """Refuse `! value`, a tag that libyaml does not tell of scalars."""
        starts = self.marks.starts
        for tag in _BARE_TAG.finditer(self._text):
            start = starts[bisect_right(starts, tag.start()) - 1]
            if _ANCHOR.fullmatch(self._text, start, tag.start()):
                self._refuse_tag_at(start)

    def _refuse_tag_at(self, start: int) -> None:
        if tag := _TAG.search(self._text, start):
            self._findings.add("PV008", NO_TAGS[0], NO_TAGS[1], tag.span())

    def _add(self, event: _Event, code: str, message: str, hint: str) -> None:
        at = event.start_mark.index, event.end_mark.index
        self._findings.add(code, message, hint, at)

    def _stop(self, event: _Event, code: str, message: str, hint: str) -> NoReturn:
        self._add(event, code, message, hint)
        raise UnreadableError
