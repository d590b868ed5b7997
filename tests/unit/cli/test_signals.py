"""Signals that ask the program to end, which is another process here, as users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.processes import gone
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_apply import HEEDING, RUN

FAKE = ROOT / "tests" / "fake_tctl" / "tctl"
PROGRAM = (sys.executable, "-c", f"{HEEDING}; {RUN}")


@pytest.fixture
def applying(site: Path) -> Iterator[subprocess.Popen[str]]:
    """Start an apply whose tctl hangs at the first document, and return it when it does."""
    log = site.with_name("log")
    environ = {
        **os.environ,
        "FAKE_TCTL_STATE": str(site.with_name("state.json")),
        "FAKE_TCTL_HANG": "create",
        "FAKE_TCTL_LOG": str(log),
    }
    started = subprocess.Popen(
        [*PROGRAM, "apply", "--tctl", str(FAKE), "--yes"],
        cwd=site.parent, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while started.poll() is None and not (log.exists() and '"create"' in log.read_text()):
        time.sleep(0.02)
    yield started
    started.kill()
    started.wait()


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGINT, 130, "Interrupted."),
        (signal.SIGTERM, 143, "Ended by SIGTERM."),
        (signal.SIGHUP, 129, "Ended by SIGHUP."),
    ],
)
def test_an_apply_is_asked_to_end(
    applying: subprocess.Popen[str], site: Path, number: int, code: int, says: str
) -> None:
    """It says what was done and what is not known, leaves no process, and its exit code names the signal."""
    applying.send_signal(number)
    out, err = applying.communicate(timeout=60)
    assert applying.returncode == code
    assert err.splitlines()[-1] == says
    assert out.endswith(
        ". role/dev  unknown: begun, and no answer\n. bot/ci  not done\n\n0 of 2 changes made.\n"
    )
    calls = map(json.loads, site.with_name("log").read_text().splitlines())
    assert all(gone(call["pid"]) for call in calls)


def test_a_signal_that_is_ignored_stays_so(site: Path) -> None:
    """Under nohup a closed terminal does not end the work."""
    code = f"""
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from provisioner import workflow
from provisioner.cli import entry_point
examine = workflow.examine
def slow(*args):
    os.kill(os.getpid(), signal.SIGHUP)
    return examine(*args)
workflow.examine = slow
sys.argv = ["provision", "check", {str(site)!r}]
entry_point()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, "no problems" in ran.stdout) == (0, True)


@pytest.mark.parametrize("words", [("plan", "--nope"), ("nope",), ("apply", "--max-deletes", "x")])
def test_usage_errors_as_json(run: Run, words: tuple[str, ...]) -> None:
    """Who asked for JSON gets it also for a command line that cannot be read."""
    ran = run(*words, "--log-format", "json")
    error, end = map(json.loads, ran.err.splitlines())
    assert (ran.code, error["event"], error["exit_code"], end["exit_code"]) == (64, "error", 64, 64)


def test_all_of_stderr_is_json(run: Run, site: Path, cluster: str) -> None:
    """Whatever a command has to say, each line of stderr is an object, and stdout is for people."""
    for words in (
        ("apply", site, "--yes", "--cluster", cluster, "-v", "--timings", "--report", "r.json"),
        ("snapshot", "--cluster", cluster, "-o", "live.json"),
        ("render", site, "-o", "files"),
        ("plan", "missing.yaml", "--cluster", cluster),
        ("plan", site, "--cluster", "local:missing.db"),
    ):
        ran = run(*words, "--log-format=json")
        lines = [json.loads(line) for line in ran.err.splitlines()]
        assert lines[-1] | {"time": ""} == {
            "time": "", "level": "info", "event": "end", "exit_code": ran.code,
        }  # fmt: skip
