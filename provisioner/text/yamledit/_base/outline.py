"""A long YAML text, read entry by entry: what nobody asks for is proven to be whole, and passed over.

The text of an entry of a block collection goes from the line of its key or dash to that of the next.
Where libyaml takes each of these texts for a document of its own, none of them ends inside of
brackets or quotes, so that each stands for itself and together they are the collection: all else
that a line means hangs on the columns of the collections around it. Anchors tie distant places
together; where there may be one, or where keys are written in some other way than nearly all are,
a text is read from its first event to its last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import pairwise
from typing import Final

import yaml

from provisioner.text.splice import NEVER
from provisioner.text.yamledit._base import FarEntry, Node
from provisioner.text.yamledit._base.reader import HIDDEN_BREAK, MAX_DEPTH, read_all, read_entry

LONG: Final = 1 << 14
"""From how many characters on a text is read entry by entry."""

SHORT: Final = 32
"""Entries that have fewer characters than this on average are quicker read than passed over."""

TIE: Final = re.compile(r"[&*](?=[\w-])(?<![^\s\[{,:][&*])")
"""What may be an anchor or an alias, and is one wherever there is one."""

_DEEP: Final = re.compile(rf"[\[{{](?:[^\[\]{{}}]*+[\[{{]){{{MAX_DEPTH}}}")
"""What will be refused, after a moment if it is read, and after a long one if it is shown to libyaml."""

_KEY: Final = r"""(?:\w(?:[\w ./@+-]*[\w./@+-])?|"[^"\\\n]*"|'[^'\n]*')(?=:[ \r\n])"""
_BLANK: Final = r"[ ]*+(?:\#[^\n]*+)?\r?\n"
_DASH: Final = r"-(?=[ \r\n])"
_FIRST: Final = re.compile(rf"(?:{_BLANK}|{NEVER})*+(?P<indent>[ ]*+)(?P<sign>{_KEY}|{_DASH})")
_START: Final = re.compile(rf"(?:(?:{_BLANK}|{NEVER})*+---[ ]*+\r?\n|{NEVER})?+")
_HEAD: Final = re.compile(rf"[ ]*+{_KEY}:{_BLANK}")


def read(text: str) -> Node | None:
    """Return the root of the one document in `text`, None where there are only comments.

    Raises SpliceError where it is not YAML, or has a second document.
    """
    odd = (TIE, HIDDEN_BREAK, _DEEP)
    is_plain = len(text) >= LONG and not any(pattern.search(text) for pattern in odd)
    start = _START.match(text) if is_plain else None
    root = _collection(text, start.end(), len(text), 1) if start else None
    return root or read_all(text)


def _collection(text: str, start: int, stop: int, depth: int) -> Node | None:
    """Return the block collection that begins after blank lines, None where this is not certain."""
    first = _FIRST.match(text, start, stop)
    if not first or depth > MAX_DEPTH:
        return None
    indent = len(first["indent"])
    is_list = first["sign"] == "-"
    sign, other = _lines(indent, is_list)
    signs = [first, *sign.finditer(text, first.end(), stop)]
    bounds = [*(found.start("sign") - indent for found in signs), stop]
    if len(signs) * SHORT > stop - start:
        return None
    if other.search(text, first.end(), stop) or not all(_are_whole(text, bounds)):
        return None
    entries = [
        FarEntry(
            None if is_list else _key(found),
            text[one:two],
            one + indent,
            partial(_value, text, one, two, depth),
        )
        for found, (one, two) in zip(signs, pairwise(bounds), strict=True)
    ]
    kind = "list" if is_list else "map"
    return Node(kind, entries[0].begin, entries[-1].value.end, entries=entries)


@lru_cache
def _lines(indent: int, is_list: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what matches the next key or dash, and a line that is of none of the entries.

    The items of a list may stand below their key without being indented.
    """
    lead = rf"[ ]{{{indent}}}"
    sign = _DASH if is_list else _KEY
    other = rf"\n(?!{lead}(?:[ ]|{_DASH}|{sign})|{_BLANK})."
    return re.compile(rf"\n{lead}(?P<sign>{sign})"), re.compile(other)


def _are_whole(text: str, bounds: list[int]) -> Iterator[bool]:
    """Yield for each part of a text whether it is a YAML document."""
    for one, two in pairwise(bounds):
        try:
            yaml.CSafeLoader(text[one:two]).raw_parse()
        except yaml.YAMLError:
            yield False
        else:
            yield True


def _key(found: re.Match[str]) -> Node:
    written = found["sign"]
    style = written[0] if written[0] in "\"'" else ""
    said = written[1:-1] if style else written
    return Node("text", found.start("sign"), found.end("sign"), style, "", said)


def _value(text: str, start: int, stop: int, depth: int) -> Node:
    """Return the value of an entry of a collection that is `depth` collections deep."""
    head = _HEAD.match(text, start) if stop - start >= LONG else None
    inner = _collection(text, head.end(), stop, depth + 1) if head else None
    return inner or read_entry(text, start, stop, depth).value
