from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from provisioner.cluster import local
from provisioner.errors import Unreachable
from tests.bodies import role
from tests.clusters import FaultyCluster
from tests.unit.cli.conftest import SITE, Run

FULL = ["snapshot", "-o", "live.json", "--cluster"]


def live(run: Run, cluster: str, directory: Path) -> list[str]:
    """Return what of ours, or of others, is in the cluster, presets left out."""
    run(*FULL, cluster)
    documents = json.loads((directory / "live.json").read_text())["documents"]
    bodies = [body for kind in ("role", "bot") for body in documents[kind]]
    preset = "teleport.internal/resource-type"
    return [
        f"{body['kind']}/{body['metadata']['name']}"
        for body in bodies
        if preset not in body["metadata"].get("labels", {})
    ]


def faulty(monkeypatch: pytest.MonkeyPatch, **how: Any) -> FaultyCluster:
    """Put a cluster that goes wrong where commands open an embedded one."""
    cluster = FaultyCluster(**how)
    monkeypatch.setattr(local, "LocalCluster", lambda _path, **_acting: cluster)
    return cluster


def test_applied(run: Run, site: Path, cluster: str) -> None:
    """Plan, outcome of each change and count are told; then there is nothing left to do."""
    ran = run("apply", "--cluster", cluster, "--yes")
    assert ran.code == 0
    assert ran.out.startswith("Plan for site.yaml -> cluster")
    assert ran.out.endswith(
        "\n+ role/dev  created\n+ bot/ci  created\n"
        "Bots get a change of roles when tbot next renews (every 20 minutes by default).\n"
        "\n2 of 2 changes made.\n"
    )
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]


@pytest.mark.usefixtures("site")
def test_nothing_to_do_needs_no_yes(run: Run, cluster: str) -> None:
    """A second apply has nothing to do, so there is nothing to be asked."""
    run("apply", "--cluster", cluster, "--yes")
    ran = run("apply", "--cluster", cluster)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\nNo changes.\n\n")


def test_nobody_to_ask(run: Run, site: Path, cluster: str) -> None:
    """Without a terminal and without --yes nothing is written, neither to the cluster nor with -o."""
    ran = run("apply", "--cluster", cluster, "-o", "out", stdin="yes\n")
    assert ran.code == 3
    assert ran.err.startswith("error: nobody can be asked here: stdin is not a terminal\n  = ")
    assert live(run, cluster, site.parent) == []
    assert not (site.parent / "out").exists()


def test_files_are_written_too(run: Run, site: Path, cluster: str) -> None:
    """With -o the directory holds what `render` writes, also when the cluster needs nothing."""
    for _ in range(2):
        assert run("apply", "--cluster", cluster, "--yes", "-o", "out").code == 0
        assert run("render", "-o", "out", "--check").code == 0
        (site.parent / "out" / "roles" / "dev.yaml").unlink()


# --- the plan that was approved --------------------------------------------------------------


def digest(run: Run, cluster: str, *options: str) -> str:
    planned = run("plan", "--cluster", cluster, "--format", "json", *options)
    return str(json.loads(planned.out)["digest"])


@pytest.mark.usefixtures("site")
def test_the_expected_plan(run: Run, cluster: str) -> None:
    """The plan whose digest was approved is applied."""
    approved = digest(run, cluster)
    assert run("apply", "--cluster", cluster, "--yes", "--expect", approved).code == 0


def test_another_plan(run: Run, site: Path, cluster: str) -> None:
    """When the site moved after the approval, nothing is written and it is said who moved."""
    approved = digest(run, cluster)
    site.write_text(SITE.replace("read_*", "*"))
    ran = run("apply", "--cluster", cluster, "--yes", "--expect", approved)
    assert ran.code == 4
    assert "the site or its templates moved" in ran.err
    assert live(run, cluster, site.parent) == []


@pytest.mark.usefixtures("site")
def test_a_plan_that_was_applied_already(run: Run, cluster: str) -> None:
    """An approval is used up: the same digest does not hold for the cluster as it is now."""
    approved = digest(run, cluster)
    run("apply", "--cluster", cluster, "--yes")
    ran = run("apply", "--cluster", cluster, "--yes", "--expect", approved)
    assert (ran.code, "the cluster moved" in ran.err) == (4, True)


