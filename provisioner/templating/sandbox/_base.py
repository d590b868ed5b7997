"""What a rendering may spend, and its two marks: text that stays as it is, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, TypeVar

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.utils import missing
from msgspec import Struct

LIMIT: Final = 16 * 2**20
"""What one rendering may spend: one for each character written, and for work as much as it takes."""

STEP: Final = 8
"""What it costs to look at one item of a list."""

CALL: Final = 32
"""What it costs to call something."""

MAPPINGS: Final = (dict, MappingProxyType, Mapping)  # the quickest to test first
CONTAINERS: Final = (list, tuple, *MAPPINGS)

T = TypeVar("T")


class Block(str):
    """Text that a template wrote itself; anything done to it gives an ordinary `str`."""

    __slots__ = ()


class Exhausted(TemplateError):
    """A rendering has spent its budget."""


class _Run(Struct):
    """One rendering: what it may still spend, and the names that it was given."""

    left: int
    names: Iterable[str]


_run: ContextVar[_Run] = ContextVar("_run")


@contextmanager
def budget(names: Iterable[str]) -> Iterator[None]:
    """Open a budget of `LIMIT` for a rendering that is given `names`."""
    token = _run.set(_Run(LIMIT, names))
    try:
        yield
    finally:
        _run.reset(token)


def spend(amount: int) -> None:
    """Take `amount` from the budget of the rendering under way; raises Exhausted."""
    run = _run.get()
    run.left -= amount
    if run.left < 0:
        raise Exhausted(f"this takes more than {LIMIT:,} characters and steps")


def weigh(value: T) -> T:
    """Pay for `value` before it is written: lists that share parts unfold without end."""
    if isinstance(value, str):
        spend(len(value))
    elif isinstance(value, CONTAINERS):
        _weigh_all(value)
    return defined(value)


def _weigh_all(value: Collection[object]) -> None:
    """Pay for all that a container holds: its texts at once, and what is deeper one by one."""
    spend(STEP * len(value))
    items = [*value, *value.values()] if isinstance(value, MAPPINGS) else value
    spend(sum([len(item) for item in items if type(item) is str]))
    for item in items:
        if type(item) is not str:
            weigh(item)


def defined(value: T) -> T:
    """Return `value`; raises UndefinedError if it stands for something that is not there."""
    if isinstance(value, Undefined):
        str(value)
    return value


class Missing(StrictUndefined):
    """An undefined value; its message says on a second line what might have been meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner, name = self._undefined_obj, str(self._undefined_name)
        if self._undefined_hint:
            return self._undefined_hint
        if owner is missing:
            return f"`{name}` is not defined\n{meant(name, _run.get().names)}"
        known = owner if isinstance(owner, Mapping) else ()
        return f"a value of type {type(owner).__name__} has no `{name}`\n{meant(name, known)}"


def meant(word: str, known: Iterable[object]) -> str:
    """Return what to say to someone who wrote `word`: the nearest of `known`, or all of them."""
    names = sorted(map(str, known))
    close = get_close_matches(word, names, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known are: {', '.join(names[:40])}" if names else ""
