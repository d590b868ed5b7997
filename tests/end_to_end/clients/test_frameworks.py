"""Python frameworks load what was rendered with their own loaders, and call a tool through it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.end_to_end.clients.shelf import Shelf
from tests.end_to_end.stand_in.machine import ENTRIES, ENV, Machine, make
from tests.end_to_end.stand_in.server import TOOLS

USES: Final = Path(__file__).parent / "frameworks"
USED: Final = [
    ("mcp1", "langgraph", "langgraph.json"),
    ("mcp1", "langgraph", "langgraph_connections.py"),
    ("mcp2", "fastmcp", "mcp.json"),
    ("mcp2", "openai_agents", "mcp.json"),
    ("mcp2", "pydantic_ai", "mcp.json"),
    ("strands", "strands", "mcp.json"),
]
FORMATS: Final = ("langgraph", "mcpservers")
PLACEHOLDERS: Final = {"PLACEHOLDERS": "${HOME} $HOME {env:HOME}"}
PAGE: Final = Path(__file__).parents[3] / "docs" / "clients.md"
SNIPPETS: Final = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
REPLACING: Final = ("langgraph", "pydantic_ai", "strands")
"""Those that put the value of a variable for `${NAME}`."""
DELAY: Final = 12.0
"""Longer than two of them wait when nobody tells them to (5 s), in seconds."""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, running: str) -> Machine:
    return make(
        tmp_path_factory.mktemp("quick"), *FORMATS, running=running, env={**ENV, **PLACEHOLDERS}
    )


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, running: str) -> Machine:
    return make(tmp_path_factory.mktemp("slow"), *FORMATS, running=running, delay=DELAY)


def use(
    shelf: Shelf, machine: Machine, how: tuple[str, str, str], *words: str
) -> list[dict[str, Any]]:
    """Let a framework list the tools of a file and call one, and return how it started tsh.

    All that it says must be so.
    """
    environment, name, file = how
    python = shelf.frameworks(environment)
    before = len(machine.starts())
    done = subprocess.run(
        [python, USES / f"use_{name}.py", machine.file(file), *words],
        capture_output=True, text=True, check=False, timeout=180, cwd=machine.project,
        env={"PATH": "/usr/bin:/bin", "HOME": str(machine.home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "unknown_keys" not in done.stderr  # which one of them says
    said = json.loads(done.stdout)
    assert said["tools"] == sorted(f"{entry}_{tool}" for entry in ENTRIES for tool in TOOLS)
    assert said["reached"] == f"files by {machine.directory}/identity"
    starts = machine.starts()[before:]
    assert {start["argv"][-1] for start in starts} == set(ENTRIES.values())
    for start in starts:
        assert start["argv"] == machine.argv(start["argv"][-1])
        assert ENV.items() <= start["env"].items()
    return starts


@pytest.mark.parametrize("how", USED, ids=" ".join)
def test_loads(shelf: Shelf, quick: Machine, how: tuple[str, str, str]) -> None:
    """A framework finds all tools of both servers in a file, and calls one."""
    starts = use(shelf, quick, how)
    home = str(quick.home) if how[1] in REPLACING else "${HOME}"
    assert {start["env"]["PLACEHOLDERS"] for start in starts} == {f"{home} $HOME {{env:HOME}}"}


@pytest.mark.parametrize("how", USED, ids=" ".join)
def test_waits(shelf: Shelf, slow: Machine, how: tuple[str, str, str]) -> None:
    """A framework waits for a proxy that takes its time: two of them where they are told to."""
    use(shelf, slow, how, "patient")


@pytest.mark.parametrize("code", SNIPPETS, ids=range(len(SNIPPETS)))
def test_the_page_can_be_followed(shelf: Shelf, quick: Machine, code: str) -> None:
    """The code that docs/clients.md shows takes the files that are beside it."""
    own = {"langchain": "mcp1", "strands": "strands"}
    environment = next((own[word] for word in own if word in code), "mcp2")
    done = subprocess.run(
        [shelf.frameworks(environment), "-c", code], cwd=quick.file("mcp.json").parent,
        capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": str(quick.home)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
