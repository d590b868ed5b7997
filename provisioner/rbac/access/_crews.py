"""Roles in somebody's hands, held against all servers at once.

The names that a list of tools matches are the bits of one integer, computed once for each role.
Roles know servers by their labels alone, so what some roles say together is worked out once for
each set of labels, and mostly once for all sets to which the same of them reach. Sets without the
labels that the roles ask for are not looked at at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

from provisioner.rbac.access._base import (
    SILENT,
    Conditions,
    Entry,
    Permitted,
    Reach,
    Role,
    Why,
    barred,
    permitted,
    reach,
)
from provisioner.rbac.access._index import LabelSets, Names, Place, united
from provisioner.rbac.expressions import Env
from provisioner.rbac.patterns import Answer, Pattern, find, overlap

_ALL: Final = -1  # every bit
_MANY: Final = 100


class Held:
    """A role in somebody's hands: its lists as bits, its answers by set of labels."""

    def __init__(self, role: Role, env: Env, names: Names, label_sets: LabelSets) -> None:
        self.role = role
        self.allow = _union(role.allow, names)
        self.deny = _ALL if role.deny.broken else _union(role.deny, names)
        self.nowhere = Reach(role, SILENT, SILENT)
        halves = [label_sets.candidates(half) for half in (role.allow, role.deny)]
        self.candidates = united(halves)
        self._env = env
        self._reaches: dict[int, Reach] = {}

    def reach(self, at: Place) -> Reach:
        """Return what the role says to servers with the labels of this one."""
        found = self._reaches.get(at.label_set)
        if found is None:
            env = Env(self._env.user, self._env.traits, at.server.labels)
            found = self._reaches[at.label_set] = reach(self.role, env)
        return found


def _union(half: Conditions, names: Names) -> int:
    bits = 0
    for pattern in half.patterns:
        bits |= names.matched(pattern)
    return bits


class Grant(NamedTuple):
    """What one entry of a role lets through to a server, where no entry before it does.

    `tools` are the names; None where they are not known: then all that `pattern` matches and none
    of `but` does. `example` is such a name; without one nobody could rule out that there is one.
    """

    role: str
    pattern: str
    tools: tuple[str, ...] | None
    but: tuple[str, ...] = ()
    example: str | None = None


class Standing:
    """What some roles together say to all servers with the same labels.

    `closed` says why there is no session, if there is none; else `bits` are all names that may be
    called there, whichever of them a server has. `ways` say it in patterns: a name is let through
    that any of them lets through.
    """

    def __init__(self, held: Sequence[Held], reaches: Sequence[Reach], names: Names) -> None:
        self._held = held
        self._names = names
        self._reaching = [one.role for one in reaches if one.allow.answer]
        self.closed = barred(reaches)
        self.bits = 0 if self.closed else _callable(held, reaches)
        found = permitted(reaches)
        self.ways = (found,) if found.allow else ()
        self._last: tuple[int, tuple[Grant, ...]] = (0, ())
        self._beyond: dict[int, tuple[Grant, ...]] = {}

    @property
    def opener(self) -> str:
        """The role that opens the session."""
        return self._reaching[0].name

    def grants(self, bits: int) -> tuple[Grant, ...]:
        """Return by which entries these names may be called, all of which are in `self.bits`."""
        if self._last[0] != bits:  # servers that are alike mostly stand side by side
            self._last = bits, tuple(self._granting(bits))
        return self._last[1]

    def _granting(self, bits: int) -> Iterator[Grant]:
        for role in self._reaching:
            for entry in role.allow.usable:
                if hit := bits & self._names.matched(entry.pattern):
                    bits ^= hit
                    yield Grant(role.name, entry.text, self._names.named(hit))

    def tools(self, bits: int) -> tuple[str, ...]:
        """Return the names of `bits`, sorted."""
        return self._names.named(bits)

    def beyond(self, other: Standing | Standings | None) -> tuple[Grant, ...]:
        """Return the entries that let any name through which is refused at `other`."""
        if id(other) not in self._beyond:
            self._beyond[id(other)] = tuple(self._letting(other.ways if other else ()))
        return self._beyond[id(other)]

    def _letting(self, there: tuple[Permitted, ...]) -> Iterator[Grant]:
        for here in self.ways:
            for role, entry in dict.fromkeys(here.allow) if here not in there else ():
                answer = _beyond(entry, here, there)
                if answer.value is not False:
                    but = tuple(_texts_denied(entry, here.deny))
                    yield Grant(role, entry.text, None, but, answer.name)

    def refusal(self, tool: str) -> tuple[Why, str, str] | None:
        """Say which role and text refuse a known tool here; None if it is only not granted."""
        for held in self._held:
            if self._names.has(held.deny, tool):
                found = held.role.deny.on_tool(tool)
                why = Why.DENIED_TOOL if found.answer else Why.BROKEN
                return why, held.role.name, found.entry.text if found.entry else ""
        for role in self._reaching:
            found = role.allow.on_tool(tool)
            if found.answer is None and found.entry:
                return Why.BROKEN, role.name, found.entry.text
        return None


