"""Measure merging into large files of others, and print it as rows of the documentation's table.

Each file is of a megabyte and has some thousand entries, as a machine has them: five of ours come
to it, in memory and by the whole command. Usage: python benchmarks/merge.py [RUNS]
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import measure

from provisioner.clients import FORMATS
from provisioner.machine.merge import Existing, Merged, merge_client, merge_tbot
from provisioner.machine.sidecar import Ledger

SIZE = 1_000_000
BOT = "agent"
NAMES = [f"ours-{number}" for number in range(5)]
GOAL = "0.5 s"

ENV = '"env": {{"API_URL": "https://host-{n}.example.com/v1", "LEVEL": "info"}}'
JSON = f'    "server-{{n}}": {{{{\n      "command": "npx",\n      "args": ["-y", "@scope/s-{{n}}"],\n      {ENV}\n    }}}},\n'
FILES: Mapping[str, tuple[str, str, str]] = {
    "cursor": ('{\n  "mcpServers": {\n', JSON, '    "last": {}\n  }\n}\n'),
    "vscode": ('{\n  "servers": {\n', f"    // of the platform team\n{JSON}", "  },\n}\n"),
    "codex": (
        'model = "gpt-5"\n',
        (
            '\n# of the platform team\n[mcp_servers.server-{n}]\ncommand = "npx"\n'
            'args = ["-y", "@scope/s-{n}"]\nenabled = true\n\n[mcp_servers.server-{n}.env]\n'
            'API_URL = "https://host-{n}.example.com/v1"\nLEVEL = "info"\n'
        ),
        "",
    ),
    "goose": (
        "GOOSE_PROVIDER: anthropic\nextensions:\n",
        (
            "  # of the platform team\n  server-{n}:\n    type: stdio\n    name: server-{n}\n"
            '    cmd: npx\n    args: ["-y", "@scope/s-{n}"]\n    envs:\n      LEVEL: info\n'
            "    env_keys: []\n    timeout: 300\n    enabled: true\n    bundled: null\n"
        ),
        "",
    ),
    "tbot": (
        (
            "version: v2\nproxy_server: example.teleport.sh:443\nonboarding: {join_method: token, token: /t}\n"
            "services:\n"
        ),
        (
            "  - type: identity   # of the platform team\n    destination:\n      type: directory\n"
            "      path: /opt/machine-id/agent-{n}\n      readers:\n        - user: agent-{n}\n"
            "    allow_reissue: true\n    credential_ttl: 1h\n    renewal_interval: 20m\n"
        ),
        "",
    ),
}
TBOT = """\
version: v2
proxy_server: example.teleport.sh:443
onboarding: {join_method: token, token: /t}
services:
  - type: identity
    destination: {type: directory, path: /opt/ours}
    allow_reissue: true
"""


def main(runs: int) -> None:
    """Print all rows."""
    with tempfile.TemporaryDirectory() as name:
        for row in rows(Path(name), runs):
            print(f"| {' | '.join(row)} |", flush=True)


def rows(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Yield, for each kind of file, what merging takes: the function, and the command."""
    for name, parts in FILES.items():
        text, rendering = large(*parts), renderings(name)
        put, remove = (
            statistics.median(found) for found in _in_memory(name, text, rendering, runs)
        )
        whole = statistics.median(_command(root, name, text, rendering) for _ in range(runs))
        count = "one service" if name == "tbot" else f"{len(NAMES)} entries"
        language = name if name == "tbot" else f"{name}, {FORMATS[name].layouts[0].file}"
        yield (
            f"merging {count} into 1 MB ({language})",
            f"{put:.2f} s, taking them out {remove:.2f} s, the whole command {whole:.2f} s",
            GOAL,
        )


def large(head: str, item: str, tail: str) -> str:
    """Return a file of this beginning and end, with as many items as make it large."""
    count = SIZE // len(item) + 1
    return head + "".join(item.format(n=number) for number in range(count)) + tail


def renderings(name: str) -> str:
    """Return what is rendered for the bot, of the kind that the file is of."""
    if name == "tbot":
        return TBOT
    argv = ["mcp", "connect", "-i", "/opt/ours/identity", "--proxy", "example.teleport.sh:443"]
    entries = {entry: {"command": "tsh", "args": [*argv, entry]} for entry in NAMES}
    if name == "codex":
        return "".join(
            f'[mcp_servers.{entry}]\ncommand = "tsh"\nargs = {json.dumps(value["args"])}\n'
            for entry, value in entries.items()
        )
    return json.dumps({FORMATS[name].entries[0]: entries})


def _in_memory(name: str, text: str, rendering: str, runs: int) -> tuple[list[float], list[float]]:
    """Return how long putting and removing took, in CPU seconds, each text being a new one."""

    def merged(text: str, wanted: str | None, ledger: Ledger) -> Merged:
        existing = Existing(text, ledger, BOT)
        if name == "tbot":
            return merge_tbot(existing, wanted)
        return merge_client(existing, wanted, FORMATS[name])

    puts, removes = [], []
    gc.disable()  # as the command does
    for number in range(runs):
        old = text + "\n" * number
        seconds, done = timed(lambda old=old: merged(old, rendering, Ledger()))
        puts.append(seconds)
        seconds, undone = timed(lambda done=done: merged(done.text + "\n", None, done.ledger))
        removes.append(seconds)
        assert undone.text and len(undone.text) - len(old) in (0, 1)  # noqa: S101, PT018
    return puts, removes


def timed(work: Callable[[], Merged]) -> tuple[float, Merged]:
    """Return the CPU seconds that some work takes, and what comes of it."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _command(root: Path, name: str, text: str, rendering: str) -> float:
    """Return the CPU seconds of `provision install`, which writes the file, start-up included."""
    out, target = root / name, root / f"machine-{name}"
    option = ["--tbot", str(target)]
    place = out / "tbot" / f"{BOT}.yaml"
    if name != "tbot":
        option = ["--client", f"{name}={target}"]
        place = out / "clients" / BOT / FORMATS[name].layouts[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(rendering)
    target.write_text(text)
    target.with_name(f".{target.name}.provision.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "provisioner", "install", BOT, "--from", str(out), *option]
    return measure.must(measure.run([*command, "--yes"])).cpu


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
