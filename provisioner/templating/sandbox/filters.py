"""The filters that templates have: those of Jinja that do no harm, and our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sized
from functools import wraps
from types import MappingProxyType
from typing import Final

from jinja2 import filters
from jinja2.utils import htmlsafe_json_dumps

from provisioner.templating.sandbox._base import STEP, Block, defined, spend, weigh
from provisioner.text.scalars import HTML, JSON, Language

Filter = Callable[..., object]

_THEIRS: Final = (
    "abs count d default dictsort first float groupby int last length list map max min reject "
    "rejectattr reverse select selectattr sort unique"
)
_SIZED: Final = (str, range, list, tuple, dict, MappingProxyType)


def filters_for(language: Language) -> dict[str, Filter]:
    """Return the filters of `language`; those with a dot in front are not for templates."""
    theirs = {name: _paid(filters.FILTERS[name]) for name in _THEIRS.split()}
    return theirs | {
        "block": lambda v, width=0: _indent(Block("\n".join(language.lines(weigh(v)))), width),
        "indent": _indent,
        "items": lambda value: [*defined(value).items()],  # Jinja's lets misspelt names pass
        "join": _join,
        "lower": lambda value: _text(value).lower(),
        "one_or_many": _one_or_many,
        "replace": _replace,
        "string": _text,
        "tojson": _script if language is HTML else defined,
        "trim": lambda value: _text(value).strip(),
        "upper": lambda value: _text(value).upper(),
        "·block": Block,
        "·concat": _join,
        "·key": lambda value: Block(language.key(defined(value))),
        "·steps": _steps,
    }


def _paid(function: Filter) -> Filter:
    """Let a filter pay for going through what it is given."""

    @wraps(function)
    def paid(*args: object, **kwargs: object) -> object:
        spend(STEP * sum(len(arg) for arg in args if isinstance(arg, _SIZED)))
        return function(*args, **kwargs)

    return paid


def _steps(values: Iterable[object], cost: int) -> Iterable[object]:
    """Return what a loop goes through, paid for in advance: `cost` for each turn."""
    items = values if isinstance(values, Sized) else list(values)
    spend(len(items) * cost)
    return items


def _one_or_many(values: object) -> object:
    """Return the element of a list of one, as Teleport writes it, and anything else as it is."""
    return values[0] if isinstance(values, list | tuple) and len(values) == 1 else values


def _script(value: object) -> str:
    return htmlsafe_json_dumps(weigh(value), dumps=JSON.write)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value).lower()  # true and false, as in the languages we write
    raise TypeError(f"text or a number is wanted here, not a {type(defined(value)).__name__}")


def _join(values: Iterable[object], separator: str = "") -> str:
    parts = [_text(value) for value in values]
    spend(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def _replace(value: object, old: str, new: str) -> str:
    text = _text(value)
    spend(text.count(old) * len(new))
    return text.replace(old, new)


def _indent(value: str, width: int = 4) -> str:
    """Indent all lines of `value` but the first and the empty; a Block stays one."""
    spend(abs(width) * (1 + value.count("\n")))
    return type(value)(re.sub(r"\n(?=[^\n])", "\n" + " " * width, value))
