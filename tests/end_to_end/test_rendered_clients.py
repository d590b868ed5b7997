"""What `provision render` writes for each client starts a server, as that client would start it."""

from __future__ import annotations

import json
import runpy
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import yaml
from mcp import Client, StdioServerParameters

from provisioner.clients import FORMATS
from tests.end_to_end.stand_in.machine import ENTRIES, ENV, Machine, make
from tests.end_to_end.stand_in.server import TOOLS

FILES: Final = [layout.file for form in FORMATS.values() for layout in form.layouts]
SLOWEST: Final = 60.0


@dataclass(frozen=True)
class Start:
    """What a client starts for one of its entries."""

    command: str
    args: list[str]
    env: Mapping[str, str] = field(default_factory=dict)


def plain(entry: Mapping[str, Any]) -> Start:
    return Start(entry["command"], entry["args"], entry.get("env", {}))


def from_json(*keys: str) -> Callable[[Path], Mapping[str, Start]]:
    def read(path: Path) -> Mapping[str, Start]:
        found = json.loads(path.read_text())
        for key in keys:
            found = found[key]
        return {name: plain(entry) for name, entry in found.items()}

    return read


def opencode(path: Path) -> Mapping[str, Start]:
    entries = json.loads(path.read_text())["mcp"].items()
    return {
        name: Start(entry["command"][0], entry["command"][1:], entry["environment"])
        for name, entry in entries
    }


def codex(path: Path) -> Mapping[str, Start]:
    entries = tomllib.loads(path.read_text())["mcp_servers"].items()
    return {name: plain(entry) for name, entry in entries}


def goose(path: Path) -> Mapping[str, Start]:
    entries = yaml.safe_load(path.read_text())["extensions"].items()
    return {name: Start(entry["cmd"], entry["args"], entry["envs"]) for name, entry in entries}


def module(path: Path) -> Mapping[str, Start]:
    entries = runpy.run_path(str(path))["CONNECTIONS"].items()
    return {name: plain(entry) for name, entry in entries}


def lines(path: Path) -> Mapping[str, Start]:
    found = [Start("sh", ["-c", line]) for line in path.read_text().splitlines()]
    return dict(zip(ENTRIES, found, strict=True))


READERS: Final[Mapping[str, Callable[[Path], Mapping[str, Start]]]] = {
    **dict.fromkeys(FILES, from_json("mcpServers")),
    "vscode-mcp.json": from_json("servers"),
    "langgraph.json": from_json(),
    "langgraph_connections.py": module,
    "codex-config.toml": codex,
    "opencode.json": opencode,
    "goose-config.yaml": goose,
    "command.txt": lines,
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, running: str) -> Machine:
    """Return a machine with a client of each format."""
    return make(tmp_path_factory.mktemp("machine"), *FORMATS, running=running)


async def talk(start: Start) -> tuple[list[str], str]:
    """Start a server and return its tools, and what the one says that tells how it was reached."""
    parameters = StdioServerParameters(
        command=start.command, args=start.args, env={**start.env} or None
    )
    with anyio.fail_after(SLOWEST):
        async with Client(parameters) as client:
            tools = await client.list_tools()
            answer = await client.call_tool("reached", {})
    return sorted(tool.name for tool in tools.tools), getattr(answer.content[0], "text", "")


@pytest.mark.parametrize("name", FILES)
def test_starts_a_server(name: str, machine: Machine) -> None:
    """The last entry of a file, started as it says, is the server that it is meant to be."""
    starts = READERS[name](machine.file(name))
    assert list(starts) == list(ENTRIES)
    before = len(machine.starts())
    tools, reached = anyio.run(talk, starts["archive"])
    assert tools == list(TOOLS)
    assert reached == f"files by {machine.directory}/identity"
    (how,) = machine.starts()[before:]
    assert how["argv"] == machine.argv("files")
    if name != "command.txt":
        assert ENV.items() <= how["env"].items()


@pytest.mark.parametrize("name", FILES)
def test_entries_differ_in_their_server_only(name: str, machine: Machine) -> None:
    """What was shown for one entry of a file holds for the others: they start the same way."""
    one, two = READERS[name](machine.file(name)).values()
    assert (one.command, one.env) == (two.command, two.env)
    if name == "command.txt":
        assert [arg.replace(" search", " files") for arg in one.args] == two.args
    else:
        assert (one.args, two.args) == (machine.argv("search"), machine.argv("files"))
