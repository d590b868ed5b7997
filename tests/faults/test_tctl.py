"""Whatever tctl does wrong is told as what it is, nothing is written on a guess, and the next run converges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from provisioner.cli import main
from provisioner.cluster.tctl import _base
from provisioner.errors import ClusterError, Throttled
from tests.conftest import ROOT
from tests.processes import gone

FAKE = ROOT / "tests" / "fake_tctl" / "tctl"
SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
roles:
  dev: {app_labels: {env: dev}, tools: ['read_*']}
  ops: {app_labels: {env: ops}, tools: [deploy]}
mcp_servers:
  files: {labels: {env: dev}, app: {command: files, run_as_host_user: nobody}}
bots:
  ci: {roles: [dev, ops]}
  night: {roles: [ops]}
  theirs: {roles: [dev]}
"""
THEIRS = {"kind": "bot", "version": "v1", "metadata": {"name": "theirs"}, "spec": {"roles": []}}
CHANGES = ("role/dev", "role/ops", "app/files", "bot/ci", "bot/night", "bot/theirs")
EACH = [CHANGES[0], *(pytest.param(key, marks=pytest.mark.heavy) for key in CHANGES[1:])]
NEEDED = {"role/dev": {"bot/ci", "bot/theirs"}, "role/ops": {"bot/ci", "bot/night"}}
"""What cannot be done without a role."""


