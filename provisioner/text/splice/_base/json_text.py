"""JSON with comments, read: where everything in it stands, level by level as it is asked for.

Python's own decoder, which is written in C, says whether a text is JSON and where a value in it
ends. Comments and trailing commas, which it does not know, are blank to it, so that all offsets
are those of the text. Only where it finds fault is a text read token by token, to say which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from msgspec import Struct

from provisioner.text.splice._base import MAX_DEPTH, NEVER, Path, Span, failure
from provisioner.text.splice._base.json_fault import CLOSING, COMMENT, GAP, HINT, fault
from provisioner.text.splice._base.proof import at, without
from provisioner.values import Plain, is_mapping

_WHITE: Final = " \t\n\r"
_TEXT: Final = r'"(?:[^"\\]++|\\.)*+"'
# All up to what only JSONC has, and that. Junk is a comma that follows no value, what is not closed,
# and whatever else can only stand in a text that has a fault.
_BEYOND: Final = re.compile(
    rf"""(?P<strict>(?: [^"/,:\[{{]++ | {_TEXT} | [:\[{{](?!{GAP},) | ,(?!{GAP}[,}}\]]) | /(?![/*])
      | {NEVER} )*+)
    (?: (?P<comment>{COMMENT.pattern}) | (?P<comma>,(?={GAP}[}}\]]))
      | (?P<junk>/\*(?s:.*+) | (?s:.){GAP},?+) | \Z )""",
    re.VERBOSE,
)
_GROUPS: Final = frozenset({dict, list})
_KEY: Final = re.compile(rf"{GAP}({_TEXT}){GAP}:{GAP}")
_ITEM: Final = re.compile(rf"{GAP}(?=[^\]])")
_COMMA: Final = re.compile(rf"{GAP},")


class Node(NamedTuple):
    """A value in the text: an object or array has its opening bracket in `kind`, a scalar ""."""

    start: int
    end: int
    kind: str = ""


class Member(NamedTuple):
    """What stands in an object by a key, or in an array by an index from 0."""

    key: str | int
    start: int
    comma: int | None
    node: Node

    @property
    def span(self) -> Span:
        """Where the member stands in the group of all."""
        return Span(self.start, self.node.end, self.comma)


class Features(Struct, frozen=True):
    """What a file uses that a client which reads strict JSON cannot read."""

    has_comments: bool
    has_trailing_commas: bool


class Json:
    """A text and where the values in it stand.

    `strict` is the text with blanks for comments and trailing commas; `root` is None where there is
    nothing else. `said` is the whole value, in which numbers are spelled as in the text, as bytes.
    Raises SpliceError where it is not JSON, comments and trailing commas apart.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.strict, self.root, self.said = _read(text)
        self._levels: dict[int, Sequence[Member]] = {}
        self._children: dict[int, Mapping[str | int, Node]] = {}

    def members(self, node: Node) -> Sequence[Member]:
        """Return what stands in `node`, in the order of the text."""
        if node.start not in self._levels:
            self._levels[node.start] = list(self._members(node)) if node.kind else ()
        return self._levels[node.start]

    def children(self, node: Node) -> Mapping[str | int, Node]:
        """Return the values in `node` by key or index; of equal keys the last counts."""
        if node.start not in self._children:
            self._children[node.start] = {member.key: member.node for member in self.members(node)}
        return self._children[node.start]

    def _members(self, node: Node) -> Iterator[Member]:
        lead, at, index = _KEY if node.kind == "{" else _ITEM, node.start + 1, 0
        while found := lead.match(self.text, at):
            start = found.end()
            _, end = _DECODER.raw_decode(self.strict, start)
            value = Node(start, end, _kind(self.text, start))
            comma = _COMMA.match(self.text, end)
            at = comma.end() if comma else end
            place = comma.end() - 1 if comma else None
            if lead is _KEY:
                yield Member(_said(found[1]), found.start(1), place, value)
            else:
                yield Member(index, start, place, value)
                index += 1

    def plain(self, node: Node) -> Plain:
        """Return what `node` says. Raises SpliceError."""
        try:
            return json.loads(self.strict[node.start : node.end])
        except ValueError as error:  # a number of thousands of digits
            raise failure(self.text, node.start, f"cannot be read: {error}", hint=HINT) from error

    @property
    def features(self) -> Features:
        """What beyond strict JSON stands in the text."""
        if self.strict is self.text:
            return Features(has_comments=False, has_trailing_commas=False)
        found = {match.lastgroup for match in _BEYOND.finditer(self.text)}
        return Features("comment" in found, "comma" in found)


def is_proven(
    before: Json, after: str, wanted: Mapping[Path, Plain], gone: Collection[Path]
) -> bool:
    """Whether `after` says what is `wanted` by path, nothing of what is `gone`, and all else as before."""
    try:
        one, other = before.said, Json(after).said
        is_right = all(same(_numbers(at(other, path)), value) for path, value in wanted.items())
    except ValueError:  # SpliceError is one
        return False
    if not is_right or any(_is_there(other, path) for path in gone):
        return False
    for path in (*wanted, *gone):
        one, other = without(one, path), without(other, path)
    return bool(one == other)


def same(one: Plain, other: Plain) -> bool:
    """Whether two values are the same in JSON, where 1, 1.0 and true are three."""
    if is_mapping(one) and is_mapping(other):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def _is_there(said: Plain, path: Path) -> bool:
    parent = at(said, path[:-1])
    return isinstance(parent, dict) and path[-1] in parent


def _numbers(said: Plain) -> Plain:
    """Return a part of what a text says with its numbers as numbers. Raises ValueError."""
    if isinstance(said, bytes):
        return json.loads(said)
    if isinstance(said, dict):
        return {key: _numbers(item) for key, item in said.items()}
    return [_numbers(item) for item in said] if isinstance(said, list) else said


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


# Numbers stay as they are: they may have more digits than Python reads, and 1, 1.0 and true differ.
_DECODER: Final = json.JSONDecoder(
    parse_int=str.encode, parse_float=str.encode, parse_constant=_refuse
)


def _kind(text: str, start: int) -> str:
    return text[start] if text[start] in CLOSING else ""


def _said(key: str) -> str:
    return json.loads(key) if "\\" in key else key[1:-1]


def _read(text: str) -> tuple[str, Node | None, Plain]:
    """Return `text` as strict JSON of the same length, and the value that it holds if there is one."""
    for way in (str, _blanked):
        strict = way(text)
        start = len(strict) - len(strict.lstrip(_WHITE))
        if start == len(strict):
            return strict, None, None
        with suppress(ValueError, RecursionError):
            value, end = _DECODER.raw_decode(strict, start)
            if not (strict[end:].strip(_WHITE) or _is_deep(value)):
                return strict, Node(start, end, _kind(strict, start)), value
    raise fault(text) or failure(text, 0, "cannot be read", hint=HINT)


def _blanked(text: str) -> str:
    """Return `text` with blanks for comments and trailing commas, if it has no fault."""
    return _BEYOND.sub(
        lambda found: found[0] if found["junk"] else found["strict"].ljust(len(found[0])), text
    )


def _is_deep(value: Plain) -> bool:
    """Whether more than MAX_DEPTH brackets stand in each other."""
    groups: list[Iterable[Plain]] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        inner = [item for group in groups for item in group if type(item) in _GROUPS]
        if not inner:
            return False
        groups = [item.values() if type(item) is dict else item for item in inner]
    return True
