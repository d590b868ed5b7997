"""Time, memory and tctl processes of each stage, for sites of 100, 1,000 and 10,000 bots.

Each size runs in a process of its own, so that its memory can be told. The stages are those of a plan
and an apply in which one role in ten has changed.
Usage: python benchmarks/stages.py [RUNS]
"""

from __future__ import annotations

import gc
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import fixtures
import measure

from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.checks import severity
from provisioner.cli._base import load_templates
from provisioner.cluster import snapshot
from provisioner.cluster.memory import MemoryCluster
from provisioner.planning.digests import approval
from provisioner.planning.impact import impact
from provisioner.planning.inputs import inputs
from provisioner.planning.state import outcome, state
from provisioner.rendering.render import render
from provisioner.report import plan_json, plan_markdown, plan_text
from provisioner.site import sitefile
from provisioner.site.decode import decode
from provisioner.text import terminal
from provisioner.tools.lock import Lock

SIZES: Final = (100, 1_000, 10_000)
WITH_TCTL: Final = (100, 1_000)  # what the stand-in for tctl holds in bearable time
STAGES: Final = (
    *("load", "decode", "rules", "render", "read", "plan"),
    *("access", "digest", "report", "apply"),
)


class Clock:
    """CPU seconds and the peak of memory by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        start = time.process_time()
        yield
        self.stages[name] = {"cpu": time.process_time() - start, "megabytes": _peak()}


def _peak() -> float:
    """Return the peak of this program in MB; `ru_maxrss` would have that of its parent in it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def one(site: Path, live: Path) -> dict[str, dict[str, float]]:
    """Return what each stage takes for one site."""
    gc.disable()  # as the command does
    clock, templates = Clock(), load_templates(None)
    with clock.stage("load"):
        document, _ = sitefile.load(site)
    assert document is not None  # noqa: S101
    with clock.stage("decode"):
        decoded = decode(document).site
    assert decoded is not None  # noqa: S101
    with clock.stage("rules"):
        list(severity.judged(decoded, severity.findings(decoded)))
    with clock.stage("render"):
        rendered = render(decoded, templates, document.key_place)
        _ = rendered.files  # a plan does without those of machines
    made_from = inputs(document, templates, Lock())
    prepared = workflow.Prepared(decoded, document, (), rendered, made_from)
    with clock.stage("read"):
        cluster = snapshot.parse(live.read_bytes(), str(live))
        seen = workflow.look(prepared, cluster, prune=False)
    _from_plan_on(clock, prepared, seen)
    return clock.stages


def _from_plan_on(clock: Clock, prepared: workflow.Prepared, seen: workflow.Seen) -> None:
    with clock.stage("plan"):
        made = workflow.plan_for(prepared, seen, prune=False)
    before = state(seen.live)
    with clock.stage("access"):
        impact(before, outcome(before, made.changes), prepared.inventory.get)
    with clock.stage("digest"):
        approval(made)
    # The planner has done both as well.
    both = clock.stages["access"]["cpu"] + clock.stages["digest"]["cpu"]
    clock.stages["plan"]["cpu"] = max(clock.stages["plan"]["cpu"] - both, 0.0)
    with clock.stage("report"):
        plan_text.text(made, terminal.plain, ())
        plan_json.as_json(made, datetime(2026, 1, 1, tzinfo=UTC))
        plan_markdown.text(made, ())
    copy = MemoryCluster([live.body for live in seen.live], name="bench")
    with clock.stage("apply"):
        for _ in apply(made, copy):
            pass


def by_size(root: Path, bots: int, runs: int) -> dict[str, object]:
    """Return the medians of `runs` processes for one size."""
    site, live, roles = root / f"{bots}.yaml", root / f"{bots}.json", bots // 20
    site.write_text(fixtures.site(roles, bots, machines=True))
    fixtures.live_as(site, live)
    site.write_text(fixtures.site(roles, bots, machines=True, changed=max(1, roles // 10)))
    found = []
    for _ in range(runs):
        usage = measure.must(measure.run([sys.executable, __file__, "--one", site, live]))
        found.append(json.loads(usage.output))
    stages = {
        stage: {
            "cpu": round(statistics.median(each[stage]["cpu"] for each in found), 4),
            "megabytes": round(statistics.median(each[stage]["megabytes"] for each in found), 1),
        }
        for stage in STAGES
    }
    return {"bots": bots, "roles": roles, "stages": stages}


def processes(root: Path, bots: int) -> dict[str, int]:
    """Count the tctl processes of a plan, and of an apply that changes one role in ten."""
    site, log = root / f"{bots}.site.yaml", root / f"{bots}.log"
    roles = bots // 20
    environment = {"FAKE_TCTL_STATE": str(root / f"{bots}.state"), "FAKE_TCTL_LOG": str(log)}

    def started(command: str, *options: str) -> int:
        log.unlink(missing_ok=True)
        run = [*measure.PROVISION, command, site, "--tctl", measure.FAKE, *options]
        measure.must(measure.run(run, env=environment))
        return sum("argv" in json.loads(line) for line in log.read_text().splitlines())

    site.write_text(fixtures.site(roles, bots))
    started("apply", "--yes")
    plan = started("plan")
    site.write_text(fixtures.site(roles, bots, changed=max(1, roles // 10)))
    return {"bots": bots, "plan": plan, "apply": started("apply", "--yes")}


def main(runs: int) -> None:
    """Measure all sizes and keep what comes out."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        sizes = [by_size(root, bots, runs) for bots in SIZES]
        counted = [processes(root, bots) for bots in WITH_TCTL]
    measure.keep("stages", {"machine": measure.machine(), "sizes": sizes, "processes": counted})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main(int((sys.argv[1:] or ["3"])[0]))
