from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from provisioner import workflow
from provisioner.change import ClusterInfo, Op
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Outcome, Scope, Verb, Write
from provisioner.effort import Effort, Kept, Phase
from provisioner.errors import (
    ClusterError,
    FileError,
    NotApplied,
    Rejected,
    SiteError,
    Unreachable,
    WrongVersion,
)
from provisioner.events import Done, Event, Note, Started
from provisioner.values import Body, thaw
from provisioner.workflow import Prepared
from tests.bodies import bot, role
from tests.clusters import FaultyCluster, key
from tests.sites import HEAD, TEMPLATES, write

SITE = """\
roles: {dev: {app_labels: {env: dev}, tools: ['read_*']}}
bots: {ci: {roles: [dev]}}
"""


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return workflow.prepare(write(tmp_path, SITE), TEMPLATES)


def carried_out(prepared: Prepared, cluster: FaultyCluster, **how: Any) -> list[Event]:
    made = workflow.make_plan(prepared, cluster, prune=how.pop("prune", False))
    return list(workflow.carry_out(made, prepared, cluster, **how))


# --- check and prepare -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"\0",
        b"%YAML 9",
        b"[" * 1000,
        b"!!python/object:a {}",
        b"a: &a [*a]",
        b"---\n---\n",
        b"5",
    ],
)
def test_any_bytes_are_judged(data: bytes, tmp_path: Path) -> None:
    """Whatever a site file holds gives problems and no site, and raises nothing."""
    path = tmp_path / "site.yaml"
    path.write_bytes(data)
    checked = workflow.check(path)
    assert checked.site is None
    assert checked.problems
    with pytest.raises(SiteError):
        workflow.prepare(path, TEMPLATES)


def test_no_file(tmp_path: Path) -> None:
    """A file that cannot be read is no problem of the site, but an error of its own."""
    with pytest.raises(FileError, match="no such file"):
        workflow.check(tmp_path / "site.yaml")


