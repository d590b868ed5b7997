"""The installed command against the stand-in for tctl, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import workflow
from provisioner.cli._base import load_templates
from provisioner.cluster.tctl import Tctl, TctlOptions
from provisioner.errors import NotApplied
from tests.conftest import ROOT
from tests.foreign import EXPRESSIBLE, OTHERWISE

FAKE = ROOT / "tests" / "fake_tctl" / "tctl"
SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
roles:
  example-role: {version: v6, app_labels: {env: dev}, tools: ['*']}
bots:
  example: {roles: [example-role]}
  ours: {roles: [example-role], traits: {team: [ml, ops]}, max_session_ttl: 8h}
"""
BOT = {"kind": "bot", "version": "v1", "metadata": {"name": "example"}, "spec": {"roles": []}}

Provision = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def provision(tmp_path: Path) -> Provision:
    """Run `provision` with a cluster of its own that holds the bot `example`."""
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "seed.json").write_text(json.dumps([BOT]))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "FAKE_TCTL_STATE": str(tmp_path / "state.json"),
        "FAKE_TCTL_SEED": str(tmp_path / "seed.json"),
        "FAKE_TCTL_LOG": str(tmp_path / "log"),
    }

    def run(*argv: str, **switches: str) -> subprocess.CompletedProcess[str]:
        extra = {f"FAKE_TCTL_{name}": value for name, value in switches.items()}
        command = [sys.executable, "-m", "provisioner", *argv, "--tctl", str(FAKE)]
        return subprocess.run(
            command,
            env={**environment, **extra},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


def calls(tmp_path: Path) -> list[list[str]]:
    lines = (tmp_path / "log").read_text().splitlines()
    return [json.loads(line)["argv"] for line in lines]


def test_the_whole_loop(provision: Provision) -> None:
    """A plan, an apply, and then nothing left to do."""
    assert provision("plan", "--detailed-exitcode").returncode == 2
    applied = provision("apply", "--yes")
    assert (applied.returncode, "3 of 3 changes made." in applied.stdout) == (0, True)
    again = provision("apply", "--yes")
    assert (again.returncode, "No changes." in again.stdout) == (0, True)


def test_a_plan_never_writes(provision: Provision, tmp_path: Path) -> None:
    """A plan succeeds on a cluster that ends any writer at once, and asks only to read."""
    assert provision("plan", READ_ONLY="1").returncode == 0
    assert {call[0] for call in calls(tmp_path)} <= {"version", "status", "get"}


def test_an_apply_would_have_written(provision: Provision) -> None:
    """The same cluster does end an apply, so the test before this one can fail."""
    assert provision("apply", "--yes", READ_ONLY="1").returncode == 1


def test_processes_do_not_grow_with_the_site(provision: Provision, tmp_path: Path) -> None:
    """A plan without changes asks as often for fifty roles as for one."""
    counts = []
    for number in (1, 50):
        roles = "".join(
            f"  r{n}: {{app_labels: {{env: dev}}, tools: [a]}}\n" for n in range(number)
        )
        (tmp_path / "site.yaml").write_text(SITE.partition("roles:")[0] + "roles:\n" + roles)
        assert provision("apply", "--yes").returncode == 0
        (tmp_path / "log").unlink()
        assert "No changes." in provision("plan").stdout
        counts.append(len(calls(tmp_path)))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"VERSION": "18.0.0", "SERVER_VERSION": "18.0.0"}, "MCP access needs Teleport 18.1"),
        ({"VERSION": "20.0.0", "SERVER_VERSION": "18.8.3"}, "more than one major apart"),
        ({"OFFLINE": "1"}, "auth server"),
        ({"EXPIRED": "1"}, "expired"),
        ({"DENY": "role:list"}, "denied"),
        ({"GARBAGE": "truncated"}, "get"),
    ],
)
def test_what_stops_before_anything_is_written(
    provision: Provision, tmp_path: Path, switches: dict[str, str], says: str
) -> None:
    """Whatever is wrong with the way to the cluster is said plainly, and nothing is written."""
    result = provision("apply", "--yes", **switches)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False)
    assert says in result.stderr
    assert not {"create", "bots"} & {word for call in calls(tmp_path) for word in call}


def test_alerts_on_stderr_are_no_failure(provision: Provision) -> None:
    """Teleport shows cluster alerts after successful commands; exit codes decide."""
    assert provision("apply", "--yes", ALERTS="1").returncode == 0


def test_a_field_that_the_cluster_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that takes a role and forgets its tools is found out by reading back."""
    (tmp_path / "site.yaml").write_text(SITE)
    monkeypatch.setenv("FAKE_TCTL_STATE", str(tmp_path / "state.json"))
    monkeypatch.setenv("FAKE_TCTL_DROP", "spec.allow.mcp")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    prepared = workflow.prepare(tmp_path / "site.yaml", load_templates(None))
    cluster = Tctl(TctlOptions(path=str(FAKE)))
    plan = workflow.make_plan(prepared, cluster, prune=False)
    with pytest.raises(NotApplied, match=r"did not keep.*spec\.allow\.mcp\.tools"):
        list(workflow.carry_out(plan, prepared, cluster, pauses=()))


def test_a_cluster_is_brought_in(provision: Provision, tmp_path: Path) -> None:
    """What people made with tctl is imported, adopted and then plans to nothing, through tctl all the way."""
    (tmp_path / "seed.json").write_text(json.dumps([*EXPRESSIBLE, *OTHERWISE]))
    (tmp_path / "site.yaml").unlink()
    imported = provision("import", "-o", "site.yaml")
    assert imported.returncode == 0, imported.stderr
    assert "Imported 3 roles, 2 MCP servers, 2 bots.\n" in imported.stderr
    assert {call[0] for call in calls(tmp_path)} <= {"get", "version", "status"}
    assert "No changes." in provision("plan").stdout
    adopted = provision("adopt", "--all", "--yes")
    assert (adopted.returncode, "7 of 7 changes made." in adopted.stdout) == (0, True), (
        adopted.stdout
    )
    planned = provision("plan", "--prune", "--detailed-exitcode")
    assert (planned.returncode, "No changes." in planned.stdout) == (0, True), planned.stdout


def test_a_secret_header(provision: Provision, tmp_path: Path) -> None:
    """tctl is given the value itself, on stdin; nobody else is, and a change of it is followed."""
    (tmp_path / "key").write_text("hunter2\n")
    (tmp_path / "site.yaml").write_text(
        SITE.partition("roles:")[0]
        + "mcp_servers:\n  web:\n    labels: {env: dev}\n    app:\n      uri: mcp+https://h/mcp\n"
        + f"      headers: [{{name: K, value: {{file: {tmp_path / 'key'}, prefix: 'Bearer '}}}}]\n"
    )
    applied = provision("apply", "--yes", "--report", "report.json")
    assert applied.returncode == 0, applied.stderr
    assert '"Bearer hunter2"' in (tmp_path / "state.json").read_text()
    planned = provision("plan", "--detailed-exitcode", "-o", "plan.json")
    assert (planned.returncode, "No changes." in planned.stdout) == (0, True)
    (tmp_path / "key").write_text("hunter3\n")
    again = provision("apply", "--yes", "--report", "again.json")
    assert '"Bearer hunter3"' in (tmp_path / "state.json").read_text()
    told = [text for ran in (applied, planned, again) for text in (ran.stdout, ran.stderr)]
    told += [(tmp_path / name).read_text() for name in ("report.json", "plan.json", "again.json")]
    told += [" ".join(words) for words in calls(tmp_path)]
    assert not any("hunter" in text for text in told)
