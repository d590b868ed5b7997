"""One apply at a time on one machine."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from threading import Timer

import pytest

from provisioner.system.locks import lock
from tests.unit.cli.conftest import SITE, Run
from tests.users import SOMEBODY, unprivileged


@pytest.fixture
def place(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that locks the site `acme` of the cluster `cluster`; its directory is there."""
    state = site.with_name("state")
    state.mkdir()
    monkeypatch.setenv("PROVISION_STATE_DIR", str(state))
    return state / f"acme-{hashlib.sha256(b'cluster').hexdigest()[:16]}.lock"


def test_the_second_one_is_told_of_the_first(run: Run, cluster: str, place: Path) -> None:
    """While somebody applies, another apply and an adoption are refused, and say who it is."""
    with lock(place):
        for words in (("apply", "--yes"), ("adopt", "--all", "--yes")):
            ran = run(*words, "--cluster", cluster)
            assert (ran.code, ran.out) == (3, "")
            assert ran.err.startswith(
                "error: another apply of site acme to cluster is at work: "
                f"process {os.getpid()} on "
            )
            assert "--lock-wait" in ran.err
    assert "1 to create" not in run("plan", "--cluster", cluster).out
    assert run("apply", "--yes", "--cluster", cluster).code == 0
    assert not list(place.parent.iterdir())


def test_who_only_looks_is_not_kept_out(run: Run, cluster: str, place: Path) -> None:
    """Plans, and adoptions that write nothing, take no lock."""
    with lock(place):
        assert run("plan", "--cluster", cluster).code == 0
        assert run("adopt", "--all", "--dry-run", "--cluster", cluster).code == 0


def test_others_are_not_kept_out(run: Run, cluster: str, place: Path) -> None:
    """Another site, or the same site in another cluster, can be applied meanwhile."""
    place.parent.with_name("other.yaml").write_text(SITE.replace("acme", "other"))
    assert run("local", "init", "elsewhere.db").code == 0
    with lock(place):
        assert run("apply", "--yes", "--cluster", "local:elsewhere.db").code == 0
        refused = run("apply", "other.yaml", "--yes", "--cluster", cluster)
    assert "is at work" not in refused.err


def test_waiting_for_the_first(run: Run, cluster: str, place: Path) -> None:
    """With --lock-wait the second waits, says so, and plans when its turn has come."""
    held = lock(place)
    held.__enter__()
    Timer(0.7, held.__exit__, (None, None, None)).start()
    ran = run("apply", "--yes", "--cluster", cluster, "--lock-wait", "1m")
    assert (ran.code, "2 of 2 changes made." in ran.out) == (0, True)
    assert ran.err.startswith(f"waiting up to 60 s for another apply: process {os.getpid()} on ")


def test_a_dead_owner(run: Run, cluster: str, place: Path) -> None:
    """The lock of an apply that was killed is taken over, and whose it was is told."""
    place.write_text(json.dumps({"pid": 4711, "host": "build-1", "since": 1764000000.0}))
    ran = run("apply", "--yes", "--cluster", cluster)
    assert ran.code == 0
    assert ran.err.startswith(
        "an earlier apply did not come to its end: process 4711 on build-1, since 2025-11-24T16:00:00Z"
    )


def test_a_state_directory_that_cannot_be(run: Run, cluster: str, place: Path) -> None:
    """Where no lock can be kept an apply goes on, and says what is not noticed then."""
    place.parent.rmdir()
    place.parent.write_text("a file")
    ran = run("apply", "--yes", "--cluster", cluster)
    assert ran.code == 0
    assert ran.err == (
        "two applies at once would not be noticed: "
        f"{place.parent}: cannot make this directory: File exists\n"
    )


def test_a_read_only_state_directory(run: Run, cluster: str, place: Path) -> None:
    """A home directory that cannot be written to stops nobody."""
    assert run(
        "apply", "--cluster", cluster
    ).code  # refused, and loaded is what another user may not read
    place.parent.chmod(0o555)
    if os.geteuid() == 0:
        for mine in (place.parent.parent, Path(cluster.removeprefix("local:"))):
            os.chown(mine, SOMEBODY, -1)
    with unprivileged(place.parent):
        ran = run("apply", "--yes", "--cluster", cluster)
    assert (ran.code, "cannot lock: permission denied" in ran.err) == (0, True), ran.err


def test_where_state_is_kept(
    run: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory of its own it is where the system keeps state, or in the home directory."""
    for name, value, directory in (
        ("XDG_STATE_HOME", str(tmp_path / "xdg"), tmp_path / "xdg" / "provision"),
        ("XDG_STATE_HOME", "relative", tmp_path / "home" / ".local" / "state" / "provision"),
    ):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv(name, value)
        assert run("apply", "--yes", "--cluster", cluster).code == 0
        assert directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("length", ["5", "soon", "-1m"])
def test_lengths_of_time(run: Run, length: str) -> None:
    """What is no length of time is a mistake on the command line."""
    ran = run("apply", "--lock-wait", length)
    assert (ran.code, "is not a length of time" in ran.err) == (64, True)
