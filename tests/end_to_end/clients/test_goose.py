"""Goose, asked through its server for editors: it starts what is in its config.yaml, and says so."""

from __future__ import annotations

import os
import platform
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings

from provisioner.clients import FORMATS
from provisioner.site.model import Site
from tests.end_to_end.clients.shelf import Shelf
from tests.end_to_end.clients.talk import Talking, ask, talking
from tests.end_to_end.stand_in.machine import BOT, ENTRIES, ENV, Machine, make
from tests.end_to_end.stand_in.server import TOOLS
from tests.schemas import fullest
from tests.spread import client_files, sites

PROCESSORS: Final = {"x86_64": "x64", "aarch64": "arm64"}
PLACEHOLDERS: Final = {"PLACEHOLDERS": "${HOME} $HOME {env:HOME}"}
"""What other clients take for the value of a variable of their own."""
DELAY: Final = 5.0
"""It gives up after 10 s, whatever its file says: docs/clients.md tells."""


@pytest.fixture(scope="module")
def goose(shelf: Shelf) -> Path:
    system = f"{platform.system().lower()}-{PROCESSORS.get(platform.machine(), 'x64')}"
    return shelf.unpacked("goose", f"@aaif/goose-binary-{system}") / "bin" / "goose"


def environment(machine: Machine) -> dict[str, str]:
    """Return what Goose needs to begin: a provider, which is never asked, and no keyring."""
    own = {"GOOSE_PROVIDER": "ollama", "GOOSE_MODEL": "none", "GOOSE_DISABLE_KEYRING": "1"}
    return {"PATH": os.environ["PATH"], "HOME": str(machine.home), "LANG": "C.UTF-8", **own}


def configured(program: Talking) -> dict[str, dict[str, Any]]:
    """Return the MCP servers that Goose has read from its file, by their names."""
    ask(program, 1, "initialize", {"protocolVersion": 1, "clientCapabilities": {}})
    found = ask(program, 2, "_goose/unstable/config/extensions/list", {})["extensions"]
    servers = [each["extension"] for each in found if each["extension"]["type"] == "mcp"]
    return {each["server"]["name"]: each for each in servers}


@pytest.mark.parametrize("delay", [0.0, DELAY], ids=["quick", "slow"])
def test_lists_the_tools(goose: Path, tmp_path: Path, running: str, delay: float) -> None:
    """Goose starts both servers with all that they are given but PV143's names, and lists tools."""
    given_env = {**ENV, **PLACEHOLDERS}
    refused = dict.fromkeys(FORMATS["goose"].refused, "x")
    machine = make(tmp_path, "goose", running=running, delay=delay, env={**given_env, **refused})
    machine.provision("install", BOT, "--from", str(machine.out), "--client", "goose", "--yes")
    with talking([goose, "acp"], machine.project, environment(machine)) as program:
        assert [*configured(program)] == [*ENTRIES]
        session = {"cwd": str(machine.project), "mcpServers": []}
        number = ask(program, 3, "session/new", session)["sessionId"]
        wanted = {f"{name}__{tool}" for name in ENTRIES for tool in TOOLS}
        for question in count(4):  # servers come up beside the session; `talking` has an end
            listed = ask(program, question, "_goose/unstable/tools/list", {"sessionId": number})
            if wanted <= {tool["name"] for tool in listed["tools"]}:
                break
            time.sleep(0.5)
    starts = machine.starts()
    assert sorted(start["argv"] for start in starts) == sorted(
        machine.argv(server) for server in ENTRIES.values()
    )
    for start in starts:
        assert given_env.items() <= start["env"].items()
        assert "x" not in start["env"].values()


def read_by(goose: Path, machine: Machine, text: str) -> dict[str, dict[str, Any]]:
    """Return the MCP servers that Goose finds in this text of its file."""
    place = machine.home / ".config/goose/config.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode())
    with talking([goose, "acp"], machine.project, environment(machine)) as program:
        return configured(program)


def test_reads_whatever_a_site_says(goose: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Goose has the names, commands and time limits that were rendered."""
    machine = make(tmp_path_factory.mktemp("goose"), "goose")

    @settings(max_examples=15, deadline=None)
    @given(sites(entries=8))
    def holds(site: Site) -> None:
        text = client_files(site)["goose-config.yaml"]
        found = read_by(goose, machine, text)
        assert {name: started(each) for name, each in found.items()} == {
            name: (
                entry["name"],
                entry["cmd"],
                entry["args"],
                entry["timeout"],
                entry["description"],
            )
            for name, entry in yaml.safe_load(text)["extensions"].items()
        }

    holds()


def started(extension: dict[str, Any]) -> tuple[Any, ...]:
    server = extension["server"]
    what = (server["name"], server["command"], server["args"])
    return (*what, extension["timeout"], extension["description"])


@pytest.mark.parametrize("key", ["type", "cmd", "args", "enabled"])
def test_skips_an_entry_with_a_misspelt_key(goose: Path, tmp_path: Path, key: str) -> None:
    """An entry without a key that Goose needs is skipped, so those keys are spelt as it has them."""
    document = fullest("goose-config.yaml")
    name, entry = next(iter(document["extensions"].items()))
    entry[f"{key}s"] = entry.pop(key)
    found = read_by(goose, make(tmp_path, "goose"), yaml.safe_dump(document))
    assert name not in found
    assert len(found) == len(document["extensions"]) - 1
