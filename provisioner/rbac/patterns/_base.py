"""Characters, as sets of intervals, and the shape of a regular expression: what is shared here."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from provisioner.errors import ProvisionError

Ranges = tuple[tuple[int, int], ...]
"""A set of characters: inclusive intervals of code points, sorted, apart from each other."""

EVERY: Final[Ranges] = ((0, 0xD7FF), (0xE000, 0x10FFFF))
"""Every character a name can hold: surrogates are not characters."""


class PatternError(ProvisionError):
    """Teleport cannot compile this pattern; whatever has to evaluate it is refused."""


class Undecided(Exception):
    """The question is beyond what the automata here translate, or beyond their budget."""


def ranges(*intervals: tuple[int, int]) -> Ranges:
    """Return the set of all characters in any of `intervals`, in normal form."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def chars(text: str) -> Ranges:
    """Return the set of the characters of `text`."""
    return ranges(*((ord(char), ord(char)) for char in text))


def without(these: Ranges, those: Ranges) -> Ranges:
    """Return the characters of `these` that are not in `those`."""
    left = list(these)
    for low, high in those:
        left = [
            piece
            for start, end in left
            for piece in ((start, min(end, low - 1)), (max(start, high + 1), end))
            if piece[0] <= piece[1]
        ]
    return tuple(left)


def holds(these: Ranges, char: int) -> bool:
    """Say whether the code point `char` is in the set."""
    return any(low <= char <= high for low, high in these)


class Chars(Struct, frozen=True):
    """One character out of a set."""

    ranges: Ranges


class Row(Struct, frozen=True):
    """One node after the other; the empty row matches the empty text."""

    items: tuple[Node, ...] = ()


class Choice(Struct, frozen=True):
    """Any one of the options."""

    options: tuple[Node, ...]


class Repeat(Struct, frozen=True):
    """The same node again and again: at least `least` times, at most `most` (None: no end)."""

    item: Node
    least: int
    most: int | None


Where = Literal["begin", "end", "line begin", "line end", "word edge", "no word edge"]


class Edge(Struct, frozen=True):
    """A place between two characters, not a character."""

    where: Where


Node = Chars | Row | Choice | Repeat | Edge
