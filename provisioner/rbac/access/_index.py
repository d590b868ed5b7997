"""What servers have, by number: names of tools as bits, and different sets of labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice, takewhile

from msgspec import Struct

from provisioner.rbac.access._base import Conditions, Server
from provisioner.rbac.patterns import Pattern, PatternError, common_prefix, compile_pattern


class Names:
    """All names of tools, each with its bit."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._places = {name: place for place, name in enumerate(self._names)}
        self._matched: dict[str, int] = {}
        self.named = lru_cache(maxsize=10_000)(self._named)

    def __len__(self) -> int:
        return len(self._names)

    def bits(self, names: Iterable[str]) -> int:
        """Return the bits of `names`."""
        return sum(1 << self._places[name] for name in set(names))

    def _named(self, bits: int) -> tuple[str, ...]:
        """Return the names of `bits`, sorted."""
        found: list[str] = []
        while bits:
            lowest = bits & -bits
            found.append(self._names[lowest.bit_length() - 1])
            bits ^= lowest
        return tuple(found)

    def has(self, bits: int, name: str) -> bool:
        """Say whether the bit of `name` is among `bits`."""
        return bool(bits >> self._places[name] & 1)

    def matched(self, pattern: Pattern) -> int:
        """Return the bits of all names that `pattern` matches."""
        if pattern.text not in self._matched:
            near = self._near(pattern)
            self._matched[pattern.text] = self.bits(name for name in near if pattern.matches(name))
        return self._matched[pattern.text]

    def _near(self, pattern: Pattern) -> Iterable[str]:
        """Return the names that begin as all matches do."""
        prefix = common_prefix(pattern)
        rest = islice(self._names, bisect_left(self._names, prefix), None)
        return takewhile(lambda name: name.startswith(prefix), rest)


class Place(Struct, frozen=True):
    """A server, the number of its set of labels, and its tools as bits.

    What agents serve under one name with different labels is one place with `sides`, one for each
    set; its own number stands for all of them.
    """

    server: Server
    label_set: int
    bits: int
    sides: tuple[Place, ...] = ()


class LabelSets:
    """The different sets of labels that servers have, by number."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[frozenset[tuple[str, str]]], int] = {}
        self._having: dict[tuple[str, str], set[int]] = {}

    def number(self, *some: Mapping[str, str]) -> int:
        """Return the number of a set of labels, or of several, which is a new one when they are."""
        key = frozenset(frozenset(labels.items()) for labels in some)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            for label in frozenset().union(*key):
                self._having.setdefault(label, set()).add(self._numbers[key])
        return self._numbers[key]

    def candidates(self, half: Conditions) -> frozenset[int] | None:
        """Return sets outside of which half of a role says no to every server; None: all may matter.

        An expression is evaluated wherever the labels lead, so that it can break anywhere.
        """
        if half.expression:
            return None
        if not half.selector.wanted:
            return frozenset()
        for key, values in half.selector.wanted:
            if key != "*" and all(map(_is_literal, values)):
                return frozenset().union(*(self._having.get((key, text), ()) for text in values))
        return None


def united(some: Sequence[frozenset[int] | None]) -> frozenset[int] | None:
    """Return the union of sets, where None stands for everything."""
    sets = [each for each in some if each is not None]
    return frozenset().union(*sets) if len(sets) == len(some) else None


def _is_literal(text: str) -> bool:
    try:
        return compile_pattern(text).kind == "literal"
    except PatternError:
        return False
