"""Is there a text in which these expressions find something and those do not? The shortest one.

Each set of expressions becomes one nondeterministic automaton. Their product is made
deterministic only as far as a breadth-first search reaches, over classes of characters that
nobody tells apart in the current state. All limits are counts: the same question has the same
answer on every machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from provisioner.rbac.patterns._base import (
    EVERY,
    Chars,
    Choice,
    Edge,
    Node,
    Ranges,
    Repeat,
    Row,
    Undecided,
    Where,
    chars,
    holds,
    ranges,
    without,
)

STATES: Final = 20_000
"""The most states one automaton may have."""

WORK: Final = 800_000
"""The most states a search may touch; about a second."""

LIKED: Final = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What an example is made of where there is a choice, best first."""


class Side(Enum):
    """What stands on one side of a place in a text."""

    NOTHING = auto()
    NEWLINE = auto()
    WORD = auto()
    OTHER = auto()
    ANYTHING = auto()  # some character, and nobody asks which


_NEWLINE: Final = chars("\n")
_WORD: Final = ranges((48, 57), (65, 90), (95, 95), (97, 122))
_SIDES: Final = {
    Side.NEWLINE: _NEWLINE,
    Side.WORD: _WORD,
    Side.OTHER: without(EVERY, ranges(*_NEWLINE, *_WORD)),
}
_ONE_SIDE: Final = {Side.ANYTHING: EVERY}


def _stands(where: Where, before: Side, after: Side) -> bool:
    match where:
        case "begin":
            return before is Side.NOTHING
        case "end":
            return after is Side.NOTHING
        case "line begin":
            return before in (Side.NOTHING, Side.NEWLINE)
        case "line end":
            return after in (Side.NOTHING, Side.NEWLINE)
        case "word edge":
            return (before is Side.WORD) != (after is Side.WORD)
        case "no word edge":
            return (before is Side.WORD) == (after is Side.WORD)


States = frozenset[int]
Arrows = tuple[tuple[Ranges, int], ...]
"""Where the next character leads: each set of characters with the state behind it."""

_MATCH: Final = 0
_FOUND: Final[States] = frozenset((_MATCH,))


class _Read(Struct, frozen=True):
    ranges: Ranges
    then: int


class _Gate(Struct, frozen=True):
    where: Where
    then: int


class _Fork(Struct, frozen=True):
    thens: list[int] = field(default_factory=list)


