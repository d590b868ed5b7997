"""Reading a site and its published schema agree, whatever a value has become."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from provisioner.schema.faults import Fault, Wrong
from provisioner.schema.records import read
from provisioner.site.model import Site
from provisioner.site.schema import site_schema
from provisioner.text import source
from provisioner.values import Plain
from tests.conftest import ROOT

VALIDATOR: Final = Draft202012Validator(site_schema())
BY_SCHEMA: Final = ("must not be empty", "longer than", "must be")
"""How limits are told that the schema has as well; others only a parser sees."""


def plain(name: str) -> Plain:
    """Return what a golden site says."""
    document, _ = source.load((ROOT / "tests/golden" / name / "site.yaml").read_bytes(), "s.yaml")
    assert document is not None
    return document.value


SITE: Final = plain("every-key")


def paths(value: Plain, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for step, child in children:
        yield (*at, step)
        if isinstance(child, dict | list):
            yield from paths(child, (*at, step))


PATHS: Final = sorted(paths(SITE), key=str)
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["", "a", "A b", "12h", "/a", "reachable", "github", "v8", "h:1"])
)
JUNK: Final = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "A b", "method", "name"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def sites(draw: st.DrawFn) -> Plain:
    """Return a site that has every key, with something else in one place."""
    value = copy.deepcopy(SITE)
    *parents, last = draw(st.sampled_from(PATHS))
    parent = value
    for step in parents:
        parent = parent[step]
    if draw(st.booleans()):
        parent[last] = draw(JUNK)
    elif isinstance(parent, dict):
        parent[draw(st.sampled_from(["a", "A b", "nam", ""]))] = parent.pop(last)
    return value


def faults(value: Plain) -> tuple[Fault, ...]:
    """Return all that is wrong with a site."""
    try:
        read(Site, value)
    except Wrong as wrong:
        return wrong.faults
    return ()


def only_said_later(path: list[Any]) -> bool:
    """Say whether the schema offers names here that are judged when the site has been read."""
    return path[:1] == ["rules"] or (path[2:3] == ["clients"] and path[4:5] == ["format"])


@settings(max_examples=300)
@given(sites())
def test_reading_takes_what_the_schema_does(value: Plain) -> None:
    """What is read is valid; what is not valid, or is but cannot be parsed, is refused."""
    found = faults(value)
    complaints = list(VALIDATOR.iter_errors(value))
    if not found:
        assert all(only_said_later(list(error.absolute_path)) for error in complaints)
    parsed = [f for f in found if f.kind == "value" and not f.message.startswith(BY_SCHEMA)]
    assert complaints or len(parsed) == len(found)


def test_the_site_that_is_changed_is_sound() -> None:
    """Otherwise the test above would be about something else."""
    assert faults(SITE) == ()
    assert len(PATHS) > 100
