"""JSON from a file that anybody may have written: one reading of it, or a sentence that says why not.

What is refused here is what JSON readers disagree about (a key that stands twice, NaN, half a
surrogate pair) and what later stages need not know about (depth, numbers beyond all bounds).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from provisioner.values import Plain, freeze, is_mapping

_DEEPEST: Final = 64
_NESTS: Final = frozenset({MappingProxyType, tuple})
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""Where half a surrogate pair can stand: UTF-8 itself has none."""


def load(data: bytes, file: str) -> Plain:
    """Return the value in the bytes of `file`: text, finite numbers, booleans, None, and frozen nests.

    A byte order mark is let through. Raises ValueError that names the file and the place in it.
    """
    huge: list[str] = []

    def number(word: str) -> float:
        if math.isinf(value := float(word)):
            huge.append(word)
        return value

    try:
        text = data.decode("utf-8-sig")
        value = _frozen_list(
            json.loads(
                text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=number
            )
        )
    except RecursionError:
        raise ValueError(f"{file}: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}:{error.lineno}:{error.colno}: {error.msg}") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if huge or _HALF.search(text) or _is_deep(value):
        _check(value, f"{file}: $", 0)
    return value


def _object(pairs: list[tuple[str, Plain]]) -> Mapping[str, Plain]:
    """Return an object, whose lists are frozen now: what is in them has been already."""
    found = {name: _frozen_list(item) for name, item in pairs}
    if len(found) != len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, number in times.items() if number > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return MappingProxyType(found)


def _frozen_list(value: Plain) -> Plain:
    return freeze(value) if type(value) is list else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_deep(value: Plain) -> bool:
    """Whether `value` may be nested too deeply; quick, since these files can be large."""
    level = [value] if type(value) in _NESTS else []
    for _ in range(_DEEPEST):
        level = [
            below
            for item in level
            for below in (item.values() if type(item) is MappingProxyType else item)
            if type(below) in _NESTS
        ]
        if not level:
            return False
    return True


def _check(value: Plain, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"{path}: nested too deeply")
    if is_mapping(value):
        for name, item in value.items():
            _check(name, path, depth)
            _check(item, f"{path}.{name}", depth + 1)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            _check(item, f"{path}[{number}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path}: a number too large")
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{path}: {error}") from error
