from __future__ import annotations

from types import MappingProxyType

import pytest

from provisioner.schema.faults import Fault, Wrong
from provisioner.schema.kinds import (
    Anything,
    Boolean,
    Integer,
    Kind,
    Listed,
    Mapped,
    Matching,
    Maybe,
    OneOf,
    OneOrMany,
    Parsed,
    Short,
    Text,
)
from provisioner.values import EMPTY, Plain

NAME = Matching(r"^[a-z]{1,3}$", "a name is one to three letters", "shorten it")
MANY = OneOrMany(NAME, str, "a name or a list of names", "quote it")


def faults(kind: Kind, value: Plain) -> tuple[Fault, ...]:
    """Return what is wrong with a value."""
    with pytest.raises(Wrong) as caught:
        kind.read(value)
    return caught.value.faults


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Anything(), {"a": [1, {"b": None}]}, {"a": (1, {"b": None})}),
        (Boolean(), False, False),
        (Integer(), -5, -5),
        (Integer(0), 0, 0),
        (Text(), "", ""),
        (Text(2, 3), "ab", "ab"),
        (Text(2, 3), "abc", "abc"),
        (NAME, "abc", "abc"),
        (Parsed(int, "no number", ""), " 5 ", " 5 "),
        (OneOf(("a", 1)), 1, 1),
        (Maybe(Text()), None, None),
        (Maybe(Text()), "a", "a"),
        (Listed(Text()), ["a", "b"], ("a", "b")),
        (Listed(Text()), (), ()),
        (MANY, "a", ("a",)),
        (MANY, [], ()),
        (MANY, ["a", "b"], ("a", "b")),
        (Mapped(NAME, Listed(Integer())), {"a": [1]}, {"a": (1,)}),
        (Short(Listed(Text()), lambda value: [value], (Text(),)), "a", ("a",)),
    ],
)
def test_what_is_right_is_read(kind: Kind, value: Plain, read: object) -> None:
    """Text stays as it was written, lists become tuples."""
    assert kind.read(value) == read
    assert type(kind.read(value)) is type(read) or isinstance(read, dict)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Boolean(), 1, "true or false"),
        (Boolean(), "true", "true or false"),
        (Integer(), True, "a number"),
        (Integer(), 1.0, "a number"),
        (Text(), 5, "text"),
        (Text(), None, "text"),
        (NAME, 5, "text"),
        (Parsed(int, "no number", ""), 5, "text"),
        (Listed(Text()), "ab", "a list"),
        (Listed(Text()), {"a": 1}, "a list"),
        (MANY, 5, "a name or a list of names"),
        (Mapped(NAME, Text()), ["a"], "a mapping"),
    ],
)
def test_nothing_is_coerced(kind: Kind, value: Plain, message: str) -> None:
    """A value of another type is refused, however like it is; what was wanted is told."""
    (fault,) = faults(kind, value)
    assert (fault.kind, fault.message, fault.value, fault.path) == ("type", message, value, ())


@pytest.mark.parametrize(
    ("kind", "value", "what", "message"),
    [
        (Integer(1), 0, "value", "must be 1 or more"),
        (Text(1), "", "value", "must not be empty"),
        (Text(0, 3), "abcd", "value", "longer than 3 characters"),
        (NAME, "A", "name", "a name is one to three letters"),
        (NAME, "abcd", "name", "a name is one to three letters"),
        (NAME, "ab\n", "name", "a name is one to three letters"),
        (Parsed(int, "no number", "count"), "x", "value", "no number"),
    ],
)
def test_limits(kind: Kind, value: Plain, what: str, message: str) -> None:
    """What is of the right type and still cannot be is told in words, with its cure."""
    (fault,) = faults(kind, value)
    assert (fault.kind, fault.message) == (what, message)


def test_choices_know_their_types() -> None:
    """True equals 1, and 1.0 does, but neither was written."""
    for value in (True, 1.0, "1", 2, None, [1]):
        (fault,) = faults(OneOf((1, "a", "b")), value)
        assert (fault.kind, fault.options) == ("choice", "1, 'a' or 'b'")


def test_every_fault_at_once() -> None:
    """All that is wrong in a list or a mapping is told, keys and values, each at its path."""
    kind = Mapped(NAME, Listed(Integer()))
    found = faults(kind, {"a": [1, "x", True], "TOO": 5, "b": [2], 7: []})
    assert [(fault.kind, fault.path, fault.on_key) for fault in found] == [
        ("type", ("a", 1), False),
        ("type", ("a", 2), False),
        ("name", ("TOO",), True),
        ("type", ("TOO",), False),
        ("type", (7,), True),
    ]


def test_one_of_many_has_no_index() -> None:
    """A fault of what stands there without a list is at its own place, not at the first of a list."""
    assert [fault.path for fault in faults(MANY, "A")] == [()]
    assert [fault.path for fault in faults(MANY, ["a", "B"])] == [(1,)]


def test_a_list_can_have_to_hold_something() -> None:
    """Where at least one is wanted, an empty list is told like an empty text."""
    (fault,) = faults(OneOrMany(NAME, str, "names", least=1), [])
    assert (fault.kind, fault.message, fault.path) == ("value", "must not be empty", ())
    assert OneOrMany(NAME, str, "names", least=1).read(["a"]) == ("a",)


def test_mappings_cannot_be_changed() -> None:
    """An empty mapping that was read is not the one that stands for none."""
    read = Mapped(NAME, Text()).read({})
    assert isinstance(read, MappingProxyType)
    assert read == EMPTY
    assert read is not EMPTY
