"""Reports of what an apply did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processes import gone
from tests.unit.cli.conftest import SITE, Run
from tests.unit.cli.test_apply import BAD, RUN, faulty

FAKE = Path(__file__).parent.parent.parent / "fake_tctl" / "tctl"


def report(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return document


def outcomes(directory: Path) -> dict[str, str]:
    return {change["id"]: change["outcome"] for change in report(directory)["changes"]}


@pytest.mark.usefixtures("site")
def test_an_apply(run: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says who applied what, and that it was done."""
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("GITHUB_SHA", "a" * 40)
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    assert run("apply", "--cluster", cluster, "--yes", "--report", "report.json").code == 0
    found = report(tmp_path)
    assert (found["state"], found["who"]["user"], found["who"]["actor"]) == (
        "succeeded",
        "ada",
        "octocat",
    )
    assert found["commit"] == {"sha": "a" * 40, "ref": "", "source": "GITHUB_SHA"}
    assert found["who"]["host"]
    assert found["approved_digest"] is None
    assert len(found["inputs"]["site_sha256"]) == 64
    assert outcomes(tmp_path) == {"role/dev": "done", "bot/ci": "done"}


@pytest.mark.usefixtures("site")
def test_an_approved_apply(run: Run, cluster: str, tmp_path: Path) -> None:
    """The digest that was approved is in the report, beside that of what was done."""
    run("plan", "--cluster", cluster, "-o", "plan.json")
    approved = json.loads((tmp_path / "plan.json").read_text())["digest"]
    for options in (("--plan", "plan.json"), ("--plan", "plan.json")):
        ran = run("apply", "--cluster", cluster, "--yes", "--report", "report.json", *options)
        assert (ran.code, report(tmp_path)["approved_digest"]) == (0, approved)
    assert (report(tmp_path)["changes"], report(tmp_path)["state"]) == ([], "succeeded")


def test_a_partial_failure(run: Run, site: Path, cluster: str) -> None:
    """What failed, with the cluster's words, and what was skipped for it."""
    site.write_text(SITE.replace("bots:\n", f"{BAD}bots:\n  needy: {{roles: [bad, dev]}}\n"))
    assert run("apply", "--cluster", cluster, "--yes", "--report", "report.json").code == 1
    assert outcomes(site.parent) == {
        "role/bad": "failed", "role/dev": "done", "bot/ci": "done", "bot/needy": "skipped",
    }  # fmt: skip
    assert report(site.parent)["state"] == "failed"
    assert report(site.parent)["error"] == "not everything was applied"


def test_an_interrupt(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ^C the report says what was done and what nobody knows."""
    faulty(monkeypatch, faults={"bot/ci": KeyboardInterrupt()})
    ran = run("apply", "--cluster", "local:x", "--yes", "--report", "report.json")
    assert ran.code == 130
    assert outcomes(site.parent) == {"role/dev": "done", "bot/ci": "unknown"}
    assert report(site.parent)["state"] == "interrupted"


def test_no_place_for_a_report(run: Run, site: Path, cluster: str) -> None:
    """An apply whose report cannot be written is not begun."""
    ran = run("apply", "--cluster", cluster, "--yes", "--report", "none/report.json")
    assert (ran.code, "none/report.json: cannot write" in ran.err) == (1, True)
    assert "made" not in ran.out
    assert run("plan", "--cluster", cluster, "--detailed-exitcode").code == 2
    assert site.exists()


@pytest.mark.usefixtures("site")
def test_what_was_refused_has_no_report(run: Run, cluster: str, tmp_path: Path) -> None:
    """Where nothing was begun, an earlier report stays what it was."""
    (tmp_path / "report.json").write_text("earlier")
    ran = run(
        "apply", "--cluster", cluster, "--yes", "--report", "report.json", "--expect", "a-b-c"
    )
    assert (ran.code, (tmp_path / "report.json").read_text()) == (4, "earlier")


def test_a_killed_apply(site: Path) -> None:
    """Killed in the middle of a write, an apply leaves a report of what it had begun, and no process."""
    environ = {
        **os.environ,
        "FAKE_TCTL_STATE": str(site.with_name("state.json")),
        "FAKE_TCTL_HANG": "create",
        "FAKE_TCTL_LOG": str(site.with_name("log")),
    }
    words = ["apply", "--tctl", str(FAKE), "--yes", "--report", "report.json"]
    started = subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        cwd=site.parent,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(site.with_name("report.json"), '"started"')
    finally:
        started.kill()
        started.wait()
    calls = map(json.loads, site.with_name("log").read_text().splitlines())
    assert all(gone(call["pid"]) for call in calls)
    assert report(site.parent)["state"] == "running"
    assert outcomes(site.parent) == {"role/dev": "started", "bot/ci": "pending"}


def _wait_for(path: Path, text: str) -> None:
    for _ in range(600):
        if path.exists() and text in path.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{text} never came")
