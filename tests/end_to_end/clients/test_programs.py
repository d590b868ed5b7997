"""Programs from npm list the servers that `provision install` put where they look for them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings

from provisioner.clients import FORMATS
from provisioner.site.model import Site
from tests.end_to_end.clients.shelf import Shelf
from tests.end_to_end.clients.talk import ask, talking
from tests.end_to_end.stand_in.machine import BOT, ENTRIES, ENV, Machine, make
from tests.end_to_end.stand_in.server import TOOLS
from tests.spread import client_files, sites

PASSED_ON: Final = {"TELEPORT_HOME": "/var/lib/teleport-of-this-user"}
"""What a client is given itself and tsh must get from it."""
QUIET: Final = {
    **PASSED_ON,
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "GEMINI_TELEMETRY_ENABLED": "false",
}
PLACEHOLDERS: Final = "${HOME} $HOME {env:HOME}"
DELAY: Final = 33.0
"""Longer than any of them waits when nobody tells it to (30 s, and 5 s), in seconds."""


@dataclass(frozen=True)
class Program:
    """A client: where it looks, what a file of others may say there, how it shows an entry.

    `shown` and `connected` are patterns with {name} in them; one that cannot tell whether a server
    can be reached has no `connected`. `needs` is what it must be told first to start them at all.
    `replaces` is what it makes of PLACEHOLDERS, with {home} for the value of HOME. `moved` is a
    variable that moves the place.
    """

    format: str
    package: str
    name: str
    place: str
    others: str
    shown: str
    connected: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    replaces: str = ""
    moved: str = ""

    def __str__(self) -> str:
        return self.format


PROGRAMS: Final = (
    Program(
        "claude-code", "@anthropic-ai/claude-code", "claude", "project/.mcp.json",
        '{\n\t"mcpServers": {\n\t\t"theirs": {"command": "false"}\n\t}\n}\n',
        r"^{name}: ", r"^{name}: .* ✔ Connected$",
        needs={".claude/settings.json": '{"enableAllProjectMcpServers": true}'},
        env={"MCP_TIMEOUT": "60000"},
        replaces="{home} $HOME {{env:HOME}}",
    ),
    Program(
        "codex", "@openai/codex", "codex", ".codex/config.toml",
        '# ours\nmodel = "gpt-5"  # for now\n\n[mcp_servers.theirs]\ncommand = "false"\n',
        r"^{name} ",
        moved="CODEX_HOME",
    ),
    Program(
        "copilot", "@github/copilot", "copilot", ".copilot/mcp-config.json",
        '{\n  // ours\n  "mcpServers": {\n    "theirs": {"type": "local", "command": "false", '
        '"args": [], "tools": ["*"]},\n  },\n}\n',
        r"^  {name} \(local\)$",
        moved="COPILOT_HOME",
    ),
    Program(
        "gemini", "@google/gemini-cli", "gemini", ".gemini/settings.json",
        '{\n  // ours\n  "general": {"vimMode": true},\n  "mcpServers": {\n'
        '    "theirs": {"command": "false"} // for now\n  }\n}\n',
        r"{name}: ", r"✓ {name}: .* Connected$",
        env={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        replaces="{home} {home} {{env:HOME}}",
        moved="GEMINI_CLI_HOME",
    ),
    Program(
        "opencode", "opencode-ai", "opencode", ".config/opencode/opencode.json",
        '{\r\n  // ours\r\n  "$schema": "https://opencode.ai/config.json",\r\n  "mcp": {\r\n'
        '    "theirs": {"type": "local", "command": ["false"],},\r\n  },\r\n}\r\n',
        r" {name} ", r"✓ {name} ",
        replaces="${{HOME}} $HOME {home}",
        moved="XDG_CONFIG_HOME",
    ),
)  # fmt: skip
STARTING: Final = [program for program in PROGRAMS if program.connected]


def run(shelf: Shelf, program: Program, machine: Machine, *argv: str) -> str:
    """Run a client in its user's project and return what it prints; it must not fail."""
    done = subprocess.run(
        [shelf.program(program.package, program.name), *argv],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, check=False, timeout=180, cwd=machine.project, env=environment(program, machine),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def environment(program: Program, machine: Machine) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(machine.home), **QUIET, **program.env}


