"""Python frameworks load what was rendered with their own loaders, and call a tool through it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.end_to_end.clients.shelf import Shelf
from tests.end_to_end.stand_in.machine import ENTRIES, ENV, Machine, make
from tests.end_to_end.stand_in.server import TOOLS

USES: Final = Path(__file__).parent / "frameworks"
# Those of one environment get on with each other: one needs version 1 of `mcp`, the others 2.
ENVIRONMENTS: Final = {
    "mcp1": ("langchain-mcp-adapters",),
    "mcp2": ("fastmcp", "openai-agents", "pydantic-ai-slim[mcp]"),
}
USED: Final = [
    ("mcp1", "langgraph", "langgraph.json"),
    ("mcp1", "langgraph", "langgraph_connections.py"),
    ("mcp2", "fastmcp", "mcp.json"),
    ("mcp2", "openai_agents", "mcp.json"),
    ("mcp2", "pydantic_ai", "mcp.json"),
]
DELAY: Final = 12.0
"""Longer than two of them wait when nobody tells them to (5 s), in seconds."""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make(tmp_path_factory.mktemp("quick"), "langgraph", "mcpservers")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make(tmp_path_factory.mktemp("slow"), "langgraph", "mcpservers", delay=DELAY)


def use(shelf: Shelf, machine: Machine, how: tuple[str, str, str], *words: str) -> None:
    """Let a framework list the tools of a file and call one; all that it says must be so."""
    environment, name, file = how
    python = shelf.python(environment, *ENVIRONMENTS[environment])
    before = len(machine.starts())
    done = subprocess.run(
        [python, USES / f"use_{name}.py", machine.file(file), *words],
        capture_output=True, text=True, check=False, timeout=180, cwd=machine.project,
        env={"PATH": "/usr/bin:/bin", "HOME": str(machine.home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["tools"] == sorted(f"{entry}_{tool}" for entry in ENTRIES for tool in TOOLS)
    assert said["reached"] == f"files by {machine.directory}/identity"
    starts = machine.starts()[before:]
    assert {start["argv"][-1] for start in starts} == set(ENTRIES.values())
    for start in starts:
        assert start["argv"] == machine.argv(start["argv"][-1])
        assert ENV.items() <= start["env"].items()


@pytest.mark.parametrize("how", USED, ids=" ".join)
def test_loads(shelf: Shelf, quick: Machine, how: tuple[str, str, str]) -> None:
    """A framework finds all tools of both servers in a file, and calls one."""
    use(shelf, quick, how)


@pytest.mark.parametrize("how", USED, ids=" ".join)
def test_waits(shelf: Shelf, slow: Machine, how: tuple[str, str, str]) -> None:
    """A framework waits for a proxy that takes its time: two of them where they are told to."""
    use(shelf, slow, how, "patient")
