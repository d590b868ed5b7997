from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cluster.port import Verb, Write
from provisioner.cluster.unmoved import is_same, moved, revision_of
from provisioner.values import freeze
from tests.bodies import bot, filled, role


def at(body: dict[str, Any], revision: str) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "revision": revision}}


def update(expected: dict[str, Any], verb: Verb = Verb.UPDATE) -> Write:
    return Write(verb, Key("role", "dev"), freeze(role()), expected=freeze(expected))


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (at(role(), "1"), at(role(), "1"), True),
        (at(role(), "1"), at(role(), "2"), True),
        (role(), filled(role()), True),
        (at(role(), "1"), at(role(allow={"logins": ["x"]}), "2"), False),
        (bot(roles=["a", "b"]), bot(roles=["b", "a"]), True),
        (bot(roles=["a"]), bot(roles=["b"]), False),
        (role(labels={"provisioner/applied": "1"}), role(labels={}), True),
        (role(labels={"provisioner/site": "x"}), role(labels={}), False),
    ],
)
def test_the_same(one: dict[str, Any], two: dict[str, Any], same: bool) -> None:
    """The revision tells that nothing moved; else what the documents mean does."""
    assert is_same(one, two) is same


def test_one_revision_is_one_document() -> None:
    """Where the revision is the same nothing else is looked at: Teleport makes one for each write."""
    assert is_same(at(role(), "1"), at(role(allow={"logins": ["x"]}), "1"))


def test_nothing_expected() -> None:
    """A write that expects nothing is made, whatever lives."""
    write = Write(Verb.UPDATE, Key("role", "dev"), role())
    assert moved(write, None) is None
    assert moved(write, role(allow={"logins": ["x"]})) is None


def test_what_moved_is_named() -> None:
    """The refusal names the object and the first fields that moved, and exits with 4."""
    live = role(allow={name: ["x"] for name in "abcdefg"})
    error = moved(update(role()), live)
    assert error is not None
    assert error.message == (
        "role/dev moved since the plan was made: spec.allow.a, spec.allow.b, spec.allow.c, "
        "spec.allow.d, spec.allow.e and 2 more"
    )
    assert error.exit_code == 4
    assert error.hint.startswith("plan again")


def test_what_is_gone() -> None:
    """An update would create what is gone anew; to delete it is left for the cluster to refuse."""
    error = moved(update(role()), None)
    assert error is not None
    assert error.message == "role/dev is gone since the plan was made"
    assert moved(update(role(), Verb.DELETE), None) is None


def test_fields_of_others_are_visible_text() -> None:
    """Whatever a field is called, no control character reaches the reader."""
    live = role(labels={"provisioner/site": "acme", "\x1b[31m\n": "x"})
    error = moved(update(role()), live)
    assert error is not None
    assert not {"\x1b", "\n"} & set(error.message)


def test_bots_have_no_revision() -> None:
    """Where there is none, there is nothing to compare by."""
    assert revision_of(bot()) == ""
    assert revision_of({}) == ""
    assert revision_of(at(role(), "x")) == "x"
