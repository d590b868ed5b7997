"""Comes last: docs/clients.md says with which releases all of this was seen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.clients.shelf import Shelf

PAGE: Final = Path(__file__).parents[3] / "docs" / "clients.md"
TABLE: Final = re.compile(r"(?<=\| Package \| Version \|\n\|---\|---\|\n)(?:\|.*\n)+")


def rows(text: str) -> dict[str, str]:
    """Return the version of each package in the page's table."""
    found = TABLE.search(text)
    assert found
    cells = (line.strip("|").split("|") for line in found[0].splitlines())
    return {name.strip().replace("`", ""): version.strip() for name, version in cells}


def written(versions: dict[str, str]) -> str:
    """Return the rows of the page's table."""
    cells = ((re.sub(r"^([^,]+)", r"`\1`", name), versions[name]) for name in sorted(versions))
    return "".join(f"| {name} | {version} |\n" for name, version in cells)


def test_the_page_names_the_releases(shelf: Shelf, request: pytest.FixtureRequest) -> None:
    """The page has the release of every package that was used; --rewrite-golden writes them there."""
    if request.session.testsfailed:
        pytest.skip("not all of it passed")
    text = PAGE.read_text()
    now = rows(text) | shelf.versions
    if request.config.getoption("--rewrite-golden"):
        PAGE.write_text(TABLE.sub(lambda _: written(now), text))
    assert rows(PAGE.read_text()) == now