@dataclass(frozen=True)
class Ran:
    """What a command came to, and the outcome of each change in the report of an apply."""

    code: int
    out: str
    err: str
    outcomes: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class World:
    """A directory with a site, and the stand-in for tctl with a state of its own."""

    root: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str, **switches: str) -> Ran:
        """Run a command through a tctl that misbehaves as the switches say."""
        began = time.monotonic()
        with self.monkeypatch.context() as patch:
            for name, value in switches.items():
                patch.setenv(f"FAKE_TCTL_{name}", value)
            with CliRunner().isolation() as (out, err, _):
                code = main([*words, "--tctl", str(FAKE)])
                said = out.getvalue().decode(), err.getvalue().decode()
        assert "Traceback" not in said[1]
        return Ran(code, *said, self._outcomes(), time.monotonic() - began)

    def apply(self, **switches: str) -> Ran:
        (self.root / "report.json").unlink(missing_ok=True)
        return self.run("apply", "--yes", "--report", "report.json", **switches)

    def converges(self) -> None:
        """Hold the next apply to making the rest, and the one after it to finding nothing to do."""
        assert self.apply().code == 0
        assert "No changes." in self.run("plan").out

    def _outcomes(self) -> dict[str, str]:
        path = self.root / "report.json"
        if not path.exists():
            return {}
        changes = json.loads(path.read_text())["changes"]
        return {change["id"]: change["outcome"] for change in changes}

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call but `version`, in order."""
        lines = (self.root / "log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def wrote(self) -> bool:
        """Whether any call was made that writes."""
        return any({"create", "bots", "rm", "edit"} & set(call["argv"]) for call in self.calls)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "seed.json").write_text(json.dumps([THEIRS]))
    for name, file in (("STATE", "state.json"), ("SEED", "seed.json"), ("LOG", "log")):
        monkeypatch.setenv(f"FAKE_TCTL_{name}", str(tmp_path / file))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("provisioner.cli._reach.TCTL_PAUSES", ())
    return World(tmp_path, monkeypatch)


@pytest.mark.parametrize("key", EACH)
def test_exit_1_at_each_document(world: World, key: str) -> None:
    """One that is refused is told with its words, what needs it is skipped, all else is done."""
    name = key.partition("/")[2]
    ran = world.apply(FAIL=f"name:{name}=no such luck")
    assert ran.code == 1
    skipped = NEEDED.get(key, set())
    assert ran.outcomes == {
        each: "failed" if each == key else "skipped" if each in skipped else "done"
        for each in CHANGES
    }
    assert f"x {key}  not " in ran.out
    assert "no such luck" in ran.out
    world.converges()


@pytest.mark.parametrize("key", EACH)
def test_an_answer_that_is_lost_at_each_document(world: World, key: str) -> None:
    """What was written although the call failed is found by reading back, and counts as done."""
    ran = world.apply(FAIL=f"1x:name:{key.partition('/')[2]}=>unexpected EOF")
    assert (ran.code, set(ran.outcomes.values())) == (0, {"done"})
    world.converges()


@pytest.mark.parametrize("key", EACH)
def test_a_killed_child_at_each_document(world: World, key: str) -> None:
    """A tctl that ends without a word says how it ended; what was not done is done by the next run."""
    ran = world.apply(FAIL=f"name:{key.partition('/')[2]}=exit 137")
    assert (ran.code, ran.outcomes[key]) == (1, "failed")
    assert "exit code 137, and not a word why" in ran.out
    world.converges()


@pytest.mark.parametrize("garbage", ["truncated", "ansi"])
def test_garbage_instead_of_json(world: World, garbage: str) -> None:
    """An answer that is no list of documents stops everything before the first write."""
    ran = world.apply(GARBAGE=garbage)
    assert (ran.code, world.wrote, ran.outcomes) == (1, False, {})
    assert "the answer of `" in ran.err
    assert "\x1b" not in ran.err


def test_alerts_on_stderr(world: World) -> None:
    """A cluster alert is not a failure, whatever it speaks of."""
    assert world.apply(ALERTS="access denied, \x1b[31mrequires MFA\x1b[0m").code == 0


def test_a_rate_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are turned away are made again after a wait that is told, and all is done once."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    ran = world.apply(RATE_LIMIT="3")
    assert (ran.code, set(ran.outcomes.values())) == (0, {"done"})
    assert "the cluster limits the rate of requests; waiting" in ran.err


def test_a_rate_limit_that_does_not_end(world: World) -> None:
    """The waits double, are never the same twice, and are bounded in number."""
    slept: list[float] = []
    options = _base.TctlOptions(path=str(FAKE), patience=4)
    tool = _base.Tool(options, lambda _event: None, slept.append)
    (answer,) = tool.ask([tool.command("get", "role", "--format=json")], 1)
    assert not isinstance(answer, ClusterError)
    with world.monkeypatch.context() as patch:
        patch.setenv("FAKE_TCTL_RATE_LIMIT", "99")
        (answer,) = tool.ask([tool.command("get", "role", "--format=json")], 1)
    assert isinstance(answer, Throttled)
    assert len(slept) == 4
    assert all(0.5 * 2**n <= seconds <= 1.5 * 2**n for n, seconds in enumerate(slept))
    assert len(set(slept)) == 4


def test_expired_credentials(world: World) -> None:
    """Who has to log in again is told how, before anything is written."""
    ran = world.apply(EXPIRED="1")
    assert (ran.code, world.wrote) == (1, False)
    assert "= log in with `tsh login`, or name an identity file" in ran.err


def test_credentials_that_expire_meanwhile(world: World) -> None:
    """When the login ends in the middle of an apply, what was done stays done, and the rest is told."""
    ran = world.apply(FAIL="bots=your credentials have expired")
    assert (ran.code, ran.outcomes["role/dev"], ran.outcomes["bot/theirs"]) == (1, "done", "failed")
    assert "log in with `tsh login`" in ran.out


def test_a_prompt_for_a_second_factor(world: World) -> None:
    """A tctl that waits for a touch of a security key is ended at once, and the cure is named."""
    ran = world.apply(MFA="forever")
    assert ran.code == 1
    assert "use the identity file of a bot, which is not asked for a second factor" in ran.out
    assert "done" not in ran.outcomes.values()
    assert ran.seconds < 50  # a call alone may take 60
    assert all(gone(call["pid"]) for call in world.calls)


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        (("18.0.0", "18.0.0"), "MCP access needs Teleport 18.1"),
        (("18.0.0", "18.8.3"), "tctl"),
        (("20.0.0", "18.8.3"), "more than one major apart"),
    ],
)
def test_a_wrong_version(world: World, versions: tuple[str, str], says: str) -> None:
    """A tctl or a cluster that would lose what is written stops everything before the first write."""
    ran = world.apply(VERSION=versions[0], SERVER_VERSION=versions[1])
    assert (ran.code, world.wrote, says in ran.err) == (1, False, True)


@pytest.mark.parametrize("kind", ["role", "bot", "app", "app_server"])
def test_a_kind_that_may_not_be_listed(world: World, kind: str) -> None:
    """What cannot be looked at is not taken for empty: the call and the rights are named."""
    ran = world.apply(DENY=f"{kind}:list+read")
    assert (ran.code, world.wrote) == (1, False)
    assert f"tctl get {kind} --format=json: " in ran.err
    assert "rules allow list, read, create, update and delete" in ran.err


@pytest.mark.parametrize("kind", ["role", "bot", "app"])
def test_a_kind_that_may_not_be_written(world: World, kind: str) -> None:
    """All of the kind fails with the rights that are wanted, the other kinds are written."""
    ran = world.apply(DENY=f"{kind}:create+update")
    assert ran.code == 1
    assert {key for key, outcome in ran.outcomes.items() if outcome == "failed"} == {
        key for key in CHANGES if key.startswith(kind)
    }
    assert "rules allow list, read, create, update and delete" in ran.out


def test_a_listing_that_misses_roles(world: World) -> None:
    """A role that a bot holds and that no listing shows is asked for, and not created over."""
    world.converges()
    ran = world.run("plan", DENY="role/dev:list")
    assert (ran.code, "No changes." in ran.out) == (0, True)
    ran = world.apply(DENY="role/dev:list+read")
    assert ran.code == 1
    assert "could not look at role dev, which bot " in ran.err


def test_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tctl that hangs is ended when its time is up, with all that it started, and told so."""
    options = _base.TctlOptions(path=str(FAKE), timeout=4.0, per_document=0.0)
    monkeypatch.setattr("provisioner.cluster.tctl.TctlOptions", lambda **_: options)
    ran = world.apply(HANG="get!")
    assert (ran.code, world.wrote) == (1, False)
    assert "no answer within" in ran.err
    assert all(gone(call["pid"]) for call in world.calls)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(1, 25))
def test_killed_at_each_call(world: World, number: int) -> None:
    """Killed while any tctl runs, an apply leaves no process and no untruth, and the next one converges."""
    log = world.root / "log"
    log.touch()
    words = ["apply", "--yes", "--report", "report.json", "--tctl", str(FAKE)]
    started = subprocess.Popen(
        [sys.executable, "-m", "provisioner", *words],
        env={**os.environ, "FAKE_TCTL_DELAY": "0.2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while started.poll() is None and len(world.calls) < number:
        time.sleep(0.005)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert all(gone(call["pid"]) for call in world.calls)
    told = world._outcomes()
    live = _live(world)
    assert {key for key, outcome in told.items() if outcome == "done"} <= live
    assert not live & {key for key, outcome in told.items() if outcome == "pending"}
    world.converges()


def _live(world: World) -> set[str]:
    """Return what of the site lives already, but for the bot that was there before."""
    world.run("snapshot", "-o", "live.json")
    documents = json.loads((world.root / "live.json").read_text())
    found = {
        f"{kind}/{body['metadata']['name']}"
        for kind, bodies in documents["documents"].items()
        for body in bodies
        if kind != "bot" or body["spec"].get("roles")
    }
    return found & set(CHANGES)
