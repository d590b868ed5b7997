"""Measure what is promised, and keep it.

Each pair runs in turn in one session (A B A B ...), so that a machine that slows down slows both.
Usage: python benchmarks/run.py [RUNS]
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import fixtures
import floor
import measure

from provisioner import workflow
from provisioner.cli._base import load_templates
from provisioner.clients import FORMATS
from provisioner.cluster import snapshot
from provisioner.rendering.machines import machine_files

Row = tuple[str, str, str]
"""What was measured, what came out, and what it should be."""

HERE: Final = Path(__file__).parent
SECOND: Final = 1.0  # how long each process of the slow tctl takes: long, to tell rounds apart
SLOW: Final = 0.3  # seconds that a process of tctl takes over a real network


def main(runs: int) -> None:
    """Measure everything and keep what comes out."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        rows = list(
            chain(
                no_op_plan(root, runs),
                start_up(runs),
                large_site(root, runs),
                client_files(root, runs),
                processes(root),
                slow_tctl(root),
            )
        )
    measure.keep("targets", {"machine": measure.machine(), "rows": rows})


def no_op_plan(root: Path, runs: int) -> Iterator[Row]:
    """Compare a plan without changes with the same work written by hand."""
    site, live = root / "site.yaml", root / "live.json"
    site.write_text(fixtures.site(1000, 1000))
    fixtures.live_as(site, live)

    def ours() -> None:
        gc.disable()  # as the command does
        prepared = workflow.prepare(site, load_templates(None))
        cluster = snapshot.parse(live.read_bytes(), str(live))
        assert not workflow.make_plan(prepared, cluster, prune=False).changes  # noqa: S101
        gc.enable()

    def by_hand() -> None:
        assert not floor.main(str(site), str(live), quiet=True)  # noqa: S101

    one, two = measure.in_turn(runs, ours, by_hand)
    yield (
        "no-op plan, 1,000 roles + 1,000 bots, against the floor, in one process",
        _against(one, two),
        "1.2 times",
    )
    command = [*measure.PROVISION, "plan", site, "--cluster", f"file:{live}"]
    by_hand_command = [sys.executable, HERE / "floor.py", site, live]
    one, two = measure.in_turn(
        runs,
        lambda: measure.must(measure.run(command)),
        lambda: measure.must(measure.run(by_hand_command)),
    )
    yield "the same as whole commands, start-up and imports included", _against(one, two), "-"


def _against(one: list[float], two: list[float]) -> str:
    ours, theirs = statistics.median(one), statistics.median(two)
    return f"{ours:.2f} s against {theirs:.2f} s: {measure.ratio(one, two):.2f} times"


def start_up(runs: int) -> Iterator[Row]:
    """Compare `provision --help` with a program of click alone."""
    one, two = measure.in_turn(
        3 * runs,
        lambda: measure.must(measure.run([*measure.PROVISION, "--help"])),
        lambda: measure.must(measure.run([sys.executable, HERE / "bare.py", "--help"])),
    )
    yield "`provision --help` against a program of click alone", _against(one, two), "1.4 times"


def large_site(root: Path, runs: int) -> Iterator[Row]:
    """Plan a large site without and with the machines of its bots, and hold both against the floor.

    The floor leaves the machines out: it renders and compares the roles and bots alone.
    """
    for machines in (False, True):
        site, live = root / "large.yaml", root / "large.json"
        site.write_text(fixtures.site(500, 10_000, machines=machines))
        fixtures.live_as(site, live)
        command = [*measure.PROVISION, "plan", site, "--cluster", f"file:{live}"]
        by_hand = [sys.executable, HERE / "floor.py", site, live]
        pairs = [(measure.must(measure.run(command)), measure.run(by_hand)) for _ in range(runs)]
        seconds, hand = (
            statistics.median(each.cpu for each in of) for of in zip(*pairs, strict=True)
        )
        megabytes = statistics.median(usage.megabytes for usage, _ in pairs)
        times = statistics.median(usage.cpu / floor.cpu for usage, floor in pairs)
        bots = "10,000 bots with tokens, tbot and clients" if machines else "10,000 bots"
        yield (
            f"no-op plan of {bots}, and 500 roles, as a whole command",
            f"{seconds:.2f} s, {megabytes:.0f} MB",
            "4 s, 400 MB",
        )
        yield (
            f"the same against the floor{' for roles and bots alone' if machines else ''}",
            f"{seconds:.2f} s against {hand:.2f} s: {times:.2f} times",
            "-",
        )


