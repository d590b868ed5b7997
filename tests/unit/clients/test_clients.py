from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest

from provisioner import workflow
from provisioner.clients import FORMATS
from tests.machines import EVERY_FORMAT, rendered, site_text
from tests.schemas import FORMS, read
from tests.sites import HEAD, TEMPLATES, write

TSH = "/usr/local/bin/tsh"
IDENTITY = "/opt/machine-id/identity"
PROXY = "example.teleport.sh:443"
GUIDE = """\
mcp_servers: {everything: {labels: {env: dev}}}
roles: {dev: {app_labels: {env: dev}, tools: ['*']}}
bots:
  ci:
    roles: [dev]
    identity: {path: /opt/machine-id}
    clients: [{format: FORMAT, servers: [everything], name: teleport-mcp-everything}]
"""


def argv(server: str) -> list[str]:
    return ["mcp", "connect", "-i", IDENTITY, "--proxy", PROXY, server]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the files of one bot that has a client of each format."""
    clients = (
        f"{{format: {name}, servers: [search, files], env: {{TELEPORT_DEBUG: 'false'}}}}"
        for name in EVERY_FORMAT
    )
    text = site_text(*clients).replace("labels: {env: dev}}", "labels: {env: dev}, tools: [find]}")
    found = rendered(tmp_path_factory.mktemp("site"), f"{text}\n")
    return {PurePath(path).name: text for path, text in found.items() if "clients/ci/" in path}


def entries_in(name: str, text: str) -> Any:
    """Return what holds an entry for each server in a file of this name."""
    found = read(name, text)
    for key in FORMS[name].entries:
        found = found[key]
    return found


@pytest.mark.parametrize("name", [layout.file for f in FORMATS.values() for layout in f.layouts])
def test_every_file_is_of_its_language(name: str, files: Mapping[str, str]) -> None:
    """What is rendered can be read by its own language's reader, and names both servers."""
    entries = entries_in(name, files[name])
    assert len(entries) == 2
    assert "search" in entries or name == "command.txt"


def test_no_two_formats_share_a_file() -> None:
    """A bot can have a client of each format: every file name is of one format."""
    names = Counter(layout.file for form in FORMATS.values() for layout in form.layouts)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_format_is_tested() -> None:
    """A new format must be added to the tests here."""
    assert set(EVERY_FORMAT) == set(FORMATS)


