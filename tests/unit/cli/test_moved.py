"""When somebody else is at work at the same time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner import workflow
from provisioner.change import Plan
from provisioner.cluster.tctl import Tctl, TctlOptions
from tests.unit.cli.conftest import SITE, Run
from tests.unit.cli.test_drift import tamper

FAKE = Path(__file__).parent.parent.parent / "fake_tctl" / "tctl"


def test_between_plan_and_write(
    run: Run, site: Path, cluster: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What moves while the plan is read by its reviewer is not written; exit code 4 says so."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("read_*", "*"))
    make = workflow.make_plan

    def make_and_tamper(*given: Any, **how: Any) -> Plan:
        plan = make(*given, **how)
        tamper(cluster)
        return plan

    monkeypatch.setattr(workflow, "make_plan", make_and_tamper)
    ran = run("apply", "--cluster", cluster, "--yes", "--report", "r.json")
    assert ran.code == 4
    assert (
        "x role/dev  not updated: role/dev moved since the plan was made: spec.allow.logins\n"
        in ran.out
    )
    assert ran.err.startswith("error: not everything was applied: the cluster moved since the plan")
    (change,) = json.loads((tmp_path / "r.json").read_text())["changes"]
    assert change["outcome"] == "failed"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run("drift", "--cluster", cluster).code == 2
    assert run("apply", "--cluster", cluster, "--yes").code == 0


def test_on_condition(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With --cas, roles are updated by `tctl edit`, and the apply is like any other."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setenv("FAKE_TCTL_STATE", str(tmp_path / "state.json"))
    monkeypatch.setenv("FAKE_TCTL_LOG", str(tmp_path / "log"))
    options = ("--tctl", str(FAKE), "--cas", "--yes")
    assert run("apply", *options).code == 0
    site.write_text(SITE.replace("read_*", "*"))
    ran = run("apply", *options)
    assert (ran.code, "~ role/dev  updated" in ran.out) == (0, True)
    verbs = [json.loads(line)["verb"] for line in (tmp_path / "log").read_text().splitlines()]
    assert verbs.count("edit") == 1
    assert Tctl(TctlOptions(path=str(FAKE))).info().name


@pytest.mark.usefixtures("site")
def test_other_clusters_always_compare(run: Run, cluster: str) -> None:
    """The embedded cluster takes --cas as what it does anyway."""
    assert run("apply", "--cluster", cluster, "--yes", "--cas").code == 0