@pytest.mark.usefixtures("site")
def test_pruning_is_another_plan(run: Run, cluster: str) -> None:
    """An approval of a plan that prunes nothing is none for one with --prune."""
    approved = digest(run, cluster)
    ran = run("apply", "--cluster", cluster, "--yes", "--prune", "--expect", approved)
    assert ran.code == 4


# --- limits ----------------------------------------------------------------------------------


def test_only_prune_deletes(run: Run, site: Path, cluster: str) -> None:
    """What left the site stays in the cluster until --prune."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("  ci: {roles: [dev]}", "  {}"))
    kept = run("apply", "--cluster", cluster, "--yes")
    assert (kept.code, "? bot/ci" in kept.out) == (0, True)
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]
    gone = run("apply", "--cluster", cluster, "--yes", "--prune")
    assert (gone.code, "- bot/ci  deleted" in gone.out) == (0, True)
    assert live(run, cluster, site.parent) == ["role/dev"]


def test_too_many_deletions(run: Run, site: Path, cluster: str) -> None:
    """More deletions than allowed are refused as a whole, and the cure names the number."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text("version: 1\nsite: acme\nteleport: {proxy: a:443}\nroles: {}\nbots: {}\n")
    options = ("apply", "--cluster", cluster, "--yes", "--prune", "--max-deletes")
    ran = run(*options, "1")
    assert ran.code == 3
    assert ran.err == (
        "error: limit: 2 deletions and revoked grants, allowed are 1\n"
        "  = after a look at each of them: --max-deletes 2\n"
    )
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]
    assert run(*options, "2").code == 0
    assert live(run, cluster, site.parent) == []


def test_conflicts(run: Run, site: Path, cluster: str) -> None:
    """What belongs to another site is not touched, and nothing else is done either."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("acme", "other").replace("read_*", "*") + "  more: {}\n")
    assert run("plan", "--cluster", cluster).code == 3  # so that CI stops before somebody merges it
    ran = run("apply", "--cluster", cluster, "--yes")
    assert ran.code == 3
    assert "error: conflict: role/dev: it belongs to site acme" in ran.err
    assert "provision adopt role/dev --from-site acme" in ran.err
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]


def test_an_error_goes_before_a_stale_plan(run: Run, site: Path, cluster: str) -> None:
    """A missing external role is exit code 1, whatever was expected and however many conflicts."""
    site.write_text(SITE + "external_roles: [tf-audit]\n")
    ran = run("apply", "--cluster", cluster, "--yes", "--expect", "a-b-c", "--max-deletes", "0")
    assert ran.code == 1
    assert "PV201" in ran.err


@pytest.mark.usefixtures("site")
def test_usage(run: Run) -> None:
    """A snapshot cannot be applied to, and numbers of deletions are not negative."""
    ran = run("apply", "--cluster", "file:live.json", "--yes")
    assert (ran.code, "a snapshot cannot be written to" in ran.err) == (64, True)
    assert run("apply", "--max-deletes", "-1").code == 64
    assert run("apply", "a.yaml", "b.yaml").code == 64


def test_boldness_has_no_environment(
    run: Run, site: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes an apply bolder must be typed: no variable left in a shell can do it."""
    for name in ("YES", "PRUNE", "MAX_DELETES", "EXPECT"):
        monkeypatch.setenv(f"PROVISION_{name}", "1")
        monkeypatch.setenv(f"PROVISION_APPLY_{name}", "1")
    assert run("apply", "--cluster", cluster).code == 3
    assert live(run, cluster, site.parent) == []


# --- when it goes wrong ----------------------------------------------------------------------

BAD = "  bad: {app_labels: {env: dev}, tools: [x], options: {lock: sideways}}\n"


