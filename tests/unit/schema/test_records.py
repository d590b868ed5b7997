from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from msgspec import Struct

from provisioner.schema.faults import Fault, Wrong
from provisioner.schema.kinds import Matching
from provisioner.schema.records import Rest, Told, kind_of, read
from provisioner.values import EMPTY, Plain

Code = Annotated[str, Matching(r"^X[0-9]$", "no code")]


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    a: int
    b: str | None = None


class Cat(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["cat", "lion"]
    lives: int = 9


class Dog(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["dog"]


class Outer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    inner: Inner
    pets: tuple[Annotated[Cat | Dog, Told("kind")], ...] = ()
    named: Mapping[str, Inner] = EMPTY
    anything: Any = None
    flag: bool = False


class Levels(Struct, frozen=True, forbid_unknown_fields=True):
    note: str = ""
    levels: Annotated[Mapping[Code, bool], Rest()] = EMPTY


class Open(Struct, frozen=True):
    a: int


def faults(made: type[Struct], value: Plain) -> list[tuple[Any, ...]]:
    """Return kind and path of what is wrong with a value."""
    with pytest.raises(Wrong) as caught:
        read(made, value)
    return [(fault.kind, fault.path) for fault in caught.value.faults]


def test_fields_follow_their_annotations() -> None:
    """A value is read as the Struct declares it, and what is left out has its default."""
    value: Plain = {
        "inner": {"a": 1},
        "pets": [{"kind": "lion"}, {"kind": "dog"}],
        "named": {"x": {"a": 2, "b": "c"}},
        "anything": [1],
    }
    assert read(Outer, value) == Outer(
        inner=Inner(1),
        pets=(Cat("lion"), Dog("dog")),
        named={"x": Inner(2, "c")},
        anything=(1,),
    )


def test_every_fault_at_its_path() -> None:
    """Unknown keys, missing ones and wrong values are all told at once, the missing ones last."""
    value: Plain = {
        "flag": 1,
        "nmaed": {},
        "pets": [{"kind": "cow"}, {}, {"kind": 5}, {"kind": "dog", "lives": 1}, 7],
        "named": {"x": {"b": 1}},
    }
    assert faults(Outer, value) == [
        ("type", ("flag",)),
        ("variant", ("pets", 0, "kind")),
        ("missing", ("pets", 1, "kind")),
        ("variant", ("pets", 2, "kind")),
        ("unknown", ("pets", 3, "lives")),
        ("type", ("pets", 4)),
        ("type", ("named", "x", "b")),
        ("missing", ("named", "x", "a")),
        ("unknown", ("nmaed",)),
        ("missing", ("inner",)),
    ]


def test_a_record_is_a_mapping() -> None:
    """Nothing else is taken for one."""
    values: tuple[Plain, ...] = (None, [], "a", 5)
    for wrong in values:
        assert faults(Inner, wrong) == [("type", ())]


def test_unknown_keys_know_what_there_is() -> None:
    """A fault of an unknown key has the keys that there are, for whoever wants to guess."""
    with pytest.raises(Wrong) as caught:
        read(Inner, {"a": 1, "c": 2})
    (fault,) = caught.value.faults
    assert fault == Fault("unknown", 2, known=("a", "b"), path=("c",), on_key=True)


def test_an_open_struct_ignores_what_it_does_not_know() -> None:
    """Whether unknown keys are refused is what the Struct itself says."""
    assert read(Open, {"a": 1, "b": 2}) == Open(1)


def test_other_keys_can_have_a_field() -> None:
    """Keys that are no fields are a mapping; a wrong value under what is no such key is a misspelt one."""
    assert read(Levels, {"X1": True, "note": "a"}) == Levels("a", {"X1": True})
    assert read(Levels, {"other": True}).levels == {"other": True}
    assert faults(Levels, {"X1": 5, "nte": "a"}) == [("type", ("X1",)), ("unknown", ("nte",))]


def test_what_no_file_can_hold_is_refused() -> None:
    """An annotation that means nothing here is a defect, and is seen when it is first looked at."""
    for annotation in (bytes, int | str, tuple[int, str]):
        with pytest.raises(TypeError, match="nothing here reads"):
            kind_of(annotation)
