"""What an editor says of a site, by the JSON Schema and a validator that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from provisioner import workflow
from provisioner.site.schema import site_schema
from provisioner.text import source
from tests.conftest import ROOT

VALIDATOR = Draft202012Validator(site_schema())
EXAMPLES = sorted((ROOT / "examples").glob("*/site.yaml"))
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/site.yaml"))
SOUND = [path for path in (*EXAMPLES, *GOLDEN) if workflow.check(path).site is not None]

HEAD = "version: 1\nsite: a\nteleport: {proxy: 'a:443'}\n"


def complaints(data: bytes) -> list[str]:
    """Return where the schema finds a site wrong."""
    document, _ = source.load(data, "site.yaml")
    assert document is not None
    return [error.json_path for error in VALIDATOR.iter_errors(document.value)]


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.parent.name)
def test_what_is_sound_is_valid(path: Path) -> None:
    """Every example and every golden site without errors is valid."""
    assert complaints(path.read_bytes()) == []


def test_there_are_examples() -> None:
    """All examples are sound, so that the test above looks at them."""
    assert EXAMPLES
    assert set(EXAMPLES) <= set(SOUND)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("version: 2\nsite: a\nteleport: {proxy: 'a:443'}", "$.version"),
        ("version: 1\nteleport: {proxy: 'a:443'}", "$"),
        (HEAD + "roles: {dev: {tool: [a]}}", "$.roles.dev"),
        (HEAD + "roles: {dev: {tools: [1]}}", "$.roles.dev.tools[0]"),
        (HEAD + "roles: {dev: {version: v9}}", "$.roles.dev.version"),
        (HEAD + "roles: {Dev: {}}", "$.roles"),
        (HEAD + "roles:", "$.roles"),
        (HEAD + "bots: {ci: {clients: [{servers: [a]}]}}", "$.bots.ci.clients[0]"),
        (HEAD + "bots: {ci: {max_session_ttl: 3600}}", "$.bots.ci.max_session_ttl"),
        (HEAD + "mcp_servers: {a: {labels: {e: [x]}}}", "$.mcp_servers.a.labels.e"),
    ],
)
def test_what_is_wrong_is_not_valid(text: str, where: str, tmp_path: Path) -> None:
    """What the schema finds wrong, and where, `provision check` finds wrong as well."""
    found: list[Any] = complaints(text.encode())
    assert found == [where]
    path = tmp_path / "site.yaml"
    path.write_text(text)
    assert workflow.check(path).site is None
