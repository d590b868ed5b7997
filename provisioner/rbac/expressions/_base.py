"""The tree of an expression, the values it works on, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.errors import ProvisionError
from provisioner.values import nothing


class ExpressionError(ProvisionError):
    """An expression that cannot be parsed, or has no value here."""


@dataclass(frozen=True, slots=True)
class Env:
    """What an expression can ask for: the user's name and traits, the labels of the resource."""

    user: str = ""
    traits: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Name:
    """A name with its dots taken apart: `user.spec.traits`."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A text or a number as it stands."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Index:
    """`container[key]`."""

    container: Tree
    key: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`."""

    function: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!item`."""

    item: Tree


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Tree
    right: Tree


Tree = Name | Constant | Index | Call | Not | Binary
