"""What servers have, by number: tools as bits, sets of labels and who of a role has to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provisioner.rbac.access import apply_role
from provisioner.rbac.access._index import LabelSets, Names
from provisioner.rbac.expressions import Env
from provisioner.rbac.patterns import compile_pattern
from tests import bodies


def numbered(*sets: Mapping[str, str]) -> LabelSets:
    found = LabelSets()
    for labels in sets:
        found.number(labels)
    return found


SETS = numbered({"env": "dev"}, {"env": "prod", "team": "a"}, {"env": "dev", "team": "b"}, {})


def test_equal_sets_have_one_number() -> None:
    """Labels in another order are the same set; every other set has a number of its own."""
    found = numbered({"a": "1", "b": "2"}, {"a": "1"})
    assert found.number({"b": "2", "a": "1"}) == 0
    assert found.number({"a": "1"}) == 1
    assert found.number({}) == 2


@pytest.mark.parametrize(
    ("allow", "candidates"),
    [
        ({"app_labels": {"env": "dev"}}, {0, 2}),
        ({"app_labels": {"env": ["dev", "prod"]}}, {0, 1, 2}),
        ({"app_labels": {"env": "qa"}}, set()),
        ({"app_labels": {"env": "d*", "team": "b"}}, {2}),
        ({"app_labels": {"env": "^[$", "team": "b"}}, {2}),
        ({"app_labels": {"env": "d*"}}, None),
        ({"app_labels": {"env": ["dev", "p*"]}}, None),
        ({"app_labels": {"env": "^[$"}}, None),
        ({"app_labels": {"*": "*"}}, None),
        ({"app_labels": {"*": "dev"}}, None),
        ({"app_labels": {"env": "dev"}, "app_labels_expression": "labels["}, None),
        ({"app_labels": {}}, set()),
    ],
)
def test_who_has_to_be_looked_at(allow: Mapping[str, Any], candidates: set[int] | None) -> None:
    """A role asks for a label by name, and all sets without it are left out; else none is."""
    role = apply_role(bodies.role("r", allow=allow), Env())
    assert SETS.candidates(role.allow) == candidates


def test_names_are_bits() -> None:
    """What a pattern matches is a number, from which the names come back sorted."""
    names = Names(["write_file", "read_row", "read_file", "read_row"])
    reading = names.matched(compile_pattern("read_*"))
    assert len(names) == 3
    assert names.named(reading) == ("read_file", "read_row")
    assert names.named(reading & names.bits(["read_row", "write_file"])) == ("read_row",)
    assert not names.has(reading, "write_file")
    assert names.named(0) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("read_*_x", ("read_b_x", "read_x_x")),
        ("read_?", ()),
        ("read_a", ("read_a",)),
        ("^read_[ab]$", ("read_a",)),
        ("*_x", ("read_b_x", "read_x_x", "z_x")),
        ("read", ()),
    ],
)
def test_a_beginning_is_not_enough(text: str, found: tuple[str, ...]) -> None:
    """Of the names that begin as a pattern does, only those count that match to their end."""
    names = Names(["read_a", "read_b_x", "read_x_x", "z_x", "reading"])
    assert names.named(names.matched(compile_pattern(text))) == found
