"""A quick reader for the part of YAML that templates write; everything else is left to libyaml.

Block mappings, block lists, scalars on one line, plain or in double quotes, and flow lists of such
scalars. What this reader accepts means to libyaml what it means here: tests/property holds that.
About all else it says nothing, neither a value nor an error. It gives no places.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NoReturn

from provisioner.text.source._events import MAX_DEPTH, resolve
from provisioner.values import EMPTY, Body, Plain

_REST: Final = r"(?:[A-Za-z0-9_./@*+-]|:(?=[A-Za-z0-9_/.*-]))*"
_QUOTED: Final = r'"(?:[ !#-\[\]-~\u00c0-\u024f]|\\["\\nrt])*"'
_SCALAR: Final = rf"(?:[A-Za-z0-9_/]{_REST}|{_QUOTED})"
_SCALARS: Final = re.compile(_SCALAR)
_LINE: Final = re.compile(
    rf"( *)(- )?(?:({_SCALAR}):(?: |$))?({_SCALAR}|\[(?:{_SCALAR}(?:, {_SCALAR})*)?\]|\{{\}})?"
)
_LONGEST: Final = 1_000  # libyaml gives up looking for a key's colon after 1,024 characters
_BELOW: Final = object()
"""The value of a key that has none beside it: what stands below, or null."""

_Map = dict[str, Plain]
_Block = tuple[int, _Map | list[Plain]]
"""An open mapping or list, and the indent of what stands in it."""

_Place = tuple[_Map, str]
"""A mapping and a key of it: the last one may have its value on the next lines."""

_Line = tuple[int, bool, str | None, Plain]
"""The indent of a line, whether it begins an item, its key and its value."""


class _OtherError(Exception):
    """Something that is left to libyaml."""


def quick(text: str) -> Body | None:
    """Return the mapping that `text` is in YAML, frozen, or None where libyaml has to be asked."""
    whole: _Map = {}
    blocks: list[_Block] = [(0, whole)]
    lists: list[_Place] = []
    slot: _Place | None = None
    try:
        for line in text.split("\n"):
            if line:
                slot = _add(_taken_apart(line), blocks, lists, slot)
    except _OtherError:
        return None
    for mapping, key in lists:
        mapping[key] = tuple(mapping[key])
    return MappingProxyType(whole)


def _add(
    line: _Line, blocks: list[_Block], lists: list[_Place], slot: _Place | None
) -> _Place | None:
    """Add a line to the innermost of `blocks` that it belongs to. Raises _OtherError.

    `lists` are where those stand that items are still added to; mappings are read-only from outside.
    """
    indent, is_item, key, value = line
    if slot and indent > blocks[-1][0]:
        blocks.append((indent, _opened(slot, lists) if is_item else _below(slot)))
    while indent < blocks[-1][0]:
        blocks.pop()
    at, block = blocks[-1]
    if at != indent or len(blocks) > MAX_DEPTH:
        raise _OtherError
    if isinstance(block, list):
        return _add_item(key, value, block, blocks) if is_item else _other()
    return _other() if is_item else _add_pair(key, value, block)


def _opened(slot: _Place, lists: list[_Place]) -> list[Plain]:
    mapping, key = slot
    items: list[Plain] = []
    mapping[key] = items
    lists.append(slot)
    return items


def _below(slot: _Place) -> _Map:
    mapping, key = slot
    below: _Map = {}
    mapping[key] = MappingProxyType(below)
    return below


def _add_item(
    key: str | None, value: Plain, block: list[Plain], blocks: list[_Block]
) -> _Place | None:
    if key is not None:
        item: _Map = {}
        block.append(MappingProxyType(item))
        blocks.append((blocks[-1][0] + 2, item))
        return _add_pair(key, value, item)
    block.append(_other() if value is _BELOW else value)
    return None


def _add_pair(key: str | None, value: Plain, block: _Map) -> _Place | None:
    if key is None or key in block:
        raise _OtherError
    if value is _BELOW:
        block[key] = None
        return block, key
    block[key] = value
    return None


def _other() -> NoReturn:
    raise _OtherError


@lru_cache(maxsize=4096)
def _taken_apart(line: str) -> _Line:
    """Return what a line says. Raises _OtherError."""
    match = _LINE.fullmatch(line) if len(line) <= _LONGEST else None
    if match is None:
        raise _OtherError
    indent, dash, key, value = match.groups()
    return (
        len(indent),
        dash is not None,
        None if key is None else _key(key),
        _BELOW if value is None else _value(value),
    )


def _key(text: str) -> str:
    key = _scalar(text)
    return key if isinstance(key, str) else _other()


def _value(text: str) -> Plain:
    if text[0] == "[":
        return tuple(map(_scalar, _SCALARS.findall(text)))
    return EMPTY if text[0] == "{" else _scalar(text)


def _scalar(text: str) -> Plain:
    if text[0] == '"':
        return json.loads(text) if "\\" in text else text[1:-1]
    value, wrong = resolve(text)
    return _other() if wrong else value
