"""How far an apply may go, and applying a part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.applying.lifeline import RunsAs
from provisioner.cli._limits import runs_as
from provisioner.cli._reach import Reach
from tests.machines import IDENTITY
from tests.unit.cli.conftest import SITE, Run
from tests.unit.cli.test_apply import live

SERVER = "mcp_servers: {files: {labels: {env: dev}, tools: [read_a, b], app: {command: x, run_as_host_user: u}}}\n"


def test_a_share_of_what_is_ours(run: Run, site: Path, cluster: str) -> None:
    """More than half of what is ours goes only with --max-delete-share."""
    more = "".join(f"  r{n}: {{app_labels: {{a: b}}, tools: [x]}}\n" for n in range(4))
    site.write_text(SITE.replace("bots:\n", f"{more}bots:\n"))
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("  ci: {roles: [dev]}", "  {}"))
    ran = run("apply", "--cluster", cluster, "--yes", "--prune")
    assert ran.code == 3
    assert "error: limit: 5 of 6 resources that are ours would be deleted, 84 %" in ran.err
    assert "  = after a look at each of them: --max-delete-share 84\n" in ran.err
    allowed = ("apply", "--cluster", cluster, "--yes", "--prune", "--max-delete-share", "84")
    assert run(*allowed).code == 0
    assert live(run, cluster, site.parent) == ["role/dev"]


def test_widening(run: Run, site: Path, cluster: str) -> None:
    """With --max-widening, more than so many rows of access are refused; without, any number pass."""
    site.write_text(SITE + SERVER)
    ran = run("apply", "--cluster", cluster, "--yes", "--max-widening", "0")
    assert (ran.code, "limit: 1 row of access gained, allowed are 0" in ran.err) == (3, True)
    assert live(run, cluster, site.parent) == []
    assert run("apply", "--cluster", cluster, "--yes").code == 0


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "option", [("--max-widening", "-1"), ("--max-delete-share", "101"), ("--only", "dev"),
               ("--only", "node/x"), ("--only", "role/")],
)  # fmt: skip
def test_usage(option: tuple[str, str], run: Run, cluster: str) -> None:
    """Numbers are in their range, and names are KIND/NAME: what was typed is quoted as it is."""
    ran = run("apply", "--cluster", cluster, *option)
    assert ran.code == 64
    assert option[0] != "--only" or f"'{option[1]}': expected KIND/NAME" in ran.err


@pytest.mark.usefixtures("site")
def test_limits_have_no_environment(
    run: Run, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an apply may do, and which part of it, must be typed."""
    for name in ("ONLY", "MAX_DELETE_SHARE", "MAX_WIDENING", "PLAN", "MAX_AGE"):
        monkeypatch.setenv(f"PROVISION_{name}", "role/dev")
        monkeypatch.setenv(f"PROVISION_APPLY_{name}", "role/dev")
    ran = run("apply", "--cluster", cluster, "--yes")
    assert (ran.code, "2 of 2 changes made" in ran.out) == (0, True)


# --- a part ----------------------------------------------------------------------------------


def test_a_part(run: Run, site: Path, cluster: str) -> None:
    """With --only the named part is planned and applied, and the plan says so."""
    site.write_text(SITE + "  other: {}\n")
    planned = run("plan", "--cluster", cluster, "--only", "bot/other")
    assert planned.out.startswith("Plan for site.yaml -> cluster (Teleport 18.8.3, ")
    assert ", only bot/other\n" in planned.out
    command = planned.out.splitlines()[-1]
    assert " --only bot/other " in command
    ran = run("apply", "--yes", *command.split()[5:])
    assert (ran.code, ran.out.endswith("\n1 of 1 change made.\n")) == (0, True)
    assert live(run, cluster, site.parent) == ["bot/other"]


@pytest.mark.usefixtures("site")
def test_what_a_part_needs(run: Run, cluster: str) -> None:
    """A bot brings its new role along, and it is said why."""
    planned = run("plan", "--cluster", cluster, "--only", "bot/ci", "--format", "json")
    document = json.loads(planned.out)
    assert document["only"] == ["bot/ci"]
    assert [(c["id"], c["reason"]) for c in document["changes"]] == [
        ("role/dev", "needed by bot/ci"),
        ("bot/ci", ""),
    ]


def test_a_part_beside_servers_to_come(run: Run, site: Path, cluster: str) -> None:
    """A server that the rest of the site will create, or change, is no error in a part of it."""
    servers = (
        "mcp_servers:\n  files: {labels: {env: dev}, app: {uri: 'mcp+https://files.internal'}}\n"
    )
    site.write_text(SITE + servers)
    ran = run("apply", "--cluster", cluster, "--only", "role/dev", "--yes")
    assert (ran.code, ran.out.endswith("\n1 of 1 change made.\n")) == (0, True)
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("read_*", "*") + servers.replace("dev", "test"))
    assert run("plan", "--cluster", cluster, "--only", "role/dev").code == 0


def test_a_part_beside_servers_of_nobody(run: Run, site: Path, cluster: str) -> None:
    """A server that nobody registers is an error in every part."""
    site.write_text(SITE + "mcp_servers:\n  files: {labels: {env: dev}}\n")
    ran = run("plan", "--cluster", cluster, "--only", "role/dev")
    assert (ran.code, "PV202: no agent serves" in ran.out) == (1, True)


@pytest.mark.usefixtures("site")
def test_an_approved_part(run: Run, cluster: str) -> None:
    """A saved plan of a part approves that part; no other part can be added to it."""
    run("plan", "--cluster", cluster, "--only", "role/dev", "-o", "plan.json")
    approved = ("apply", "--cluster", cluster, "--yes", "--plan", "plan.json")
    assert run(*approved, "--only", "bot/ci").code == 64
    ran = run(*approved)
    assert (ran.code, ran.out.endswith("\n1 of 1 change made.\n")) == (0, True)
    title = run(*approved).out.splitlines()[0]
    assert title.endswith(", only role/dev")


@pytest.mark.usefixtures("site")
def test_no_such_part(run: Run, cluster: str) -> None:
    """A mistyped name is an error with the nearest one, and no empty plan."""
    ran = run("plan", "--cluster", cluster, "--only", "role/devv")
    assert (ran.code, ran.out) == (1, "")
    assert "--only role/devv: there is nothing of this name" in ran.err
    assert "  = did you mean role/dev?" in ran.err


# --- who runs this ---------------------------------------------------------------------------


def test_who_must_not_be_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity file that tctl uses says whose it is, and which roles it was issued for."""
    path = tmp_path / "identity"
    path.write_text(IDENTITY)
    me = RunsAs("bot-example", frozenset({"example-role"}))
    assert runs_as(Reach("tctl", "tctl", None, str(path))) == me
    monkeypatch.setenv("TELEPORT_IDENTITY_FILE", str(path))
    assert runs_as(Reach("tctl", "tctl", None, None)) == me


@pytest.mark.parametrize(
    ("cluster", "text"), [("tctl", "nonsense"), ("tctl", None), ("local:x", IDENTITY)]
)
def test_nobody_known(cluster: str, text: str | None, tmp_path: Path) -> None:
    """Where no identity file is used, or none can be read, nothing is known and nothing refused."""
    path = tmp_path / "identity"
    if text is not None:
        path.write_text(text)
    assert runs_as(Reach(cluster, "tctl", None, str(path))) is None