def installed(program: Program, machine: Machine, others: str = "") -> Path:
    """Install a client's entries, into a file that says what `others` want, and return it."""
    place = machine.home / program.place
    texts = {program.place: others, **program.needs}
    for name, text in texts.items():
        (machine.home / name).parent.mkdir(parents=True, exist_ok=True)
        if text:
            (machine.home / name).write_bytes(text.encode())
    machine.provision(
        "install", BOT, "--from", str(machine.out), "--client", program.format, "--yes"
    )
    return place


def entries(pattern: str, said: str, *names: str) -> list[str]:
    """Return those of the names that stand in an output as the pattern says."""
    return [n for n in names if re.search(pattern.format(name=n), said, re.MULTILINE)]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
@pytest.mark.parametrize("others", [False, True], ids=["alone", "among others"])
def test_lists(
    program: Program, shelf: Shelf, tmp_path: Path, running: str, *, others: bool
) -> None:
    """A client finds both entries where we put them, says nothing ill, and leaves the file alone."""
    machine = make(tmp_path, program.format, running=running)
    place = installed(program, machine, program.others if others else "")
    before = place.read_bytes()
    said = run(shelf, program, machine, "mcp", "list")
    wanted = [*ENTRIES, *(["theirs"] if others else [])]
    assert entries(program.shown, said, *wanted) == wanted, said
    assert not re.search(r"(?i)invalid|unrecognized|deprecat", said), said
    assert place.read_bytes() == before
    if program.connected:
        assert entries(program.connected, said, *wanted) == [*ENTRIES], said
        assert_started(machine)


def assert_started(machine: Machine) -> None:
    """Both servers were started with the right arguments, and given the environment."""
    starts = machine.starts()
    assert {start["argv"][-1] for start in starts} == set(ENTRIES.values())
    for start in starts:
        assert start["argv"] == machine.argv(start["argv"][-1])
        assert {**ENV, **PASSED_ON}.items() <= start["env"].items()