class Standings:
    """What some roles say to all that is served under one name with different labels.

    Which agent answers is chance, so whatever one of them lets through may be called. Source:
    Teleport lib/web/app/session.go, which shuffles the servers of a name.
    """

    def __init__(self, sides: Iterable[Standing]) -> None:
        self._sides = tuple(sides)
        self._open = tuple(side for side in self._sides if side.closed is None)
        self.closed = None if self._open else self._sides[0].closed
        self.bits = 0
        for side in self._open:
            self.bits |= side.bits
        self.ways = tuple(dict.fromkeys(way for side in self._open for way in side.ways))

    @property
    def opener(self) -> str:
        """The role that opens the session, or the first that does somewhere."""
        return self._open[0].opener

    def grants(self, bits: int) -> tuple[Grant, ...]:
        """Return by which entries these names may be called, all of which are in `self.bits`."""
        found: list[Grant] = []
        for side in self._open:
            found += side.grants(bits & side.bits)
            bits &= ~side.bits
        return tuple(found)

    def tools(self, bits: int) -> tuple[str, ...]:
        """Return the names of `bits`, sorted."""
        return self._sides[0].tools(bits)

    def beyond(self, other: Standing | Standings | None) -> tuple[Grant, ...]:
        """Return the entries that let any name through which is refused at `other`."""
        return tuple(dict.fromkeys(grant for side in self._open for grant in side.beyond(other)))

    def refusal(self, tool: str) -> tuple[Why, str, str] | None:
        """Say which role and text refuse a known tool here; None if it is only not granted."""
        return next(filter(None, (side.refusal(tool) for side in self._open)), None)


def _callable(held: Iterable[Held], reaches: Iterable[Reach]) -> int:
    tools, granted = _ALL, 0
    for one, said in zip(held, reaches, strict=True):
        tools &= ~one.deny
        if said.allow.answer:
            granted |= one.allow
            if one.role.allow.broken:
                tools &= one.allow
    return tools & granted


def _beyond(entry: Entry, here: Permitted, there: Iterable[Permitted]) -> Answer:
    """Say whether `entry` lets a name through here that each way there refuses."""
    refusals = [tuple(_refusals(way)) for way in _fewer(there)]
    if prod(map(len, refusals)) > _MANY:
        return Answer(None)
    found = [_refused(entry, here, each) for each in product(*refusals)]
    undecided = next((answer for answer in found if answer.value is None), Answer(value=False))
    return next((answer for answer in found if answer.value), undecided)


_Refusal = tuple[tuple[Pattern, ...] | None, tuple[Pattern, ...]]
"""What names it is about: one of the first matches them, None: whatever they are; none of the second does."""


def _refusals(way: Permitted) -> Iterator[_Refusal]:
    yield way.deny, ()
    yield from ((None, group) for group in way.wanted)


def _refused(entry: Entry, here: Permitted, refusals: Iterable[_Refusal]) -> Answer:
    """Look for a name that is let through here, and that each of the refusals is about."""
    matched = [some for some, _ in refusals if some is not None]
    unmatched = [pattern for _, group in refusals for pattern in group]
    return find([[entry.pattern], *here.wanted, *matched], (*here.deny, *unmatched))


def _fewer(ways: Iterable[Permitted]) -> Iterator[Permitted]:
    """Take together what can be: what one identity is denied by name, it is denied everywhere."""
    free: list[Permitted] = []
    for way in ways:
        if way.limits:
            yield way
        else:
            free.append(way)
    if free:
        yield Permitted(tuple(pair for way in free for pair in way.allow), deny=free[0].deny)


def _texts_denied(entry: Entry, deny: Iterable[Pattern]) -> Iterator[str]:
    for pattern in dict.fromkeys(deny):
        if overlap(entry.pattern, pattern).value is not False:
            yield pattern.text


class Crew:
    """The roles that one identity holds, or several."""

    def __init__(self, held: tuple[Held, ...], names: Names) -> None:
        self.candidates = united([one.candidates for one in held])
        self._held = held
        self._names = names
        self._nowhere = Standing(held, [one.nowhere for one in held], names)
        self._by_labels: dict[int, Standing | Standings] = {}
        self._by_answer: dict[object, Standing] = {}

    def at(self, place: Place) -> Standing | Standings:
        """Return what the roles say together to a server."""
        if self.candidates is not None and place.label_set not in self.candidates:
            return self._nowhere
        found = self._by_labels.get(place.label_set)
        if found is None:
            found = self._by_labels[place.label_set] = (
                Standings(map(self._standing, place.sides))
                if place.sides
                else self._standing(place)
            )
        return found

    def _standing(self, place: Place) -> Standing:
        reaches = [held.reach(place) for held in self._held]
        # Of what is closed only the reason is ever told; of the rest, it matters who reaches.
        answer = barred(reaches) or tuple([one.allow.answer for one in reaches])
        if answer not in self._by_answer:
            self._by_answer[answer] = Standing(self._held, reaches, self._names)
        return self._by_answer[answer]
