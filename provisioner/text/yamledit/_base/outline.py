"""A long YAML text, read entry by entry: what nobody asks for is proven to be whole, and passed over.

The text of an entry of a block mapping goes from the line of its key to the line of the next one.
Where libyaml takes each of these texts for a document of its own, none of them ends inside of
brackets or quotes, so that each stands for itself and together they are the mapping: all else that
a line means hangs on the columns of the collections around it. Anchors tie distant places
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

from provisioner.text.yamledit._base import FarEntry, Node
from provisioner.text.yamledit._base.reader import HIDDEN_BREAK, MAX_DEPTH, read_all, read_entry

LONG: Final = 1 << 14
"""From how many characters on a text is read entry by entry."""

TIE: Final = re.compile(r"[&*](?=[\w-])(?<![^\s\[{,:][&*])")
"""What may be an anchor or an alias, and is one wherever there is one."""

_KEY: Final = r"""(?:\w(?:[\w ./@+-]*[\w./@+-])?|"[^"\\\n]*"|'[^'\n]*')(?=:[ \r\n])"""
_BLANK: Final = r"[ ]*+(?:\#[^\n]*+)?\r?\n"
_FIRST: Final = re.compile(rf"(?:{_BLANK})*+(?P<indent>[ ]*+)(?P<key>{_KEY})")
_HEAD: Final = re.compile(rf"[ ]*+{_KEY}:{_BLANK}")


def read(text: str) -> Node | None:
    """Return the root of the one document in `text`, None where there are only comments.

    Raises SpliceError where it is not YAML, or has a second document.
    """
    is_plain = len(text) >= LONG and not TIE.search(text) and not HIDDEN_BREAK.search(text)
    root = _mapping(text, 0, len(text), 1) if is_plain else None
    return root or read_all(text)


def _mapping(text: str, start: int, stop: int, depth: int) -> Node | None:
    """Return the block mapping that begins after blank lines, None where this is not certain."""
    first = _FIRST.match(text, start, stop)
    if not first or depth > MAX_DEPTH:
        return None
    indent = len(first["indent"])
    key, other = _lines(indent)
    keys = [first, *key.finditer(text, first.end(), stop)]
    bounds = [*(found.start("key") - indent for found in keys), stop]
    if other.search(text, first.end(), stop) or not all(_are_whole(text, bounds)):
        return None
    entries = [
        FarEntry(_node(found), partial(_value, text, one, two, depth))
        for found, (one, two) in zip(keys, pairwise(bounds), strict=True)
    ]
    return Node("map", keys[0].start("key"), entries[-1].value.end, entries=entries)


@lru_cache
def _lines(indent: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what matches the next key of a mapping, and a line that is of none of its entries.

    The items of a list may stand below their key without being indented.
    """
    lead = rf"[ ]{{{indent}}}"
    key = re.compile(rf"\n{lead}(?P<key>{_KEY})")
    return key, re.compile(rf"\n(?!{lead}(?:[ ]|-[ \r\n]|{_KEY})|{_BLANK}).")


def _are_whole(text: str, bounds: list[int]) -> Iterator[bool]:
    """Yield for each part of a text whether it is a YAML document."""
    for one, two in pairwise(bounds):
        try:
            yaml.CSafeLoader(text[one:two]).raw_parse()
        except yaml.YAMLError:
            yield False
        else:
            yield True


def _node(key: re.Match[str]) -> Node:
    style = key["key"][0] if key["key"][0] in "\"'" else ""
    said = key["key"][1:-1] if style else key["key"]
    return Node("text", key.start("key"), key.end("key"), style, "", said)


def _value(text: str, start: int, stop: int, depth: int) -> Node:
    """Return the value of an entry of a mapping that is `depth` collections deep."""
    head = _HEAD.match(text, start) if stop - start >= LONG else None
    inner = _mapping(text, head.end(), stop, depth + 1) if head else None
    return inner or read_entry(text, start, stop, depth).value
