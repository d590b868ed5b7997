"""What the texts in a role match, and what sets of them have in common.

A question about all possible names is answered yes or no with a name as the proof, or left
undecided with the reason; a proof has always been checked by RE2 itself. Names are non-empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile
from operator import attrgetter
from typing import Final, Literal

from msgspec import Struct

from provisioner.rbac.patterns import automata, regex
from provisioner.rbac.patterns._base import (
    Chars,
    Choice,
    Edge,
    Node,
    PatternError,
    Repeat,
    Row,
    Undecided,
    chars,
)
from provisioner.rbac.patterns.matcher import (
    Kind,
    LabelMatch,
    LabelSelector,
    Pattern,
    compile_pattern,
    matches_any,
)

__all__ = [
    "Answer",
    "Kind",
    "LabelMatch",
    "LabelSelector",
    "Pattern",
    "PatternError",
    "Trap",
    "common_prefix",
    "compile_pattern",
    "covers",
    "find",
    "matches_any",
    "overlap",
    "traps",
]

Group = Sequence[Pattern]


class Answer(Struct, frozen=True):
    """Yes (True), no (False) or undecided (None, for a `reason`); `name` is the proof."""

    value: bool | None
    name: str | None = None
    reason: str = ""


def overlap(one: Pattern, other: Pattern) -> Answer:
    """Say whether there is a name that both match. The proof of a yes is such a name."""
    return find([[one], [other]])


def covers(wide: Pattern, narrow: Pattern) -> Answer:
    """Say whether `wide` matches all that `narrow` matches. The proof of a no is a name it misses."""
    missed = find([[narrow]], [wide])
    return Answer(None if missed.value is None else not missed.value, missed.name, missed.reason)


def find(wanted: Iterable[Group], unwanted: Group = ()) -> Answer:
    """Say whether a name exists that some pattern of each group matches, and no unwanted one.

    The proof of a yes is a short one. "Is anything that `asked` matches allowed?" is `find([[asked], allow], deny)`.
    """
    groups = tuple(frozenset(group) for group in wanted)
    return _find(groups, frozenset(unwanted))


@lru_cache(maxsize=20_000)
def _find(wanted: tuple[frozenset[Pattern], ...], unwanted: frozenset[Pattern]) -> Answer:
    def fits(name: str) -> bool:
        return all(any(p.matches(name) for p in group) for group in wanted) and not any(
            pattern.matches(name) for pattern in unwanted
        )

    if any(group <= unwanted for group in wanted):
        return Answer(value=False)
    simplest = {p.text.replace("*", "") for group in wanted for p in group if p.kind != "regex"}
    for candidate in sorted(simplest - {""}):
        if fits(candidate):
            return Answer(value=True, name=candidate)
    # No literal fits, so from here on only the other patterns can be of help.
    groups = [frozenset(p for p in group if p.kind != "literal") for group in wanted]
    if not all(groups):
        return Answer(value=False)
    # What is not translated is left out here. Without an exception too much is found, which RE2
    # sees; without a wanted pattern too little, so that nothing found is not a no.
    lost, found = _lost(*groups), None
    try:
        found = automata.shortest([_automaton(group) for group in groups], _automaton(unwanted))
    except Undecided as why:
        lost = [str(why)]
    if found and fits(found):
        return Answer(value=True, name=found)
    if found:
        lost += [*_lost(unwanted), f"RE2 does not take {found!r} for an example"]
    return Answer(None, reason=lost[0]) if lost else Answer(value=False)


def _lost(*groups: Iterable[Pattern]) -> list[str]:
    """Say what is not translated, and why."""
    reasons: list[str] = []
    for pattern in sorted({pattern for group in groups for pattern in group}, key=_text):
        try:
            _tree(pattern)
        except Undecided as why:
            reasons.append(f"{pattern.text!r} is not analysed: {why}")
    return reasons


@lru_cache(maxsize=5_000)
def _automaton(patterns: frozenset[Pattern]) -> automata.Automaton:
    return automata.Automaton(_trees(sorted(patterns, key=_text)))


def _trees(patterns: Iterable[Pattern]) -> Iterator[Node]:
    for pattern in patterns:
        with suppress(Undecided):
            yield _tree(pattern)


_text = attrgetter("text")


@lru_cache(maxsize=20_000)
def _tree(pattern: Pattern) -> Node:
    if pattern.kind == "regex":
        return regex.parse(pattern.text)
    star = Repeat(Chars(regex.LINE), 0, None)
    middle = (star if char == "*" else Chars(chars(char)) for char in pattern.text)
    return Row((Edge("begin"), *middle, Edge("end")))


def common_prefix(pattern: Pattern) -> str:
    """Return a text that every match of `pattern` begins with; for some it is empty."""
    if pattern.kind != "regex":
        return pattern.text.partition("*")[0]
    try:
        tree = _tree(pattern)
    except Undecided:
        return ""
    if not isinstance(tree, Row) or tree.items[0] != Edge("begin"):
        return ""
    sets = (item.ranges if isinstance(item, Chars) else () for item in tree.items[1:])
    letters = takewhile(lambda some: len(some) == 1 and some[0][0] == some[0][1], sets)
    return "".join(chr(low) for ((low, _),) in letters)


Trap = Literal["half anchored", "loosely anchored", "looks like a regex", "matches everything"]
"""How a pattern can mean something else than it seems to.

half anchored: `^` without `$` or the reverse, so not a regular expression but a literal.
loosely anchored: a regular expression that is not tied to both ends, such as `^a|b$`.
looks like a regex: is none; `read_.*` wants a dot.
matches everything: every name that `*` matches.
"""

_REGEX_LIKE: Final = r"\.[*+]|\\\w|\[.+\]|\(.*\)|\|"


def traps(pattern: Pattern) -> tuple[Trap, ...]:
    """Return the traps that `pattern` is in, in a fixed order."""
    found: list[Trap] = []
    if pattern.kind != "regex" and (pattern.text.startswith("^") or pattern.text.endswith("$")):
        found.append("half anchored")
    elif pattern.kind != "regex" and re.search(_REGEX_LIKE, pattern.text):
        found.append("looks like a regex")
    if pattern.kind == "regex" and not _tied(pattern):
        found.append("loosely anchored")
    if covers(pattern, compile_pattern("*")).value:
        found.append("matches everything")
    return tuple(found)


def _tied(pattern: Pattern) -> bool:
    try:
        tree = _tree(pattern)
    except Undecided:
        return True
    options = tree.options if isinstance(tree, Choice) else (tree,)
    return all(
        isinstance(option, Row)
        and option.items[:1] == (Edge("begin"),)
        and option.items[-1:] == (Edge("end"),)
        for option in options
    )