def test_problems_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Syntax, types and rules are told together, from the top down."""
    rest = "bots: {ci: {roles: [x, x]}}\nroles: {dev: {tool: 1}, dev: {}}\nsite: b\n"
    lines = [p.at.line for p in workflow.check(write(tmp_path, rest)).problems if p.at]
    assert len(lines) >= 4
    assert lines == sorted(lines)


def test_warnings_do_not_stop(tmp_path: Path) -> None:
    """A site with warnings alone can be used, and the plan tells them again."""
    path = write(tmp_path, "roles: {dev: {tools: [a]}}")
    prepared = workflow.prepare(path, TEMPLATES)
    assert [problem.code for problem in prepared.warnings] == ["PV104"]
    made = workflow.make_plan(prepared, MemoryCluster(), prune=False)
    assert [problem.code for problem in made.problems] == ["PV104"]


def test_problems_have_their_lines(tmp_path: Path) -> None:
    """Every problem of a site has the line that it is about."""
    checked = workflow.check(write(tmp_path, "roles: {dev: {tools: [a]}}"))
    assert [problem.excerpt for problem in checked.problems] == ["roles: {dev: {tools: [a]}}"]


# --- plan ------------------------------------------------------------------------------------


def test_options_that_nobody_here_knows_are_told(prepared: Prepared) -> None:
    """Of roles that are ours each option is named that stays although the site does not say it."""
    cluster = FaultyCluster()
    list(workflow.carry_out(workflow.make_plan(prepared, cluster, prune=False), prepared, cluster))
    (dev,) = (each for each in cluster.read(Scope(("role",))) if each["metadata"]["name"] == "dev")
    options = {**dev["spec"]["options"], "newer": 1, "brand_new": 2}
    live = thaw({**dev, "spec": {**dev["spec"], "options": options}})
    told: list[Effort] = []
    workflow.make_plan(prepared, MemoryCluster([live], name="t"), prune=False, tell=told.append)
    assert [each for each in told if isinstance(each, Kept)] == [
        Kept("role/dev", ("brand_new", "newer"))
    ]
    del live["metadata"]["labels"]["provisioner/site"]
    told.clear()
    workflow.make_plan(prepared, MemoryCluster([live], name="t"), prune=False, tell=told.append)
    assert not [each for each in told if isinstance(each, Kept)]


def test_the_gate_comes_before_reading(prepared: Prepared) -> None:
    """A cluster of the wrong version is not even read."""

    class Old(MemoryCluster):
        def info(self) -> ClusterInfo:
            return ClusterInfo("old", "17.0")

        def read(self, scope: Scope) -> tuple[Body, ...]:
            raise AssertionError(scope)

    with pytest.raises(WrongVersion):
        workflow.make_plan(prepared, Old(), prune=False)


@pytest.mark.parametrize(
    ("rest", "prune", "reads_tokens"),
    [
        (SITE, False, False),
        (SITE, True, True),
        ("roles: {}", True, False),
        ("bots: {ci: {join: {method: gcp, allow: [{project_ids: [a]}]}}}", False, True),
        ("bots: {ci: {join: {method: token, token_path: /t}}}", False, False),
    ],
)
def test_tokens_are_read_when_needed(
    rest: str, prune: bool, reads_tokens: bool, tmp_path: Path
) -> None:
    """Tokens can be secrets of others: they are asked for only where the site renders or may prune one."""
    asked: list[Scope] = []

    class Listening(MemoryCluster):
        def read(self, scope: Scope) -> tuple[Body, ...]:
            asked.append(scope)
            return super().read(scope)

    prepared = workflow.prepare(write(tmp_path, rest), TEMPLATES)
    workflow.make_plan(prepared, Listening(), prune=prune)
    (scope,) = asked
    assert ("token" in scope.kinds, scope.site) == (reads_tokens, "acme")


def test_what_the_site_expects_is_shown_where(tmp_path: Path) -> None:
    """A missing external role is an error at the line that names it."""
    path = write(tmp_path, "external_roles: [tf-audit]\n")
    made = workflow.make_plan(workflow.prepare(path, TEMPLATES), MemoryCluster(), prune=False)
    (problem,) = made.problems
    assert (problem.code, problem.excerpt) == ("PV201", "external_roles: [tf-audit]")


# --- apply and read back ---------------------------------------------------------------------


def test_applied_and_read_back(prepared: Prepared) -> None:
    """An apply tells its events, reads back, says when bots notice; the next plan is empty."""
    cluster = FaultyCluster()
    events = carried_out(prepared, cluster)
    kinds = [Phase, Started, Done, Started, Done, Phase, Note]
    assert [type(event) for event in events] == kinds
    assert workflow.make_plan(prepared, cluster, prune=False).changes == ()


def test_nothing_is_said_of_bots_that_did_not_change(tmp_path: Path) -> None:
    """The note about renewals belongs to changes of bots."""
    prepared = workflow.prepare(
        write(tmp_path, "roles: {dev: {app_labels: {a: b}, tools: [c]}}"), TEMPLATES
    )
    assert not any(isinstance(event, Note) for event in carried_out(prepared, FaultyCluster()))


def test_a_failure_converges_on_the_next_run(prepared: Prepared) -> None:
    """After a failure the rest is done; when it is mended, a second apply does what is left."""
    cluster = FaultyCluster(faults={"role/dev": Rejected("not now")})
    with pytest.raises(NotApplied, match="not everything"):
        carried_out(prepared, cluster)
    cluster.faults.clear()
    cluster.asked.clear()
    carried_out(prepared, cluster)
    assert cluster.keys == ["role/dev", "bot/ci"]
    assert workflow.make_plan(prepared, cluster, prune=False).changes == ()


def test_what_the_cluster_did_not_keep(prepared: Prepared) -> None:
    """A cluster that says yes and does nothing is found out, by name of the field."""
    with pytest.raises(NotApplied) as caught:
        carried_out(prepared, FaultyCluster(lost=["role/dev"]))
    assert "did not keep: role/dev kind" in caught.value.message
    assert "spec.allow.mcp.tools" in caught.value.message


def test_a_deletion_that_did_not_happen(tmp_path: Path) -> None:
    """A resource that is still there after its deletion is named."""
    prepared = workflow.prepare(write(tmp_path, "roles: {}"), TEMPLATES)
    cluster = FaultyCluster([role("gone")], lost=["role/gone"])
    with pytest.raises(NotApplied, match="did not keep: role/gone"):
        carried_out(prepared, cluster, prune=True)


class Forgetful(FaultyCluster):
    """A cluster that keeps everything of a role but its labels."""

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        return super().write([_unlabelled(each) for each in batch])


def _unlabelled(write: Write) -> Write:
    metadata = {**write.body.get("metadata", {}), "labels": {}}
    body = {**write.body, "metadata": metadata}
    return Write(write.verb, write.key, body) if write.key.kind == "role" else write


def test_a_lost_label_is_found_out(prepared: Prepared) -> None:
    """What is written and then is not marked as ours would be somebody else's at the next run."""
    with pytest.raises(NotApplied, match="did not keep: role/dev"):
        carried_out(prepared, Forgetful())


