"""JSON with comments that has a fault, read token by token to say which, and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from provisioner.text.splice._base import MAX_DEPTH, NEVER, SpliceError, failure

COMMENT: Final = re.compile(r"//[^\n\r\u2028\u2029]*+|/\*(?s:.*?)\*/")
GAP: Final = rf"(?:[ \t\n\r]++|{COMMENT.pattern}|{NEVER})*+"
CLOSING: Final = {"{": "}", "[": "]"}
HINT: Final = "nothing was changed; mend the file and run it again"

# White space and comments, then a string, a sign, a word or number, or something that is neither.
_TOKEN: Final = re.compile(
    rf"""{GAP}
    (?: ("[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}})[^"\\\x00-\x1f]*+|{NEVER})*+")
      | ([{{}}\[\]:,])
      | ((?:true|false|null|-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++|{NEVER})?+
          (?:[eE][+-]?+[0-9]++|{NEVER})?+)(?![\w.+-]))
      | ((?s:.))
      | \Z)""",
    re.VERBOSE,
)
_STRING, _SIGN, _WORD, _JUNK = 1, 2, 3, 4
_JUNK_NAMES: Final = {
    '"': "a string that is not closed, or holds a bad escape or a control character",
    "/": "a comment that is not closed",
    "'": "a single quote, where JSON wants double ones",
}


def fault(text: str) -> SpliceError | None:
    """Return the error about the first fault in `text`, None where it has none."""
    try:
        _Reader(text).read()
    except SpliceError as error:
        return error
    return None


class _Reader:
    """Reads the tokens of one text, from the first to the one that is at fault."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], re.Match[str]] = _TOKEN.finditer(text).__next__

    def read(self) -> None:
        """Pass the one value of the text, if it has any. Raises SpliceError."""
        token = self._next()
        if token.lastindex:
            self._value(token, 0)
            token = self._next()
        if token.lastindex:
            raise self._failure(token, "the end of the file")

    def _value(self, token: re.Match[str], depth: int) -> None:
        """Pass the value that begins with `token`, which is `depth` brackets deep."""
        if token.lastindex in (_STRING, _WORD):
            return
        opening = token[_SIGN]
        if opening not in CLOSING:
            raise self._failure(token, "a value")
        if depth == MAX_DEPTH:
            raise self._failure(token, f"at most {MAX_DEPTH} brackets in each other")
        closing = CLOSING[opening]
        following = self._next()
        while following[_SIGN] != closing:
            self._value(self._after_key(following) if opening == "{" else following, depth + 1)
            following = self._next()
            if following[_SIGN] == ",":
                following = self._next()
            elif following[_SIGN] != closing:
                raise self._failure(following, f'"," or "{closing}"')

    def _after_key(self, token: re.Match[str]) -> re.Match[str]:
        """Return the first token of the value whose key `token` is."""
        if token.lastindex != _STRING:
            raise self._failure(token, 'a key in double quotes or "}"')
        colon = self._next()
        if colon[_SIGN] != ":":
            raise self._failure(colon, '":"')
        return self._next()

    def _failure(self, token: re.Match[str], wanted: str) -> SpliceError:
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