class Automaton:
    """Finds any of `nodes` anywhere in a text (Thompson's construction).

    `start` is where a search begins; `sided` says whether it matters what stands next to what.
    Raises Undecided when there are too many states.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.sided = False
        self._steps: list[_Read | _Gate | _Fork] = [_Fork()]  # the first stands for the match
        self._arrows: dict[tuple[States, Side, Side], Arrows | None] = {}
        self._closures: dict[int, States] = {}
        options = [option for node in nodes for option in _options(node)]
        self.start = self._union(self._found_from(option) for option in options)

    def arrows(self, states: States, before: Side, after: Side) -> Arrows | None:
        """Say where the next character leads, between these two sides; None: a match is found."""
        key = states, before, after
        if key not in self._arrows:
            self._arrows[key] = self._follow(states, before, after)
        return self._arrows[key]

    def step(self, arrows: Arrows | None, char: int) -> States:
        """Return the states behind `char`. What is found stays found."""
        if arrows is None:
            return _FOUND
        behind = self._union(then for accepted, then in arrows if holds(accepted, char))
        return _FOUND if _MATCH in behind else behind

    def _follow(self, states: States, before: Side, after: Side) -> Arrows | None:
        reached, todo = set(states), list(states)
        arrows: dict[tuple[Ranges, int], None] = {}
        while todo:
            state = todo.pop()
            if state == _MATCH:
                return None
            step = self._steps[state]
            if isinstance(step, _Read):
                arrows[step.ranges, step.then] = None
            elif isinstance(step, _Gate) and _stands(step.where, before, after):
                more = self._closure(step.then) - reached
                reached |= more
                todo += more
        return tuple(arrows)

    def _union(self, states: Iterable[int]) -> States:
        return frozenset().union(*(self._closure(state) for state in states))

    def _closure(self, state: int) -> States:
        """Return what stands behind the forks at `state`."""
        if state not in self._closures:
            reached, todo = {state}, [state]
            while todo:
                step = self._steps[todo.pop()]
                if isinstance(step, _Fork):
                    more = set(step.thens) - reached
                    reached |= more
                    todo += more
            ends = (s for s in reached if s == _MATCH or not isinstance(self._steps[s], _Fork))
            self._closures[state] = frozenset(ends)
        return self._closures[state]

    def _found_from(self, node: Node) -> int:
        """Build a search for `node`: it may begin anywhere, unless it is tied to the beginning."""
        if isinstance(node, Row) and node.items[:1] == (Edge("begin"),):
            return self._build(node, _MATCH)
        anywhere = _Fork()
        start = self._add(anywhere)
        anywhere.thens.extend((self._add(_Read(EVERY, start)), self._build(node, _MATCH)))
        return start

    def _add(self, step: _Read | _Gate | _Fork) -> int:
        if len(self._steps) >= STATES:
            raise Undecided(f"the patterns need more than {STATES:,} states")
        self._steps.append(step)
        return len(self._steps) - 1

    def _build(self, node: Node, then: int) -> int:
        """Add `node` in front of the state `then`; return the state in front of both."""
        match node:
            case Chars(accepted):
                return self._add(_Read(accepted, then))
            case Edge(where):
                self.sided |= where not in ("begin", "end")
                return self._add(_Gate(where, then))
            case Row(items):
                for item in reversed(items):
                    then = self._build(item, then)
                return then
            case Choice(options):
                return self._add(_Fork([self._build(option, then) for option in options]))
            case Repeat():
                return self._repeat(node, then)

    def _repeat(self, node: Repeat, then: int) -> int:
        if node.most is None:
            loop = _Fork([then])
            front = self._add(loop)
            loop.thens.append(self._build(node.item, front))
        else:
            front = then
            for _ in range(node.most - node.least):
                front = self._add(_Fork([then, self._build(node.item, front)]))
        for _ in range(node.least):
            front = self._build(node.item, front)
        return front


def _options(node: Node) -> Iterator[Node]:
    match node:
        case Choice(options):
            for option in options:
                yield from _options(option)
        case Row((only,)):
            yield from _options(only)
        case _:
            yield node


Place = tuple[Side, tuple[States, ...]]
"""Where a search stands: what is to the left, and the states of every automaton."""


def shortest(wanted: Sequence[Automaton], unwanted: Automaton) -> str | None:
    """Return a shortest non-empty text in which all of `wanted` find something, `unwanted` nothing.

    None says that there is none. Raises Undecided when the search would take too long.
    """
    start = Side.NOTHING, tuple(automaton.start for automaton in (*wanted, unwanted))
    came: dict[Place, tuple[Place, int] | None] = {start: None}
    todo = deque([start])
    work = 0
    while todo:
        here = todo.popleft()
        if here is not start and _accepts(here, wanted, unwanted):
            return _spelt(here, came)
        for char, there in _moves(here, wanted, unwanted):
            work += sum(map(len, there[1])) + 1
            if work > WORK:
                raise Undecided("the search for an example takes too long")
            if there not in came:
                came[there] = here, char
                todo.append(there)
    return None


def _accepts(here: Place, wanted: Sequence[Automaton], unwanted: Automaton) -> bool:
    before, states = here
    return unwanted.arrows(states[-1], before, Side.NOTHING) is not None and all(
        automaton.arrows(now, before, Side.NOTHING) is None
        for automaton, now in zip(wanted, states, strict=False)
    )


def _moves(
    here: Place, wanted: Sequence[Automaton], unwanted: Automaton
) -> Iterator[tuple[int, Place]]:
    before, states = here
    automata = (*wanted, unwanted)
    sides = _SIDES if any(automaton.sided for automaton in automata) else _ONE_SIDE
    for side, alphabet in sides.items():
        arrows = [a.arrows(now, before, side) for a, now in zip(automata, states, strict=True)]
        if arrows[-1] is None:
            continue
        told_apart = frozenset(accepted for some in arrows for accepted, _ in some or ())
        for char in _classes(told_apart, alphabet):
            there = tuple(a.step(some, char) for a, some in zip(automata, arrows, strict=True))
            if all(there[:-1]) and there[-1] != _FOUND:
                yield char, (side, there)


@lru_cache(maxsize=10_000)
def _classes(sets: frozenset[Ranges], alphabet: Ranges) -> tuple[int, ...]:
    """Return one character for every class of the alphabet that the sets tell apart."""
    edges = [edge for some in sets for low, high in some for edge in (low, high + 1)]
    candidates = [*map(ord, LIKED), *range(33, 127), *(low for low, _ in alphabet), *sorted(edges)]
    classes: dict[tuple[bool, ...], int] = {}
    for char in candidates:
        if holds(alphabet, char):
            classes.setdefault(tuple(holds(some, char) for some in sets), char)
    return tuple(classes.values())


def _spelt(here: Place, came: dict[Place, tuple[Place, int] | None]) -> str:
    letters: list[str] = []
    while step := came[here]:
        here, char = step
        letters.append(chr(char))
    return "".join(reversed(letters))
