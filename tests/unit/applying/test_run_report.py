from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.applying.apply import apply
from provisioner.applying.run_report import Origin, RunReport
from provisioner.change import Change, Inputs, Key, Plan
from provisioner.errors import FileError, NotApplied, Rejected
from provisioner.events import Done, Skipped, Started
from provisioner.planning.plan import plan
from provisioner.system.provenance import Commit
from provisioner.values import Secret, freeze
from tests.bodies import CLUSTER, bot, desired, live, role
from tests.clusters import FaultyCluster

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORIGIN = Origin("ada", "ci-1", "octocat", Commit("a" * 40, "refs/heads/main", "git"), "x-y-z")
EXISTING = (role("a", allow={"logins": ["x"]}),)
WANTED = (role("a"), role("b"), bot(roles=["b"]))


class Disk:
    """A file that remembers every document that it has held."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.full = False

    def write(self, data: bytes) -> None:
        if self.full:
            raise FileError("no space left on the device")
        self.documents.append(json.loads(data))

    @property
    def last(self) -> dict[str, Any]:
        return self.documents[-1]

    def outcomes(self) -> dict[str, str]:
        return {change["id"]: change["outcome"] for change in self.last["changes"]}


def made() -> Plan:
    return plan(desired(*WANTED), live(*EXISTING), CLUSTER)


def reporting(disk: Disk, of: Plan, clock: Callable[[], float] = lambda: 1.0) -> RunReport:
    minutes = count()

    def now() -> datetime:
        return NOON + timedelta(minutes=next(minutes))

    return RunReport(of, ORIGIN, disk.write, now=now, clock=clock)


def carried_out(disk: Disk, **faults: BaseException) -> None:
    """Apply the plan to a cluster with faults, by kind_name, and report it."""
    cluster = FaultyCluster(
        EXISTING, faults={key.replace("_", "/"): fault for key, fault in faults.items()}
    )
    with reporting(disk, made()) as report:
        for event in apply(made(), cluster):
            report.hear(event)


def test_the_head() -> None:
    """A report says what was applied, from what, by whom, from which commit, with whose approval."""
    disk, of = Disk(), made()
    with reporting(disk, of):
        pass
    assert {
        key: disk.last[key] for key in ("format_version", "site", "file", "mode", "digest")
    } == {
        "format_version": "1.0",
        "site": "acme",
        "file": "site.yaml",
        "mode": "apply",
        "digest": of.digest,
    }
    assert disk.last["who"] == {"user": "ada", "host": "ci-1", "actor": "octocat"}
    assert disk.last["commit"] == {"sha": "a" * 40, "ref": "refs/heads/main", "source": "git"}
    assert (disk.last["approved_digest"], disk.last["cluster"]["name"]) == ("x-y-z", "example")
    assert disk.last["started_at"] == "2026-11-22T12:00:00.000+00:00"
    assert disk.last["ended_at"] == "2026-11-22T12:01:00.000+00:00"


def test_inputs() -> None:
    """The hashes of what the plan was made from are in the report."""
    disk = Disk()
    of = plan(desired(), (), CLUSTER)
    inputs = Inputs("a" * 64, "b" * 64)
    with RunReport(replace(of, inputs=inputs), Origin("", ""), disk.write):
        pass
    assert disk.last["inputs"]["site_sha256"] == "a" * 64
    assert (disk.last["changes"], disk.last["commit"]) == ([], None)


def test_all_is_well() -> None:
    """Each change is done, with the body that it replaced, and the run has succeeded."""
    disk = Disk()
    carried_out(disk)
    assert disk.outcomes() == {"role/a": "done", "role/b": "done", "bot/ci": "done"}
    assert disk.last["state"] == "succeeded"
    first, second, _ = disk.last["changes"]
    assert first["before"]["spec"]["allow"]["logins"] == ["x"]
    assert first["digest"] == made().changes[0].digest
    assert second["before"] is None


def test_before_the_first_byte() -> None:
    """On disk is a change called started before it is sent, and the run before anything is."""
    disk = Disk()

    class Watched(FaultyCluster):
        def write(self, batch: Any) -> Any:
            for each in batch:
                assert disk.outcomes()[str(each.key)] == "started"
            yield from super().write(batch)

    with reporting(disk, made()) as report:
        assert (disk.last["state"], set(disk.outcomes().values())) == ("running", {"pending"})
        for event in apply(made(), Watched(EXISTING)):
            report.hear(event)


def test_failures() -> None:
    """What failed has the cluster's words and the cure; what was skipped has what it waited for."""
    disk = Disk()
    carried_out(disk, role_b=Rejected("no", hint="say it better"))
    assert disk.outcomes() == {"role/a": "done", "role/b": "failed", "bot/ci": "skipped"}
    _, failed, skipped = disk.last["changes"]
    assert (failed["error"], failed["hint"], skipped["blocker"]) == (
        "no",
        "say it better",
        "role/b",
    )