def test_somebody_else_at_the_same_time(prepared: Prepared) -> None:
    """A change that another hand makes meanwhile is not called a failure to keep."""

    class Busy(FaultyCluster):
        def read(self, scope: Scope) -> tuple[Body, ...]:
            if self.asked:
                other = role(allow={"logins": ["root"]})
                list(MemoryCluster.write(self, [Write(Verb.UPDATE, key("role/dev"), other)]))
            return super().read(scope)

    cluster = Busy([role(), bot(roles=[])])
    with pytest.raises(NotApplied, match="the cluster moved meanwhile: role/dev"):
        carried_out(prepared, cluster)


class Lagging(FaultyCluster):
    """A cluster whose listings show a write only after some more readings."""

    def __init__(self, readings: int) -> None:
        super().__init__()
        self.left = readings
        self.seen: tuple[Body, ...] = ()

    def read(self, scope: Scope) -> tuple[Body, ...]:
        if self.asked:
            self.left -= 1
        if not self.asked or self.left < 0:
            self.seen = super().read(scope)
        return self.seen


@pytest.mark.parametrize(("readings", "slept"), [(0, []), (2, [1.0, 2.0])])
def test_a_cluster_that_lags_behind_itself(
    readings: int, slept: list[float], prepared: Prepared
) -> None:
    """The read-back waits, longer each time, and only as long as there is a difference."""
    found: list[float] = []
    carried_out(prepared, Lagging(readings), pauses=(1.0, 2.0, 3.0), sleep=found.append)
    assert found == slept


def test_patience_ends(prepared: Prepared) -> None:
    """A difference that stays is reported when all the pauses are over."""
    found: list[float] = []
    with pytest.raises(NotApplied):
        carried_out(prepared, Lagging(9), pauses=(1.0, 2.0), sleep=found.append)
    assert found == [1.0, 2.0]


def test_a_cluster_that_goes_away(prepared: Prepared) -> None:
    """An error of the cluster as a whole ends the apply as itself."""
    cluster = FaultyCluster(faults={"bot/ci": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        carried_out(prepared, cluster)

    class Gone(FaultyCluster):
        def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
            raise Unreachable(f"gone with {len(batch)} to do")

    with pytest.raises(ClusterError, match="gone with 1 to do"):
        carried_out(prepared, Gone())


def ops(changes: Iterable[Any]) -> list[Op]:
    return [change.op for change in changes]


def test_the_whole_life_of_a_bot(tmp_path: Path) -> None:
    """Create, change, drop from the site, prune: each step plans what it does and nothing else."""
    cluster = FaultyCluster()
    steps = (
        (SITE, [Op.CREATE, Op.CREATE]),
        (SITE.replace("read_*", "write_*"), [Op.UPDATE]),
        (SITE.replace("[dev]", "[]"), [Op.UPDATE, Op.UPDATE]),
        ("roles: {}\nbots: {}", [Op.DELETE, Op.DELETE]),
    )
    for rest, expected in steps:
        prepared = workflow.prepare(write(tmp_path, rest, head=HEAD), TEMPLATES)
        made = workflow.make_plan(prepared, cluster, prune=True)
        assert ops(made.changes) == expected
        list(workflow.carry_out(made, prepared, cluster))
