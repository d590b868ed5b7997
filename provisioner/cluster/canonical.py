"""The one form in which two bodies are compared.

Teleport stores more than it is told: it fills in defaults, spells durations its own way and turns
one-element lists into text. The canonical form takes all of that away, so that what the site says
and what the cluster holds are equal exactly when they mean the same. What is particular to a kind
stands in `kinds`; here it is laid out as a tree, since every plan walks it for every document.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from provisioner.cluster.kinds import ITEM, KINDS, Normaliser, Path
from provisioner.values import SEQUENCES, Body, Plain, freeze, is_mapping


class _Rules:
    """What holds at one path, and below it."""

    __slots__ = ("below", "default", "ignored", "normal")

    def __init__(self) -> None:
        self.below: dict[str, _Rules] = {}
        self.normal: Normaliser | None = None
        self.default: Plain = None
        self.ignored = False

    def at(self, path: Path) -> _Rules:
        rules = self
        for name in path:
            rules = rules.below.setdefault(name, _Rules())
        return rules


def canonical(body: Body) -> dict[str, Plain]:
    """Return the canonical form of `body`. Raises KeyError for a kind that is not in `KINDS`."""
    kind = KINDS[body["kind"]]
    return _pruned(body, _rules(kind.name, kind.variant(body)))


@lru_cache(maxsize=64)
def _rules(name: str, variant: str) -> _Rules:
    kind, tree = KINDS[name], _Rules()
    for path in kind.ignored:
        tree.at(path).ignored = True
    for path, normal in kind.normal.items():
        tree.at(path).normal = normal
    for path, default in kind.defaults(variant).items():
        tree.at(path).default = freeze(default)
    return tree


_NONE: Final = _Rules()


def _pruned(value: Mapping[str, Plain], rules: _Rules) -> dict[str, Plain]:
    """Walk down; what equals its default is dropped on the way up."""
    kept, below = {}, rules.below
    for name, child in value.items():
        rule = below.get(name, _NONE)
        if rule is _NONE and type(child) is str:  # most of what there is
            if child:
                kept[name] = child
            continue
        if rule.ignored:
            continue
        plain = rule.normal(child) if rule.normal is not None else _plain(child, rule)
        if not _is_default(plain, rule.default):
            kept[name] = plain
    return kept


def _plain(value: Plain, rules: _Rules) -> Plain:
    """Return a value without what says no more than silence, on every level."""
    if is_mapping(value):
        return _pruned(value, rules)
    if isinstance(value, SEQUENCES) and any(map(is_mapping, value)):
        rule = rules.below.get(ITEM, _NONE)
        return [_item(each, rule) if is_mapping(each) else each for each in value]
    return value


def _item(value: Mapping[str, Plain], rules: _Rules) -> dict[str, Plain]:
    """Return an item of a list without its defaults.

    In lists false stays: the booleans that stand there, those of tokens, can also be not set.
    """
    kept = {name: _plain(child, rules.below.get(name, _NONE)) for name, child in value.items()}
    return {
        name: child
        for name, child in kept.items()
        if child is False or not _is_default(child, rules.below.get(name, _NONE).default)
    }


def _is_default(value: Plain, default: Plain) -> bool:
    """Whether a value says no more than silence: the default, or else Go's zero value."""
    if default is None:
        return not value
    if type(value) is type(default) and value == default:
        return True
    if isinstance(value, dict | list):
        return not value or bool(freeze(value) == default)
    # False and 0 are values of their own where the default is another: Go has pointers there.
    return not value and (value is None or not isinstance(value, int))
