"""JSON from a file that anybody may have written: one reading of it, or a sentence that says why not.

What is refused here is what JSON readers disagree about (a key that stands twice, NaN, half a
surrogate pair) and what later stages need not know about (depth, numbers beyond all bounds).
"""

from __future__ import annotations

import json
import math
from typing import Final, NoReturn

from provisioner.values import Plain

_DEEPEST: Final = 64


def load(data: bytes, file: str) -> Plain:
    """Return the value in the bytes of `file`: dicts, lists, text, finite numbers, booleans, None.

    A byte order mark is let through. Raises ValueError that names the file and the place in it.
    """
    value = _parsed(data, file)
    if _is_odd(value):
        _check(value, f"{file}: $", 0)
    return value


def _parsed(data: bytes, file: str) -> Plain:
    try:
        return json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError(f"{file}: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}:{error.lineno}:{error.colno}: {error.msg}") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _unique(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_odd(value: Plain) -> bool:
    """Whether anything in `value` needs a closer look; quick, since these files can be large."""
    level = [value]
    for _ in range(_DEEPEST):
        below: list[Plain] = []
        for item in level:
            if isinstance(item, str):
                if not item.isascii():
                    return True
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float):
                return True
        if not below:
            return False
        level = below
    return True


def _check(value: Plain, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"{path}: nested too deeply")
    if isinstance(value, dict):
        for name, item in value.items():
            _check(name, path, depth)
            _check(item, f"{path}.{name}", depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{path}[{number}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path}: a number too large")
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{path}: {error}") from error
