"""What is rendered is what the schemas and types that clients publish describe, key by key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from provisioner.site.model import Site
from tests.end_to_end.clients.schemas import PUBLISHED
from tests.end_to_end.clients.shelf import Shelf
from tests.schemas import FORMS, closed, faults, fullest, golden, misspelt, read
from tests.spread import client_files, sites


@pytest.fixture(scope="module", params=PUBLISHED)
def publisher(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def held(shelf: Shelf, publisher: str) -> tuple[str, Any]:
    """Return a file's name, and the schema that its client has for it, without other keys."""
    file, get = PUBLISHED[publisher]
    return file, closed(get(shelf))


def test_golden_files_have_no_fault(held: tuple[str, Any]) -> None:
    """What the golden cases expect is what the client describes."""
    file, schema = held
    documents = list(golden(file))
    assert documents
    assert [faults(schema, document) for document in documents] == [[]] * len(documents)


def test_whatever_a_site_says_has_no_fault(held: tuple[str, Any]) -> None:
    """Names, variables, paths, tools and time limits of any kind leave a file without a fault."""
    file, schema = held

    @settings(max_examples=100, deadline=None)
    @given(sites())
    def holds(site: Site) -> None:
        assert faults(schema, read(file, client_files(site)[file])) == []

    holds()


def test_a_misspelt_key_is_a_fault(held: tuple[str, Any]) -> None:
    """Each key that we write is one that the client knows: spelt otherwise, it is found."""
    file, schema = held
    spoiled = dict(misspelt(fullest(file), FORMS[file].entries))
    assert len(spoiled) > 3
    assert [key for key, each in spoiled.items() if not faults(schema, each)] == []
