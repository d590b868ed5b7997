"""A bot's machine: an identity, a stand-in for tsh, and what `provision` wrote for its clients."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.end_to_end.stand_in.server import TOOLS
from tests.machines import IDENTITY, LONG_CERTIFICATE

HERE: Final = Path(__file__).parent
BOT: Final = "example"
PROXY: Final = "example.teleport.sh:443"
ENV: Final = {"TELEPORT_DEBUG": "false", "NOTE": '"deux mots", é\\'}
ENTRIES: Final = {"search": "search", "archive": "files"}
"""Each client has two entries, the second under a name of its own: the server behind each."""

SITE: Final = """\
version: 1
site: agents
teleport: {{proxy: {proxy}, tsh: {tsh}}}
mcp_servers:
  search: {{labels: {{env: dev}}, tools: {tools}}}
  files: {{labels: {{env: dev}}, tools: {tools}}}
roles: {{dev: {{app_labels: {{env: dev}}, tools: ['*']}}}}
bots:
  {bot}:
    roles: [dev]
    identity: {{path: {directory}}}
    clients:
{clients}
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything of it is below `root`; `out` is what was rendered, `home` the user's, who is in `project`."""

    root: Path

    @property
    def tsh(self) -> Path:
        return self.root / "pro grams" / "tsh"

    @property
    def directory(self) -> Path:
        return self.root / "the bot's"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def project(self) -> Path:
        return self.home / "project"

    def file(self, name: str) -> Path:
        """Return a client's file as it was rendered."""
        return self.out / "clients" / BOT / name

    def argv(self, server: str) -> list[str]:
        """Return the arguments with which a client reaches a server."""
        where = ["-i", str(self.directory / "identity"), "--proxy", PROXY]
        return ["mcp", "connect", *where, server]

    def starts(self) -> list[dict[str, Any]]:
        """Return how tsh was started so far: argv, env and cwd of each start."""
        log = self.root / "log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def provision(self, *argv: str) -> str:
        """Run `provision` as this machine's user and return what it prints; it must not fail."""
        command = [sys.executable, "-m", "provisioner", *argv]
        env = {**os.environ, "HOME": str(self.home)}
        done = subprocess.run(
            command, cwd=self.project, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make(
    root: Path,
    *formats: str,
    delay: float = 0,
    timeout: str = "30s",
    running: str = "",
    env: Mapping[str, str] = ENV,
) -> Machine:
    """Set up a machine with clients of these formats, behind a tsh that takes `delay` seconds.

    The servers are `running` at a socket, or start when they are asked for. The clients give `env`
    to tsh.
    """
    machine = Machine(root)
    for directory in (machine.tsh.parent, machine.directory, machine.project):
        directory.mkdir(parents=True)
    (machine.directory / "identity").write_text(f"{LONG_CERTIFICATE}{IDENTITY}")
    settings = root / "settings.json"
    servers = dict.fromkeys(ENTRIES.values(), TOOLS)
    how = {"log": str(root / "log"), "delay": delay, "running": running}
    settings.write_text(json.dumps({"proxy": PROXY, "servers": servers, **how}))
    argv = shlex.join([sys.executable, str(HERE / "tsh.py"), str(settings)])
    machine.tsh.write_text(f'#!/bin/sh\nexec {argv} "$@"\n')
    machine.tsh.chmod(0o755)
    entries = (
        {"format": name, "servers": [server], "name": entry, "env": {**env}, "timeout": timeout}
        for name in formats
        for entry, server in ENTRIES.items()
    )
    text = SITE.format(
        proxy=PROXY,
        tsh=json.dumps(str(machine.tsh)),
        tools=list(TOOLS),
        bot=BOT,
        directory=json.dumps(str(machine.directory)),
        clients="\n".join(f"      - {json.dumps(entry)}" for entry in entries),
    )
    (root / "site.yaml").write_text(text)
    machine.provision("render", str(root / "site.yaml"), "-o", str(machine.out))
    return machine


@contextmanager
def running_servers(place: Path) -> Iterator[str]:
    """Run the servers, ready to be asked for at a socket, as they are behind a real Teleport."""
    with subprocess.Popen(
        [sys.executable, HERE / "server.py", "--listen", place],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as servers:  # fmt: skip
        assert servers.stdout
        assert servers.stdout.readline() == "listening\n"
        yield str(place)  # when stdin is closed, here or because we are killed, they end