ENV = {"TELEPORT_DEBUG": "false"}
PLAIN = {"command": "tsh", "args": argv("search"), "env": ENV}
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "claude_desktop_config.json": PLAIN,
    ".mcp.json": {"type": "stdio", **PLAIN},
    "cursor-mcp.json": {"type": "stdio", **PLAIN},
    "vscode-mcp.json": {"type": "stdio", **PLAIN},
    "mcp-config.json": {"type": "local", **PLAIN, "tools": ["*"], "timeout": 60000},
    "copilot-cloud-agent.json": {"type": "local", **PLAIN, "tools": ["find"]},
    "opencode.json": {
        "type": "local",
        "command": ["tsh", *argv("search")],
        "environment": ENV,
        "enabled": True,
        "timeout": 60000,
    },
    "gemini-settings.json": {**PLAIN, "timeout": 600000},
    "mcp_config.json": PLAIN,
    "langgraph.json": {"transport": "stdio", **PLAIN},
    "langgraph_connections.py": {"transport": "stdio", **PLAIN},
    "mcp.json": PLAIN,
    "goose-config.yaml": {
        "type": "stdio",
        "name": "search",
        "description": "MCP server search",
        "cmd": "tsh",
        "args": argv("search"),
        "envs": ENV,
        "env_keys": [],
        "timeout": 300,
        "enabled": True,
        "bundled": None,
        "available_tools": [],
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_is_the_clients(name: str, files: Mapping[str, str]) -> None:
    """An entry has the keys that its client's documentation gives, and the values that we mean."""
    assert entries_in(name, files[name])["search"] == SHAPES[name]


@pytest.mark.parametrize(
    ("name", "key"),
    [("cursor-mcp.json", "mcpServers"), ("vscode-mcp.json", "servers"), ("opencode.json", "mcp")],
)
def test_the_top_key_is_the_clients(name: str, key: str, files: Mapping[str, str]) -> None:
    """Every client looks for its servers under a key of its own."""
    assert set(read(name, files[name])[key]) == {"search", "files"}


def test_codex(files: Mapping[str, str]) -> None:
    """Codex gets a table a server, waits long enough, and passes Teleport's variables on."""
    entry = read("codex-config.toml", files["codex-config.toml"])["mcp_servers"]["search"]
    assert (entry["command"], entry["args"], entry["env"]) == ("tsh", argv("search"), ENV)
    assert entry["startup_timeout_sec"] == 30
    assert "TELEPORT_HOME" in entry["env_vars"]


def test_time_limits(tmp_path: Path) -> None:
    """A client's limit for all requests is never below its own default, nor below `timeout`."""
    text = site_text(*(f"{{format: {f}, servers: [files], timeout: 20m}}" for f in EVERY_FORMAT))
    found = rendered(tmp_path, f"{text}\n")

    def entry(name: str) -> Any:
        return entries_in(name, found[f"clients/ci/{name}"])["files"]

    assert entry("codex-config.toml")["startup_timeout_sec"] == 1200
    assert entry("goose-config.yaml")["timeout"] == 1200
    for name in ("mcp-config.json", "opencode.json", "gemini-settings.json"):
        assert entry(name)["timeout"] == 1_200_000


def test_command(files: Mapping[str, str]) -> None:
    """The bare command is one line a server, which a shell reads as it was meant."""
    first, second = files["command.txt"].splitlines()
    assert shlex.split(first) == ["tsh", *argv("search")]
    assert shlex.split(second) == ["tsh", *argv("files")]


def test_opencode_names_its_schema(files: Mapping[str, str]) -> None:
    """OpenCode adds `$schema` to a file without one, so the rendering has it."""
    assert json.loads(files["opencode.json"])["$schema"] == "https://opencode.ai/config.json"


def test_langgraph_has_no_other_keys(files: Mapping[str, str]) -> None:
    """MultiServerMCPClient refuses any key that it does not know."""
    for entry in json.loads(files["langgraph.json"]).values():
        assert set(entry) <= {"transport", "command", "args", "env"}


def test_langgraph_in_both_languages(files: Mapping[str, str]) -> None:
    """The JSON file and the Python module say the same."""
    module = read("langgraph_connections.py", files["langgraph_connections.py"])
    assert module == json.loads(files["langgraph.json"])


def test_claude_desktop_as_in_the_guide(tmp_path: Path) -> None:
    """What is rendered for Claude Desktop equals the example of Teleport's guide.

    https://goteleport.com/docs/machine-workload-identity/access-guides/mcp
    """
    found = rendered(tmp_path, GUIDE.replace("FORMAT", "claude-desktop"))
    assert json.loads(found["clients/ci/claude_desktop_config.json"]) == {
        "mcpServers": {
            "teleport-mcp-everything": {"command": "tsh", "args": argv("everything")},
        }
    }


def test_langgraph_as_in_the_guide(tmp_path: Path) -> None:
    """What is rendered for LangGraph equals the guide's entry with the transport that it adds."""
    found = rendered(tmp_path, GUIDE.replace("FORMAT", "langgraph"))
    assert json.loads(found["clients/ci/langgraph.json"]) == {
        "teleport-mcp-everything": {
            "transport": "stdio",
            "command": "tsh",
            "args": argv("everything"),
        }
    }


def test_an_absolute_tsh(tmp_path: Path) -> None:
    """Applications with windows do not get the shell's PATH: `teleport.tsh` is written out."""
    head = HEAD.replace("443}", f"443, tsh: {TSH}}}")
    path = write(tmp_path, GUIDE.replace("FORMAT", "opencode"), head=head)
    text = workflow.prepare(path, TEMPLATES).rendered.files["clients/ci/opencode.json"]
    entry = json.loads(text)["mcp"]["teleport-mcp-everything"]
    assert entry["command"] == [TSH, *argv("everything")]
