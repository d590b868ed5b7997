"""Measure who-can-call-what on a large site, and print it as rows of the documentation's table.

1,000 bots with three roles each of 1,000, and 100 MCP servers with 50 tools each: 5 million
decisions. Usage: python benchmarks/access.py [RUNS]
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.change import Access
from provisioner.cli._base import load_templates
from provisioner.cluster.memory import MemoryCluster
from provisioner.planning import plan as planning
from provisioner.planning.impact import Inventory, impact
from provisioner.planning.state import State

SIZE = 1000
SERVERS = 100
CHANGED = 10
STAGES = ("dev", "staging", "prod")
VERBS = ("read", "list", "get", "search", "write", "create", "update", "delete", "send", "run")
TOOLS = [f"{verb}_{thing}" for verb in VERBS for thing in ("file", "repo", "issue", "page", "user")]
GOAL = "5 s"


def site(
    tools: str, labels: str, *, wider: int = 0, allow: str = "read_*, list_*, search_issue"
) -> str:
    """Return a site: each server has the same `tools`, its "own", or "unknown" ones.

    A role reaches the servers of one of 20 teams, or with `labels` "wide" two thirds of all. The
    first `wider` roles allow everything.
    """
    lines = ["version: 1", "site: bench", "teleport: {proxy: example.teleport.sh:443}"]
    lines += ["mcp_servers:", *(_server(number, tools) for number in range(SERVERS))]
    lines += ["roles:"]
    for number in range(SIZE):
        wanted = "{env: [dev, staging]}" if labels == "wide" else f"{{team: t{number % 20}}}"
        deny = ", deny: {tools: ['delete_*']}" if number % 10 == 0 else ""
        allowed = "'*'" if number < wider else allow
        lines.append(f"  role-{number}: {{app_labels: {wanted}, tools: [{allowed}]{deny}}}")
    lines += ["bots:"]
    for number in range(SIZE):
        held = ", ".join(f"role-{(number * step + step // 2) % SIZE}" for step in (1, 7, 13))
        lines.append(f"  agent-{number}: {{roles: [{held}]}}")
    return "\n".join(lines) + "\n"


def _server(number: int, tools: str) -> str:
    names = [f"{name}_{number}" for name in TOOLS] if tools == "own" else TOOLS
    known = "" if tools == "unknown" else f", tools: [{', '.join(names)}]"
    return (
        f"  server-{number}: {{app: {{uri: mcp+https://s{number}.internal/mcp}}, "
        f"labels: {{env: {STAGES[number % 3]}, team: t{number % 20}}}{known}}}"
    )


def main(runs: int) -> None:
    """Print all rows."""
    with tempfile.TemporaryDirectory() as name:
        for row in chain(matrices(Path(name), runs), plans(Path(name), runs)):
            print(f"| {' | '.join(row)} |", flush=True)


def matrices(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Time `access matrix --format json` as a whole process: its CPU, its memory, what it wrote."""
    cases = {
        "each role for one team of 20": site("own", "narrow"),
        "each role for two thirds of the servers": site("own", "wide"),
        "everything allowed to every bot on two thirds": site("own", "wide", allow="'*'"),
        "two thirds of the servers, tools unknown": site("unknown", "wide"),
    }
    path, output = root / "site.yaml", root / "matrix.json"
    command = [sys.executable, "-m", "provisioner", "access", "matrix", str(path)]
    for case, text in cases.items():
        path.write_text(text)
        found = [_process([*command, "--format", "json"], output) for _ in range(runs)]
        seconds, megabytes = (statistics.median(column) for column in zip(*found, strict=True))
        size = output.stat().st_size / 1e6
        yield (
            f"access matrix as JSON, 1,000 bots x 100 servers x 50 tools; {case}",
            f"{seconds:.1f} s, {megabytes:.0f} MB; {size:.0f} MB written",
            GOAL,
        )


def _process(command: list[str], output: Path) -> tuple[float, float]:
    """Run a command; return its CPU seconds and the most memory that it had, in MB."""
    with output.open("wb") as out, subprocess.Popen(command, stdout=out) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0  # noqa: S101
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def plans(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Time the access part of a plan that lets 10 roles of 1,000 allow everything."""
    for tools in ("own", "unknown"):
        for labels, reach in (
            ("narrow", "for a team each"),
            ("wide", "for two thirds of the servers"),
        ):
            command = [sys.executable, __file__, "--impact", tools, labels, str(root)]
            told = [
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                for _ in range(runs)
            ]
            seconds = statistics.median(float(first) for first, _ in told)
            known = "known" if tools == "own" else tools
            yield (
                f"access part of a plan that changes 10 roles of 1,000, {reach}, tools {known}",
                f"{seconds:.2f} s for {int(told[0][1]):,} rows",
                "0.5 s",
            )


def show_impact(tools: str, labels: str, root: str) -> None:
    """Print CPU seconds and rows of the access part of a plan, in the midst of planning."""
    gc.disable()  # as the command does
    path, templates = Path(root) / "site.yaml", load_templates(None)
    cluster = MemoryCluster(name="bench")
    path.write_text(site(tools, labels))
    prepared = workflow.prepare(path, templates)
    for _ in apply(workflow.make_plan(prepared, cluster, prune=False), cluster):
        pass
    path.write_text(site(tools, labels, wider=CHANGED))
    prepared = workflow.prepare(path, templates)
    found: list[tuple[float, int]] = []

    def timed(before: State, after: State, inventory: Inventory) -> Access:
        start = time.process_time()
        access = impact(before, after, inventory)
        found.append((time.process_time() - start, len(access.rows)))
        return access

    planning.impact = timed  # where a plan asks for it, so that nothing is worked out beforehand
    changes = workflow.make_plan(prepared, cluster, prune=False).changes
    assert len(changes) == CHANGED  # noqa: S101
    print(*found[0])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--impact"]:
        show_impact(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
