"""Measure what the documentation claims, and print it as a Markdown table.

Each pair runs in turn in one session (A B A B ...), so that a machine that slows down slows both.
Usage: python benchmarks/run.py [RUNS]
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import fixtures
import floor

from provisioner import workflow
from provisioner.cli import GC_THRESHOLD
from provisioner.cli._base import load_templates
from provisioner.clients import FORMATS
from provisioner.cluster import snapshot
from provisioner.rendering.machines import machine_files

ROOT = Path(__file__).parent.parent
FAKE = ROOT / "tests" / "fake_tctl" / "tctl"


def main(runs: int) -> None:
    """Print all tables."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        print("| what | measured | goal |\n|---|---|---|")
        measured = (no_op_plan(root, runs), large_site(root, runs), client_files(root, runs))
        for row in (*chain(*measured), *processes(root)):
            print(f"| {' | '.join(row)} |")


def no_op_plan(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Compare a plan without changes with the same work written by hand."""
    site, live = root / "site.yaml", root / "live.json"
    site.write_text(fixtures.site(1000, 1000))
    fixtures.live_as(site, live)

    def ours() -> None:
        ordinary = gc.get_threshold()
        gc.set_threshold(GC_THRESHOLD)  # as the command does
        prepared = workflow.prepare(site, load_templates(None))
        cluster = snapshot.parse(live.read_bytes(), str(live))
        assert not workflow.make_plan(prepared, cluster, prune=False).changes  # noqa: S101
        gc.set_threshold(*ordinary)

    def by_hand() -> None:
        assert not floor.main(str(site), str(live), quiet=True)  # noqa: S101

    one, two = in_turn(ours, by_hand, runs)
    yield (
        "no-op plan, 1,000 roles + 1,000 bots, against the floor, in one process",
        f"{one:.2f} s against {two:.2f} s: {one / two:.2f} times",
        "1.5 times",
    )
    commands = (
        [sys.executable, "-m", "provisioner", "plan", str(site), "--cluster", f"file:{live}"],
        [sys.executable, str(ROOT / "benchmarks" / "floor.py"), str(site), str(live)],
    )
    one, two = in_turn(*(runner(command) for command in commands), runs)
    yield (
        "the same as whole commands, start-up and imports included",
        f"{one:.2f} s against {two:.2f} s: {one / two:.2f} times",
        "-",
    )


def large_site(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Read and judge a large site, in a process of its own so that its memory can be told."""
    site = root / "large.yaml"
    site.write_text(fixtures.site(500, 10_000, machines=True))
    code = (
        "import resource, sys, time; from pathlib import Path; from provisioner import workflow\n"
        "start = time.process_time(); checked = workflow.check(Path(sys.argv[1]))\n"
        "assert checked.site; print(time.process_time() - start, "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    found = [
        [float(part) for part in output([sys.executable, "-c", code, str(site)]).split()]
        for _ in range(runs)
    ]
    seconds, megabytes = (statistics.median(column) for column in zip(*found, strict=True))
    yield (
        "reading and judging a site of 10,000 bots and 500 roles",
        f"{seconds:.2f} s, {megabytes:.0f} MB",
        "2 s, 300 MB",
    )


def client_files(root: Path, runs: int) -> Iterator[tuple[str, str, str]]:
    """Render what 1,000 bots need for their clients, each bot having one of every format."""
    path, templates = root / "clients.yaml", load_templates(None)
    path.write_text(fixtures.site(500, 1000, machines=True, formats=FORMATS))
    prepared = workflow.prepare(path, templates)

    def rendered() -> Iterator[str]:
        locate = prepared.document.key_place
        for name, template, at, context in machine_files(prepared.site, locate, lambda _: ()):
            if name.startswith("clients/"):
                yield templates.render(template, context(), entry=at)

    found = []
    for _ in range(runs):
        start = cpu()
        count = sum(1 for _ in rendered())
        found.append(cpu() - start)
    yield (
        f"rendering the {count:,} client files of 1,000 bots, a client of each format a bot",
        f"{statistics.median(found):.2f} s",
        "2 s",
    )


def processes(root: Path) -> Iterator[tuple[str, str, str]]:
    """Count the tctl processes of a no-op plan as the site grows."""
    counts = [_processes_for(root, size) for size in (1, 10, 100)]
    yield (
        "tctl processes of a no-op plan for 1, 10 and 100 roles and bots",
        ", ".join(map(str, counts)),
        "does not grow",
    )


def _processes_for(root: Path, size: int) -> int:
    site, log = root / f"{size}.yaml", root / f"{size}.log"
    site.write_text(fixtures.site(size, size))
    environment = {
        **os.environ,
        "FAKE_TCTL_STATE": str(root / f"{size}.json"),
        "FAKE_TCTL_LOG": str(log),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "provisioner", "{}", str(site), "--tctl", str(FAKE)]
    apply = [part.format("apply") for part in command]
    subprocess.run([*apply, "--yes"], env=environment, check=True, capture_output=True)
    log.unlink()
    plan = [part.format("plan") for part in command]
    subprocess.run(plan, env=environment, check=True, capture_output=True)
    return sum("argv" in json.loads(line) for line in log.read_text().splitlines())


def in_turn(one: Callable[[], None], two: Callable[[], None], runs: int) -> tuple[float, float]:
    """Return the median CPU seconds of both, run one after the other; the first round is not counted."""
    found: tuple[list[float], list[float]] = ([], [])
    for round_ in range(runs + 1):
        for seconds, work in zip(found, (one, two), strict=True):
            start = cpu()
            work()
            if round_:
                seconds.append(cpu() - start)
    return statistics.median(found[0]), statistics.median(found[1])


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def runner(command: list[str]) -> Callable[[], None]:
    """Return what runs a command and keeps its output away."""
    return lambda: void(subprocess.run(command, check=True, capture_output=True))


def void(_result: object) -> None:
    """Take a result and return nothing."""


def output(command: list[str]) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