@pytest.mark.parametrize(
    ("fault", "state"), [(NotApplied("lost", hint="look"), "failed"), (KeyboardInterrupt(), "interrupted")]
)  # fmt: skip
def test_an_end_in_the_middle(fault: BaseException, state: str) -> None:
    """What was begun and has no answer is unknown; what was not begun stays pending."""
    disk = Disk()
    with pytest.raises(type(fault)):
        carried_out(disk, role_b=fault)
    assert disk.outcomes() == {"role/a": "done", "role/b": "unknown", "bot/ci": "pending"}
    assert disk.last["state"] == state
    assert disk.last.get("error") == ("lost" if state == "failed" else None)


def test_a_killed_apply() -> None:
    """Without any end, the last document says that it runs, and what it was about."""
    disk, seconds = Disk(), [0.0]
    report = reporting(disk, made(), clock=lambda: seconds[0])
    report.__enter__()
    events = apply(made(), FaultyCluster(EXISTING))
    for _ in range(2):
        report.hear(next(events))
        seconds[0] += 1
    assert disk.last["state"] == "running"
    assert disk.outcomes() == {"role/a": "done", "role/b": "started", "bot/ci": "pending"}


def test_reports_are_not_written_all_the_time() -> None:
    """Outcomes that come within half a second share a document; the last one is always complete."""
    disk, many = Disk(), tuple(role(f"r{n}") for n in range(50))
    of = plan(desired(*many), (), CLUSTER)
    with reporting(disk, of) as report:
        for event in apply(of, FaultyCluster()):
            report.hear(event)
    assert len(disk.documents) == 3
    assert set(disk.outcomes().values()) == {"done"}


def test_a_disk_that_is_full() -> None:
    """Nothing is sent that could not be recorded; an outcome that cannot be is tried again."""
    disk, change = Disk(), made().changes[0]
    with reporting(disk, made()) as report:
        report.hear(Started((change,)))
        disk.full = True
        report.hear(Done(change))
        with pytest.raises(FileError):
            report.hear(Started((change,)))
        disk.full = False
        report.hear(Skipped(change, Key("role", "x")))
    disk.full = True
    with pytest.raises(FileError, match="no space"):
        reporting(disk, made()).__enter__()


def test_the_first_error_counts() -> None:
    """A report that cannot be ended does not hide why the apply ended; else it is an error itself."""
    disk = Disk()
    with pytest.raises(NotApplied):
        _end(disk, NotApplied("lost"))
    with pytest.raises(FileError):
        _end(disk, None)


def _end(disk: Disk, error: Exception | None) -> None:
    disk.full = False
    with reporting(disk, made()):
        disk.full = True
        if error:
            raise error


def test_no_secrets() -> None:
    """A secret in a live body is masked in its before-image."""
    disk, change = Disk(), made().changes[0]
    before = freeze({"spec": {"header": Secret("hunter2")}})
    secret = Change(change.op, change.key, before=before, after=change.after)
    of = plan(desired(), (), CLUSTER)
    whole = replace(of, changes=(secret,))
    with reporting(disk, whole):
        pass
    assert "hunter2" not in json.dumps(disk.documents)
    assert disk.last["changes"][0]["before"] == {"spec": {"header": "<secret>"}}
