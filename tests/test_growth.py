"""Work grows no faster than the site: calls are counted, so that no clock decides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from math import log
from pathlib import Path

import pytest

from benchmarks import fixtures
from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.change import Plan
from provisioner.cli._base import load_templates
from provisioner.cluster import snapshot
from provisioner.cluster.memory import MemoryCluster
from provisioner.rbac.access import Identity, Server, World, difference
from provisioner.report import plan_html, plan_json, plan_markdown, plan_text
from provisioner.report._graph import graph
from provisioner.text import terminal
from tests.counting import calls
from tests.sites import HEAD
from tests.worlds import role

ROOT = Path(__file__).parent.parent
FEW, MANY = 60, 240
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = MANY / FEW * log(MANY) / log(FEW)  # what n log n would take


class Fleet:
    """A site of so many bots with their machines, its live state, and what was planned."""

    def __init__(self, root: Path, bots: int) -> None:
        self.site, self.live = root / f"{bots}.yaml", root / f"{bots}.json"
        self.site.write_text(fixtures.site(bots // 20, bots, machines=True))
        fixtures.live_as(self.site, self.live)
        self.site.write_text(fixtures.site(bots // 20, bots, machines=True, changed=bots // 40))

    def prepare(self) -> workflow.Prepared:
        """Load, decode, judge and render."""
        return workflow.prepare(self.site, TEMPLATES)

    def look(self) -> workflow.Seen:
        """Read the live state."""
        cluster = snapshot.parse(self.live.read_bytes(), "live.json")
        return workflow.look(self.prepare(), cluster, prune=False)

    def plan(self) -> Plan:
        """Do all that a plan takes, access and digest included."""
        return workflow.plan_for(self.prepare(), self.look(), prune=False)

    def report(self) -> None:
        """Plan, and tell the plan in three formats."""
        made = self.plan()
        plan_text.text(made, terminal.plain, ())
        plan_json.as_json(made, MOMENT)
        plan_markdown.text(made, ())

    def begin(self) -> None:
        """Plan into an empty cluster, and tell it as data and as a page."""
        made = workflow.make_plan(self.prepare(), MemoryCluster(), prune=False)
        plan_json.as_json(made, MOMENT)
        plan_html.page(made, TEMPLATES)

    def apply(self) -> None:
        """Plan and apply."""
        cluster = MemoryCluster([live.body for live in self.look().live], name="bench")
        assert all(event for event in apply(self.plan(), cluster))


TEMPLATES = load_templates(None)
WORKS: dict[str, Callable[[Fleet], object]] = {
    "prepare": Fleet.prepare,
    "look": Fleet.look,
    "plan": Fleet.plan,
    "report": Fleet.report,
    "apply": Fleet.apply,
    "begin": Fleet.begin,
}


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fleet, Fleet]:
    root = tmp_path_factory.mktemp("fleets")
    return Fleet(root, FEW), Fleet(root, MANY)


ONE_FOR_ALL = f"""\
{HEAD}mcp_servers: {{s: {{labels: {{a: b}}, tools: [x], app: {{uri: mcp+https://h/mcp}}}}}}
roles: {{r: {{app_labels: {{a: b}}, tools: [x]}}}}
bots:
"""


@pytest.mark.parametrize("tell", [graph, partial(plan_json.as_json, created_at=MOMENT)])
def test_four_times_the_gains_are_four_times_the_work(
    tmp_path: Path, tell: Callable[[Plan], object]
) -> None:
    """What all bots gain alike is drawn, and told as data, in no more time than it takes to look."""
    took = []
    for number in (MANY, 4 * MANY):
        path = tmp_path / f"{number}.yaml"
        path.write_text(
            ONE_FOR_ALL + "".join(f"  b{each}: {{roles: [r]}}\n" for each in range(number))
        )
        made = workflow.make_plan(workflow.prepare(path, TEMPLATES), MemoryCluster(), prune=False)
        assert len(made.access.rows) == 2 * number
        took.append(calls(partial(tell, made)))
    assert took[1] < 4 * log(4 * MANY) / log(MANY) * took[0]


def teams(number: int, **labels: str) -> World:
    """Return so many teams, each with a bot, a role and a server of its own."""
    names = [f"t{each}" for each in range(number)]
    return World(
        tuple(Identity(name, (role(name, {"team": name}, "*"),)) for name in names),
        tuple(Server(name, {"team": name, **labels}, ("a", "b")) for name in names),
    )


def test_four_times_the_teams_are_four_times_the_work() -> None:
    """Bots are held against the servers that their roles can match, and not against all."""
    took = []
    for number in (MANY, 4 * MANY):
        before, after = teams(number), teams(number, moved="yes")
        every = partial(difference, World(), after)
        moved = partial(difference, before, World(before.identities, after.servers))
        took.append((calls(every), calls(moved)))
    for few, many in zip(*took, strict=True):
        assert many < 4 * log(4 * MANY) / log(MANY) * few


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
def test_four_times_the_bots_are_four_times_the_work(
    work: Callable[[Fleet], object], fleets: tuple[Fleet, Fleet]
) -> None:
    """No stage grows faster than n log n in the number of bots."""
    few, many = fleets
    work(few)  # what is compiled and kept once is no part of the growth
    assert calls(partial(work, many)) < LIMIT * calls(partial(work, few))


def test_what_is_measured_is_what_there_is(fleets: tuple[Fleet, Fleet]) -> None:
    """Each benchmark can be loaded, and the stages of a site are timed by their names."""
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    script = f"import sys; sys.path.insert(0, 'benchmarks'); import {', '.join(names)}"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    few, _ = fleets
    command = [sys.executable, str(ROOT / "benchmarks" / "stages.py"), "--one"]
    command += [str(few.site), str(few.live)]
    took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert {"load", "decode", "rules", "render", "read", "plan", "access", "report"} <= took.keys()


def test_the_page_shows_what_was_measured() -> None:
    """Tables and plots of docs/benchmarks.md are those of the figures that are kept."""
    command = [sys.executable, str(ROOT / "benchmarks" / "publish.py"), "--check"]
    subprocess.run(command, check=True, capture_output=True)


def test_what_was_measured_grows_no_faster_than_n_log_n() -> None:
    """Of the figures that are kept, each stage of some length grows from 1,000 to 10,000 bots as n log n."""
    kept = json.loads((ROOT / "benchmarks" / "results" / "stages.json").read_text())
    *_, before, last = kept["sizes"]
    for stage, took in last["stages"].items():
        earlier = before["stages"][stage]["cpu"]
        if earlier > 0.05:  # what is shorter is mostly noise
            assert took["cpu"] < 14 * earlier, stage  # 13.3 times is n log n, and the rest noise