def test_a_partial_failure(run: Run, site: Path, cluster: str) -> None:
    """What the cluster refuses is told with its words, what needs it is skipped, the rest is done."""
    site.write_text(SITE.replace("bots:\n", f"{BAD}bots:\n  needy: {{roles: [bad, dev]}}\n"))
    ran = run("apply", "--cluster", cluster, "--yes")
    assert ran.code == 1
    assert "x role/bad  not created: " in ran.out
    assert ". bot/needy  skipped: role/bad was not done\n" in ran.out
    assert ran.out.endswith("\n\n2 of 4 changes made, 1 failed, 1 skipped.\n")
    assert ran.err.startswith("error: not everything was applied\n  = mend what failed")
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]

    site.write_text(site.read_text().replace("sideways", "strict"))
    again = run("apply", "--cluster", cluster, "--yes")
    assert (again.code, again.out.endswith("\n2 of 2 changes made.\n")) == (0, True)
    assert run("plan", "--cluster", cluster, "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("site")
def test_an_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """^C in the middle of a write: exit code 130, and what was done, begun and not done is said."""
    live = faulty(monkeypatch, faults={"bot/ci": KeyboardInterrupt()})
    ran = run("apply", "--cluster", "local:x", "--yes")
    assert ran.code == 130
    assert ran.out.endswith(
        "\n+ role/dev  created\n. bot/ci  unknown: begun, and no answer\n\n1 of 2 changes made.\n"
    )
    assert ran.err.endswith("Interrupted.\n")
    assert live.keys == ["role/dev", "bot/ci"]


@pytest.mark.usefixtures("site")
def test_a_cluster_that_goes_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the connection is lost, the same is said, and the error is the cluster's."""
    faulty(monkeypatch)
    monkeypatch.setattr(FaultyCluster, "write", _unreachable)
    ran = run("apply", "--cluster", "local:x", "--yes")
    assert ran.code == 1
    assert ". role/dev  unknown: begun, and no answer\n. bot/ci  not done\n" in ran.out
    assert ran.err == "error: connection lost\n"


def _unreachable(_cluster: FaultyCluster, _batch: object) -> Any:
    raise Unreachable("connection lost")


@pytest.mark.usefixtures("site")
def test_a_cluster_that_keeps_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An apply that the read-back does not confirm has failed."""
    faulty(monkeypatch, lost=["role/dev"])
    ran = run("apply", "--cluster", "local:x", "--yes")
    assert ran.code == 1
    assert "did not keep: role/dev" in ran.err


def test_a_site_that_cannot_be_used(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes as a site are problems with exit code 1, and the cluster is not asked anything."""
    live = faulty(monkeypatch, documents=[role()])
    for data in (b"", b"\xff\0", b"roles: [", b"!!x {}"):
        site.write_bytes(data)
        ran = run("apply", "--cluster", "local:x", "--yes", "--prune", "-o", "out")
        assert (ran.code, ran.out) == (1, "")
        assert "Traceback" not in ran.err
    assert live.asked == []
    assert not (site.parent / "out").exists()


# --- in a process of its own -----------------------------------------------------------------


RUN = "from provisioner.cli import entry_point; entry_point()"
# Who starts tests in the background has ^C ignored in them, and in all that they start.
HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
ON_A_TERMINAL = f"{HEEDING}; import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {RUN}"


def conversation(terminal: int, typed: bytes) -> bytes:
    """Answer the question until nobody listens, and return all that was said.

    Between the question and the wait for an answer a key can get lost, as it can for people.
    """
    said, answered = b"", False
    with suppress(OSError):  # which says that nobody holds the other end any more
        while True:
            heard = bool(select.select([terminal], [], [], 1.0)[0])
            said += os.read(terminal, 4096) if heard else b""
            if b"Only `yes` is a yes" in said and not (answered and heard):
                os.write(terminal, typed)
                answered = True
    os.close(terminal)
    return said


@pytest.mark.parametrize(
    ("typed", "code", "done"),
    [
        ("yes\n", 0, True),
        ("y\n", 3, False),
        ("\n", 3, False),
        ("\x03", 130, False),
        ("\x04", 130, False),
    ],
)
def test_the_question(
    typed: str, code: int, done: bool, run: Run, site: Path, cluster: str
) -> None:
    """On a terminal the question is asked; only `yes` is a yes, ^C and ^D are interrupts."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, "apply", "--cluster", cluster],
        cwd=site.parent,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = conversation(ours, typed.encode())
    assert started.wait(timeout=60) == code, said.decode()
    assert (b"2 of 2 changes made" in said) is done
    assert live(run, cluster, site.parent) == (["role/dev", "bot/ci"] if done else [])


def test_a_reader_that_went_away(run: Run, site: Path, cluster: str) -> None:
    """Who stops reading the output does not stop an apply half-way."""
    reading, writing = os.pipe()
    words = [sys.executable, "-c", RUN, "apply", "--cluster", cluster, "--yes"]
    started = subprocess.Popen(words, cwd=site.parent, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.read(reading, 4)
    os.close(reading)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (0, b"")
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]
