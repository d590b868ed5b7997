"""What long work tells of itself: its phases, the programs that it waits for, what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Phase(Struct, frozen=True):
    """A part of the work begins, in words such as "reading the cluster"; `total` steps, if known."""

    name: str
    total: int = 0


class Call(Struct, frozen=True):
    """A program is started; `argv` is masked."""

    argv: tuple[str, ...]


class Called(Struct, frozen=True):
    """A program has ended after some seconds; `code` is negative after a signal."""

    argv: tuple[str, ...]
    seconds: float
    code: int
    timed_out: bool = False


class Kept(Struct, frozen=True):
    """A live `resource`, such as `role/dev`, has role options that nobody here knows: they stay."""

    resource: str
    options: tuple[str, ...]


Effort = Phase | Call | Called | Kept
Tell = Callable[[Effort], None]
"""Is told of each as it happens."""


def unheard(_: Effort) -> None:
    """Tell nobody."""
