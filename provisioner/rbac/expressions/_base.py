"""The tree of an expression, the values it works on, and its errors."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from provisioner.errors import ProvisionError
from provisioner.values import EMPTY


class ExpressionError(ProvisionError):
    """An expression that cannot be parsed, or has no value here."""


class Env(Struct, frozen=True):
    """What an expression can ask for: the user's name and traits, the labels of the resource."""

    user: str = ""
    traits: Mapping[str, tuple[str, ...]] = EMPTY
    labels: Mapping[str, str] = EMPTY


class Name(Struct, frozen=True):
    """A name with its dots taken apart: `user.spec.traits`."""

    parts: tuple[str, ...]


class Constant(Struct, frozen=True):
    """A text or a number as it stands."""

    value: str | int


class Index(Struct, frozen=True):
    """`container[key]`."""

    container: Tree
    key: Tree


class Call(Struct, frozen=True):
    """`function(arguments)`."""

    function: str
    arguments: tuple[Tree, ...]


class Not(Struct, frozen=True):
    """`!item`."""

    item: Tree


class Binary(Struct, frozen=True):
    """`left operator right`."""

    operator: str
    left: Tree
    right: Tree


Tree = Name | Constant | Index | Call | Not | Binary
