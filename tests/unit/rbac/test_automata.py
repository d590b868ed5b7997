"""The limits of automata and searches, to the state: the same answer on every machine."""

from __future__ import annotations

import pytest

from provisioner.rbac.patterns import automata
from provisioner.rbac.patterns._base import (
    EVERY,
    Chars,
    Choice,
    Edge,
    Node,
    Repeat,
    Row,
    Undecided,
    chars,
    without,
)
from provisioner.rbac.patterns.automata import Automaton, shortest

ANY = Chars(EVERY)


def whole(*items: Node) -> Automaton:
    """Return what finds names that these items match from the beginning to the end."""
    return Automaton([Row((Edge("begin"), *items, Edge("end")))])


def test_the_most_states() -> None:
    """An expression may need 20,000 states, both ends and the match among them, and none more."""
    most = 20_000 - 3
    whole(Repeat(ANY, most, most))
    with pytest.raises(Undecided, match="more than 20,000 states"):
        whole(Repeat(ANY, most + 1, most + 1))


def test_the_most_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search counts each place that it comes to, and all states there: with one too many it ends."""
    three, or_none = whole(ANY, ANY, ANY), Automaton(())
    forked = whole(ANY, Choice((ANY, Row((ANY,)))), ANY)  # in two states at once in one place
    work = 3 * (1 + 1 + 1) + 1  # a place, a state of each of both, and that one
    monkeypatch.setattr(automata, "WORK", work)
    assert shortest([three, forked], or_none) == "aaa"
    monkeypatch.setattr(automata, "WORK", work - 1)
    with pytest.raises(Undecided, match="takes too long"):
        shortest([three, forked], or_none)


def test_dead_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing that is wanted can follow any more, a search does not go, and counts nothing."""
    two, an_a = whole(ANY, ANY), Chars(chars("a"))
    begins_otherwise = Automaton([Row((Edge("begin"), Chars(without(EVERY, an_a.ranges))))])
    monkeypatch.setattr(automata, "WORK", 2 * (1 + 1 + 1))
    assert shortest([two, whole(an_a, an_a)], Automaton(())) == "aa"
    assert shortest([two, two], begins_otherwise) == "aa"