def client_files(root: Path, runs: int) -> Iterator[Row]:
    """Render what 1,000 bots need for their clients, each bot having one of every format."""
    path, templates = root / "clients.yaml", load_templates(None)
    path.write_text(fixtures.site(500, 1000, machines=True, formats=FORMATS))
    prepared = workflow.prepare(path, templates)

    def rendered() -> Iterator[str]:
        locate = prepared.document.key_place
        for name, template, find, context in machine_files(prepared.site, locate, lambda _: ()):
            if name.startswith("clients/"):
                yield templates.render(template, context(), entry=find)

    (found,) = measure.in_turn(runs, lambda: sum(1 for _ in rendered()))
    yield (
        f"rendering the {sum(1 for _ in rendered()):,} client files of 1,000 bots, one of each format a bot",
        f"{statistics.median(found):.2f} s",
        "2 s",
    )


def processes(root: Path) -> Iterator[Row]:
    """Count the tctl processes of a no-op plan as the site grows."""
    counts = []
    for size in (1, 10, 100):
        site = root / f"{size}.yaml"
        site.write_text(fixtures.site(size, size))
        _logged(root / f"{size}", "apply", site)
        counts.append(len(_logged(root / f"{size}", "plan", site)))
    yield (
        "tctl processes of a no-op plan for 1, 10 and 100 roles and bots",
        ", ".join(map(str, counts)),
        "does not grow",
    )


def slow_tctl(root: Path) -> Iterator[Row]:
    """Apply 100 changed roles through a tctl that takes its time, and count what has to be waited for."""
    site = root / "slow.yaml"
    site.write_text(fixtures.site(100, 100))
    _logged(root / "slow", "apply", site)
    site.write_text(fixtures.site(100, 100, changed=100))
    spans = _logged(root / "slow", "apply", site, delay=SECOND)
    waited = rounds(spans) * SLOW
    yield (
        f"waiting while 100 changed roles are applied, by a tctl whose every process takes {SLOW * 1000:.0f} ms",
        f"{waited:.1f} s: {len(spans)} processes, {rounds(spans)} one after the other",
        "3 s",
    )


def rounds(spans: list[tuple[float, float]]) -> int:
    """Return how many processes had to wait for the end of another: the longest chain of `spans`."""
    count, end = 0, 0.0
    for started, ended in sorted(spans, key=lambda span: span[1]):
        if started >= end:
            count, end = count + 1, ended
    return count


def _logged(state: Path, command: str, site: Path, delay: float = 0.0) -> list[tuple[float, float]]:
    """Run a command through the stand-in for tctl; return when each process started and ended."""
    log = state.with_suffix(".log")
    ended = log.with_name(f"{log.name}.ended")
    for file in (log, ended):
        file.unlink(missing_ok=True)
    environment = {
        "FAKE_TCTL_STATE": str(state.with_suffix(".state")),
        "FAKE_TCTL_LOG": str(log),
        "FAKE_TCTL_DELAY": str(delay),
    }
    options = ["--yes"] if command == "apply" else []
    run = [*measure.PROVISION, command, site, "--tctl", measure.FAKE, *options]
    measure.must(measure.run(run, env=environment))
    ends = {entry["pid"]: entry["at"] for entry in map(json.loads, ended.read_text().splitlines())}
    starts = map(json.loads, log.read_text().splitlines())
    return [(entry["at"], ends[entry["pid"]]) for entry in starts if "argv" in entry]


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["5"])[0]))
