"""Structs as what they declare: from the annotations of their fields follows how they are read.

An annotation says its kind by what it is: `str`, `bool`, `int`, `X | None`, `Literal`, `tuple[X, ...]`,
`Mapping[K, V]`, another Struct; or by a kind of `kinds` in `Annotated`. The fields of a Struct are
looked at when the first value of it is read, so that nobody waits for what a file does not have.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from provisioner.schema.faults import MAPPING, TEXT, Fault, Wrong
from provisioner.schema.kinds import (
    Anything,
    Boolean,
    Integer,
    Kind,
    Listed,
    Mapped,
    Maybe,
    OneOf,
    OneOrMany,
    Short,
    Text,
)
from provisioner.values import Plain, is_mapping

S = TypeVar("S", bound=Struct)


class Many(Struct, frozen=True):
    """In an annotation of `tuple[X, ...]`: one X, of the type `one`, may stand there without a list."""

    one: type
    wanted: str
    hint: str = ""
    least: int = 0


class Written(Struct, frozen=True):
    """In an annotation: what may be written instead, of the types `ways`, and what makes it whole."""

    expand: Callable[[Plain], Plain]
    ways: tuple[Any, ...]


class Rest(Struct, frozen=True):
    """In an annotation of a mapping: the keys beside it that are no fields; its keys say which are meant."""


class Told(Struct, frozen=True):
    """In an annotation of several Structs: the field, in each a Literal, that tells which one it is."""

    by: str


class Record(Struct, frozen=True):
    """A mapping with the fields of a Struct as keys."""

    made: type[Struct]

    def read(self, value: Plain) -> Struct:
        """Return the Struct. Raises Wrong."""
        return read(self.made, value)


class Variant(Struct, frozen=True):
    """One of several Structs, told apart by the word that a field of theirs has."""

    by: str
    made: tuple[type[Struct], ...]

    def read(self, value: Plain) -> Struct:
        """Return the Struct. Raises Wrong."""
        if not is_mapping(value):
            raise Wrong(Fault("type", value, MAPPING))
        if self.by not in value:
            raise Wrong(Fault("missing", None, path=(self.by,)))
        word = value[self.by]
        if not isinstance(word, str | int | float):
            raise Wrong(Fault("type", word, TEXT, path=(self.by,)))
        made = made_by(self)
        if not isinstance(word, str) or word not in made:
            raise Wrong(Fault("variant", word, known=tuple(made), path=(self.by,)))
        return read(made[word], value)


class Layout(Struct, frozen=True):
    """The fields of a Struct: their kinds, how each is read, and the one that takes all other keys."""

    kinds: Mapping[str, Kind]
    reads: Mapping[str, Callable[[Plain], object]]
    required: tuple[str, ...]
    rest: tuple[str, Mapped] | None
    is_closed: bool

    def read_others(self, values: Mapping[str, Plain]) -> Mapping[str, Any]:
        """Return what keys that are no fields come to, by field. Raises Wrong."""
        if self.rest is not None:
            field, mapped = self.rest
            try:
                return {field: Mapped(Anything(), mapped.kind).read(values)}
            except Wrong as wrong:
                raise Wrong(*(self._meant(mapped.key, fault) for fault in wrong.faults)) from None
        if self.is_closed:
            raise Wrong(*(self._unknown(name, item) for name, item in values.items()))
        return {}

    def _meant(self, key: Kind, fault: Fault) -> Fault:
        """Return a fault under one of the other keys, unless the key itself is a mistake."""
        name = fault.path[0]
        try:
            key.read(name)
        except Wrong:
            return self._unknown(name, fault.value)
        return fault

    def _unknown(self, name: str | int, item: Plain) -> Fault:
        return Fault("unknown", item, known=tuple(self.reads), path=(name,), on_key=True)


def read(made: type[S], value: Plain) -> S:
    """Return a value as the Struct that `made` declares. Raises Wrong."""
    if not is_mapping(value):
        raise Wrong(Fault("type", value, MAPPING))
    layout = layout_of(made)
    found: dict[str, object] = {}
    others: dict[str, Plain] = {}
    faults: list[Fault] = []
    for name, item in value.items():
        if name not in layout.reads:
            others[name] = item
            continue
        try:
            found[name] = layout.reads[name](item)
        except Wrong as wrong:
            faults.extend(wrong.under(name))
    try:
        found.update(layout.read_others(others) if others else ())
    except Wrong as wrong:
        faults.extend(wrong.faults)
    faults.extend(
        Fault("missing", None, path=(key,)) for key in layout.required if key not in value
    )
    if faults:
        raise Wrong(*faults)
    return made(**found)


@cache
def layout_of(made: type[Struct]) -> Layout:
    """Return the fields of a Struct as its annotations declare them."""
    declared = fields(made)
    kinds = {field.name: kind_of(field.type) for field in declared if not _takes_rest(field)}
    return Layout(
        kinds,
        {name: kind.read for name, kind in kinds.items()},
        tuple(field.name for field in declared if field.required),
        next(((field.name, _rest(field)) for field in declared if _takes_rest(field)), None),
        made.__struct_config__.forbid_unknown_fields,
    )


def _takes_rest(field: FieldInfo) -> bool:
    return any(isinstance(mark, Rest) for mark in getattr(field.type, "__metadata__", ()))


def _rest(field: FieldInfo) -> Mapped:
    mapping, _ = get_args(field.type)
    key, item = get_args(mapping)
    return Mapped(kind_of(key), kind_of(item))


@cache
def made_by(variant: Variant) -> Mapping[str, type[Struct]]:
    """Return the Structs of which a value is one, by the words that tell them apart."""
    return {
        str(word): made
        for made in variant.made
        if isinstance(kind := layout_of(made).kinds[variant.by], OneOf)
        for word in kind.choices
    }


def kind_of(annotation: object) -> Kind:
    """Return the kind that an annotation declares. Raises TypeError for what no file is to hold."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _marked(*inside)
    if origin in (Union, UnionType):
        return Maybe(kind_of(_one_of(inside)))
    if origin is Literal:
        return OneOf(inside)
    if origin is tuple and inside[1:] == (...,):
        return Listed(kind_of(inside[0]))
    if origin is abc.Mapping:
        return Mapped(*map(kind_of, inside))
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return Record(annotation)
    if annotation not in _SIMPLE:
        raise TypeError(f"nothing here reads {annotation}")
    return _SIMPLE[annotation]


def _one_of(choices: tuple[object, ...]) -> object:
    """Return the type beside None; of several there is no telling which one a value is meant to be."""
    types = [each for each in choices if each is not NoneType]
    return types[0] if len(types) == 1 else tuple(types)


def _marked(inner: object, *marks: Kind | Many | Written | Told) -> Kind:
    mark = marks[-1]
    if isinstance(mark, Many):
        return OneOrMany(kind_of(get_args(inner)[0]), mark.one, mark.wanted, mark.hint, mark.least)
    if isinstance(mark, Written):
        return Short(kind_of(inner), mark.expand, tuple(map(kind_of, mark.ways)))
    if isinstance(mark, Told):
        return Variant(mark.by, get_args(inner))
    return mark


_SIMPLE: Final[Mapping[object, Kind]] = {
    Any: Anything(),
    bool: Boolean(),
    int: Integer(),
    str: Text(),
}
