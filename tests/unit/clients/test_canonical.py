"""The usual JSON, held to the models that frameworks publish of it; other schemas: make test-clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from fastmcp.mcp_config import MCPConfig
from hypothesis import given, settings
from mcp import StdioServerParameters

from provisioner.site.model import Site
from tests.schemas import FORMS, closed, faults, fullest, golden, misspelt, of_entries, read
from tests.spread import client_files, sites

CANONICAL: Final = closed(MCPConfig.model_json_schema())
PARAMETERS: Final = closed(of_entries(("mcpServers",), StdioServerParameters.model_json_schema()))
HELD: Final[Mapping[str, tuple[Any, tuple[str, ...]]]] = {
    # Claude Desktop, Cursor and Antigravity publish none, and read the usual JSON as well.
    "fastmcp": (
        CANONICAL,
        (
            "mcp.json",
            "mcp_config.json",
            "claude_desktop_config.json",
            ".mcp.json",
            "cursor-mcp.json",
        ),
    ),
    "mcp": (PARAMETERS, ("mcp.json", "mcp_config.json", "claude_desktop_config.json")),
}
EVERY: Final = [(by, file) for by, (_, files) in HELD.items() for file in files]


@pytest.mark.parametrize(("by", "file"), EVERY)
def test_golden_files_are_what_the_model_describes(by: str, file: str) -> None:
    """What the golden cases expect is without a fault, whether or not a client reads past one."""
    documents = list(golden(file))
    assert documents
    assert [faults(HELD[by][0], document) for document in documents] == [[]] * len(documents)


@settings(max_examples=60)
@given(sites())
def test_whatever_a_site_says_is_what_the_model_describes(site: Site) -> None:
    """Names, variables, paths and time limits of any kind leave a file without a fault."""
    files = client_files(site)
    for by, file in EVERY:
        assert faults(HELD[by][0], read(file, files[file])) == []


@pytest.mark.parametrize(("by", "file"), EVERY)
def test_a_misspelt_key_is_a_fault(by: str, file: str) -> None:
    """Each key that we write is one that the model knows: spelt otherwise, it is found."""
    document = fullest(file)
    spoiled = dict(misspelt(document, FORMS[file].entries))
    assert len(spoiled) > 3
    assert [key for key, each in spoiled.items() if not faults(HELD[by][0], each)] == []
