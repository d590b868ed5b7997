"""The stand-in for tsh takes what tsh takes, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.stand_in.machine import BOT, PROXY, Machine, make


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make(tmp_path_factory.mktemp("machine"), "claude-code")


def tsh(machine: Machine, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine.tsh, *argv], capture_output=True, text=True, check=False, timeout=30,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


REFUSED = {
    "": "no command",
    "mcp": "must select a subcommand of 'mcp'",
    "ssh": 'expected command but got "ssh"',
    "mcp start x": 'expected command but got "start"',
    "mcp connect -i ID --proxy PROXY": "required argument 'name' not provided",
    "mcp connect -i ID --proxy PROXY search files": "unexpected files",
    "mcp connect -i ID --server PROXY search": "unknown long flag '--server'",
    "mcp connect -i ID -p PROXY search": "unknown short flag '-p'",
    "mcp connect --i ID search": "unknown long flag '--i'",
    "mcp connect --no-proxy search": "unknown long flag '--no-proxy'",
    "--no-auto-reconnect mcp connect search": "unknown long flag '--no-auto-reconnect'",
    "mcp connect search --proxy": "expected argument for flag '--proxy'",
    "mcp connect --proxy -i ID search": "expected argument for flag '--proxy'",
    "mcp connect -H none search": 'malformed header "none"',
    "mcp connect --proxy PROXY search": "Not logged in.",
    "mcp connect -i /none --proxy PROXY search": "open /none: no such file or directory",
    "mcp connect -i SETTINGS --proxy PROXY search": "identity file does not contain a TLS",
    "mcp connect -i ID --proxy other:443 search": "dial tcp: lookup other: no such host",
    "mcp connect -i ID --proxy PROXY other": "no MCP servers found",
    "mcp ls --format xml": "enum value must be one of text,json,yaml, got 'xml'",
}


def words(line: str, machine: Machine) -> list[str]:
    meant = {
        "ID": str(machine.directory / "identity"),
        "PROXY": PROXY,
        "SETTINGS": str(machine.root / "settings.json"),
    }
    return [meant.get(word, word) for word in line.split()]


@pytest.mark.parametrize("line", REFUSED)
def test_refuses(line: str, machine: Machine) -> None:
    """What tsh would not take is an error on stderr, with exit code 1 and nothing on stdout."""
    done = tsh(machine, *words(line, machine))
    assert done.stderr.startswith(f"ERROR: {REFUSED[line]}")
    assert (done.returncode, done.stdout) == (1, "")


def test_connects(machine: Machine) -> None:
    """Flags may stand before the command and be joined to their values; then it serves."""
    line = "-i ID --proxy=PROXY mcp connect --no-auto-reconnect -HA:b -H C:d -- files"
    done = tsh(machine, *(word.replace("=PROXY", f"={PROXY}") for word in words(line, machine)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_connects_to_a_running_server(tmp_path: Path, running: str) -> None:
    """A server that runs already is handed the streams of tsh, which ends when the server does."""
    machine = make(tmp_path, "claude-code", running=running)
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a", "version": "1"},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    done = subprocess.run(
        [machine.tsh, *words("mcp connect -i ID --proxy PROXY files", machine)],
        input=f"{json.dumps(asked)}\n", capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "files"


def test_ls(machine: Machine) -> None:
    """`tsh mcp ls` says in text or as JSON which servers there are, with their tools."""
    text, listed = (
        tsh(machine, *words(f"-i ID --proxy PROXY mcp ls -f {form}", machine)).stdout
        for form in ("text", "json")
    )
    assert text.splitlines() == ["search add, echo, reached", "files add, echo, reached"]
    assert [app["metadata"]["name"] for app in json.loads(listed)] == ["search", "files"]


def test_notes_how_it_was_started(tmp_path: Path) -> None:
    """Every start leaves a line with arguments, environment and directory, a refused one too."""
    machine = make(tmp_path, "command")
    tsh(machine, "ssh")
    (start,) = machine.starts()
    assert start["argv"] == ["ssh"]
    assert start["cwd"] == str(Path.cwd())
    assert "PATH" in start["env"]


def test_doctor_understands_it(machine: Machine) -> None:
    """`provision doctor --bot` asks this tsh as it would ask a real one, and finds all well."""
    found = machine.provision("doctor", "--bot", BOT, "--from", str(machine.out))
    assert "may call add, echo, reached" in found