@pytest.mark.parametrize("program", [each for each in PROGRAMS if each.moved], ids=str)
def test_finds_what_was_put_elsewhere(
    program: Program,
    shelf: Shelf,
    tmp_path: Path,
    running: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a variable moves a client's directory, entries are installed there, and found there."""
    machine = make(tmp_path, program.format, running=running)
    elsewhere = str(tmp_path / "elsewhere")
    monkeypatch.setenv(program.moved, elsewhere)
    assert not installed(program, machine).exists()
    moved = replace(program, env={**program.env, program.moved: elsewhere})
    said = run(shelf, moved, machine, "mcp", "list")
    assert entries(program.shown, said, *ENTRIES) == [*ENTRIES], said


@pytest.mark.parametrize("program", STARTING, ids=str)
def test_waits(program: Program, shelf: Shelf, tmp_path: Path, running: str) -> None:
    """A client waits as long as the site says for a proxy that takes its time."""
    machine = make(tmp_path, program.format, running=running, delay=DELAY, timeout="60s")
    installed(program, machine)
    said = run(shelf, program, machine, "mcp", "list")
    assert entries(program.connected, said, *ENTRIES) == [*ENTRIES], said


@pytest.mark.parametrize("program", STARTING, ids=str)
def test_replaces(program: Program, shelf: Shelf, tmp_path: Path, running: str) -> None:
    """A client puts the value of a variable in the places that docs/clients.md says, and no other."""
    machine = make(tmp_path, program.format, running=running, env={"PLACEHOLDERS": PLACEHOLDERS})
    installed(program, machine)
    run(shelf, program, machine, "mcp", "list")
    assert {start["env"]["PLACEHOLDERS"] for start in machine.starts()} == {
        program.replaces.format(home=machine.home)
    }


CLAUDE, CODEX, COPILOT, _, OPENCODE = PROGRAMS


@pytest.mark.parametrize("delay", [0.0, DELAY], ids=["quick", "slow"])
def test_codex_lists_the_tools(shelf: Shelf, tmp_path: Path, running: str, delay: float) -> None:
    """Codex starts both servers, waits for a slow proxy, and finds every tool."""
    env = {**ENV, "PLACEHOLDERS": PLACEHOLDERS}
    machine = make(tmp_path, "codex", running=running, delay=delay, timeout="60s", env=env)
    installed(CODEX, machine)
    codex = shelf.program(CODEX.package, CODEX.name)
    with talking([codex, "app-server"], machine.project, environment(CODEX, machine)) as server:
        ask(server, 1, "initialize", {"clientInfo": {"name": "provision", "version": "1"}})
        status = ask(server, 2, "mcpServerStatus/list", {})
    found = {each["name"]: sorted(each["tools"]) for each in status["data"]}
    assert found == {name: list(TOOLS) for name in ENTRIES}
    assert_started(machine)
    assert {start["env"]["PLACEHOLDERS"] for start in machine.starts()} == {PLACEHOLDERS}


def test_codex_knows_every_key(shelf: Shelf, tmp_path: Path) -> None:
    """Codex, told to refuse what it does not know, takes the file, and refuses one more key."""
    machine = make(tmp_path, "codex")
    place = installed(CODEX, machine)
    strictly = ("app-server", "--strict-config", "--print-startup-config")
    assert "appServerVersion" in run(shelf, CODEX, machine, *strictly)
    place.write_text(place.read_text().replace("startup_timeout_sec", "startup_limit"))
    with pytest.raises(AssertionError, match=r"unknown configuration field.*startup_limit"):
        run(shelf, CODEX, machine, *strictly)


def test_codex_reads_whatever_a_site_says(
    shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Codex, told to refuse what it does not know, has the values that were rendered."""
    machine = make(tmp_path_factory.mktemp("codex"), "codex")
    place = installed(CODEX, machine)

    @settings(max_examples=25, deadline=None)
    @given(sites(entries=8))
    def holds(site: Site) -> None:
        text = client_files(site)["codex-config.toml"]
        place.write_text(text)
        run(shelf, CODEX, machine, "app-server", "--strict-config", "--print-startup-config")
        said = run(shelf, CODEX, machine, "mcp", "list", "--json")
        listed = json.loads(said[said.index("[\n") :])  # past its warnings
        assert {each["name"]: entry_of(each) for each in listed} == tomllib.loads(text)[
            "mcp_servers"
        ]

    holds()


def entry_of(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a file from what Codex lists for it."""
    starts = listed["transport"]
    kept = {key: starts[key] for key in ("command", "args", "env_vars")}
    limits = {key: listed[key] for key in ("startup_timeout_sec", "tool_timeout_sec")}
    return kept | limits | ({"env": starts["env"]} if starts["env"] else {})


def test_copilot_reads_every_key(shelf: Shelf, tmp_path: Path) -> None:
    """Copilot, which starts nothing before a session, shows the entry as it was meant."""
    machine = make(tmp_path, "copilot", timeout="90s")
    installed(COPILOT, machine)
    said = run(shelf, COPILOT, machine, "mcp", "get", "archive")
    assert f"Command: {machine.tsh} {' '.join(machine.argv('files'))}\n" in said
    assert "Tools: * (all)\n" in said
    assert "Timeout: 90000ms\n" in said
    assert all(f"{name}: " in said for name in ENV)


def test_copilot_reads_what_is_for_the_cloud_agent(shelf: Shelf, tmp_path: Path) -> None:
    """The file for the cloud agent, which runs elsewhere, is one that its sibling understands."""
    machine = make(tmp_path, "copilot")
    place = installed(COPILOT, machine)
    place.write_bytes(machine.file("copilot-cloud-agent.json").read_bytes())
    said = run(shelf, COPILOT, machine, "mcp", "get", "archive")
    assert f"Tools: {', '.join(TOOLS)}\n" in said


def test_opencode_knows_every_key(shelf: Shelf, tmp_path: Path) -> None:
    """OpenCode drops the keys that it does not know, and has kept all of ours."""
    machine = make(tmp_path, "opencode")
    place = installed(OPENCODE, machine)
    known = json.loads(run(shelf, OPENCODE, machine, "debug", "config"))
    assert known["mcp"] == json.loads(place.read_text())["mcp"]


def test_claude_leaves_out_what_it_reserves(shelf: Shelf, tmp_path: Path, running: str) -> None:
    """Claude Code starts no entry with a name of its own servers: those that PV142 warns of."""
    machine = make(tmp_path, "claude-code", running=running)
    place = installed(CLAUDE, machine)
    reserved = sorted(FORMATS["claude-code"].reserved)
    servers = json.loads(place.read_text())["mcpServers"]
    servers |= dict.fromkeys(reserved, servers["archive"])
    place.write_text(json.dumps({"mcpServers": servers}))
    said = run(shelf, CLAUDE, machine, "mcp", "list")
    assert entries(CLAUDE.shown, said, *ENTRIES, *reserved) == [*ENTRIES], said
