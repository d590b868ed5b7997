"""JSON with comments, read: one pass over the text finds where everything in it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from provisioner.text.splice._base import MAX_DEPTH, Span, SpliceError, collector_paused, failure
from provisioner.values import Plain

COMMENT: Final = re.compile(r"//[^\n\r\u2028\u2029]*+|/\*(?s:.*?)\*/")
HINT: Final = "nothing was changed; mend the file and run it again"

# White space and comments, then a string, a sign, a word or number, or something that is neither.
_TOKEN: Final = re.compile(
    rf"""(?:[ \t\n\r]++|{COMMENT.pattern})*+
    (?: ("[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}})[^"\\\x00-\x1f]*+)*+")
      | ([{{}}\[\]:,])
      | ((?:true|false|null|-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+)(?![\w.+-]))
      | ((?s:.))
      | \Z)""",
    re.VERBOSE,
)
# What only JSONC has, in a text that is known to be that; texts are passed over.
_BEYOND: Final = re.compile(
    rf"""(?P<comma>,(?:[ \t\n\r]++|{COMMENT.pattern})*+[}}\]]) | (?P<comment>{COMMENT.pattern})
    | "(?:[^"\\]++|\\.)*+\"""",
    re.VERBOSE,
)
_STRING, _SIGN, _WORD, _JUNK = 1, 2, 3, 4
_CLOSING: Final = {"{": "}", "[": "]"}
_JUNK_NAMES: Final = {
    '"': "a string that is not closed, or holds a bad escape or a control character",
    "/": "a comment that is not closed",
    "'": "a single quote, where JSON wants double ones",
}


class Node(NamedTuple):
    """A value in the text: an object or array has its opening bracket in `kind`, a scalar ""."""

    start: int
    end: int
    kind: str = ""
    members: Sequence[Member] = ()


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


@dataclass(frozen=True, slots=True)
class Features:
    """What a file uses that a client which reads strict JSON cannot read."""

    has_comments: bool
    has_trailing_commas: bool


def read(text: str) -> Node | None:
    """Return the value that `text` holds, None where there are only white space and comments.

    Raises SpliceError where it is not JSON, comments and trailing commas apart.
    """
    reader = _Reader(text)
    first = reader.next()
    if not first.lastindex:
        return None
    with collector_paused():
        root = reader.value(first, 0)
    if (rest := reader.next()).lastindex:
        raise reader.failure(rest, "the end of the file")
    return root


def plain(text: str, node: Node) -> Plain:
    """Return what `node` says; of equal keys the last counts. Raises SpliceError."""
    pieces: list[str] = []
    for token in _TOKEN.finditer(text, node.start, node.end):
        piece = token[token.lastindex or 0]
        if pieces and pieces[-1] == "," and piece in ("}", "]"):
            pieces.pop()
        pieces.append(piece)
    try:
        return json.loads("".join(pieces))
    except ValueError as error:  # a number of thousands of digits
        raise failure(text, node.start, f"cannot be read: {error}", hint=HINT) from error


def beyond_strict(text: str) -> Features:
    """Return what beyond strict JSON stands in a text that `read` can read."""
    has_comments = has_trailing_commas = False
    for found in _BEYOND.finditer(text):
        has_comments = has_comments or "/" in (found["comment"] or found["comma"] or "")
        has_trailing_commas = has_trailing_commas or found["comma"] is not None
    return Features(has_comments, has_trailing_commas)


class _Reader:
    """Reads the tokens of one text, once, from the first to the last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.next: Callable[[], re.Match[str]] = _TOKEN.finditer(text).__next__

    def value(self, token: re.Match[str], depth: int) -> Node:
        """Return the value that begins with `token`, which is `depth` brackets deep."""
        kind = token.lastindex
        if kind in (_STRING, _WORD):
            return Node(token.start(kind), token.end())
        if token[_SIGN] not in _CLOSING:
            raise self.failure(token, "a value")
        if depth == MAX_DEPTH:
            raise self.failure(token, f"at most {MAX_DEPTH} brackets in each other")
        members: list[Member] = []
        opening = token[_SIGN]
        closing = _CLOSING[opening]
        following = self.next()
        while following[_SIGN] != closing:
            key: str | int = len(members)
            start = following.start(following.lastindex or 0)
            if opening == "{":
                key, following = self._key(following)
            node = self.value(following, depth + 1)
            following = self.next()
            comma = None
            if following[_SIGN] == ",":
                comma = following.start(_SIGN)
                following = self.next()
            elif following[_SIGN] != closing:
                raise self.failure(following, f'"," or "{closing}"')
            members.append(Member(key, start, comma, node))
        return Node(token.start(_SIGN), following.end(), opening, members)

    def _key(self, token: re.Match[str]) -> tuple[str, re.Match[str]]:
        """Return the key that `token` is, and the first token of its value."""
        if token.lastindex != _STRING:
            raise self.failure(token, 'a key in double quotes or "}"')
        colon = self.next()
        if colon[_SIGN] != ":":
            raise self.failure(colon, '":"')
        written = token[_STRING]
        return json.loads(written) if "\\" in written else written[1:-1], self.next()

    def failure(self, token: re.Match[str], wanted: str) -> SpliceError:
        """Return the error that says what stands at `token` in place of what is `wanted`."""
        kind = token.lastindex
        found, start = "the end of the file", token.end()
        if kind:
            piece, start = token[kind], token.start(kind)
            found = {_SIGN: f'"{piece}"', _JUNK: _JUNK_NAMES.get(piece, ascii(piece))}.get(
                kind, "a value"
            )
        message = f"expected {wanted}, found {found}"
        return failure(self._text, start, message, end=token.end(), hint=HINT)
