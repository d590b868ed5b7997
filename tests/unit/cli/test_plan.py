from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import SITE, Run


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_text(run: Run, site: Path, cluster: str) -> None:
    """The plan is told on stdout; having something to do is no failure."""
    ran = run("plan", "--cluster", cluster)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Plan for site.yaml -> cluster (Teleport 18.8.3, local:")
    assert "\n+ role/dev  " in ran.out
    assert "\nPlan: 2 to create, 0 unchanged.\n" in ran.out
    assert site.read_text() == SITE


def test_a_plan_changes_nothing(run: Run, site: Path, cluster: str) -> None:
    """Whatever a plan says, the cluster's file stays as it is, byte for byte."""
    before = fingerprint(site.with_name("cluster.db"))
    for options in ((), ("--prune",), ("--format", "json")):
        assert run("plan", "--cluster", cluster, *options).code == 0
    assert fingerprint(site.with_name("cluster.db")) == before


def test_json(run: Run, site: Path, cluster: str) -> None:
    """JSON goes to stdout alone, and to a file with -o, which says the same."""
    ran = run("plan", "--cluster", cluster, "--format", "json", "-o", "plan.json")
    document = json.loads(ran.out)
    assert [change["id"] for change in document["changes"]] == ["role/dev", "bot/ci"]
    assert json.loads(site.with_name("plan.json").read_text()) == document


def test_the_file_and_the_text(run: Run, site: Path, cluster: str) -> None:
    """With -o the text is shown as ever, and the file has the same digest."""
    ran = run("plan", "--cluster", cluster, "-o", "plan.json")
    digest = json.loads(site.with_name("plan.json").read_text())["digest"]
    assert f"Digest: {digest}\n" in ran.out


def test_detailed_exit_code(run: Run, site: Path, cluster: str) -> None:
    """With --detailed-exitcode changes are 2, and nothing to do is 0; notes are no changes."""
    assert run("plan", "--cluster", cluster, "--detailed-exitcode").code == 2
    assert run("apply", "--cluster", cluster, "--yes").code == 0
    assert run("plan", "--cluster", cluster, "--detailed-exitcode").code == 0
    site.write_text(SITE.replace("  ci: {roles: [dev]}", "  {}"))
    noted = run("plan", "--cluster", cluster, "--detailed-exitcode")
    assert noted.code == 0
    assert "? bot/ci" in noted.out
    assert run("plan", "--cluster", cluster, "--detailed-exitcode", "--prune").code == 2


def test_errors_between_site_and_cluster(run: Run, site: Path, cluster: str) -> None:
    """What the site expects and the cluster lacks is shown with the plan, and is exit code 1."""
    site.write_text(SITE + "external_roles: [tf-audit]\n")
    ran = run("plan", "--cluster", cluster, "--detailed-exitcode")
    assert ran.code == 1
    assert "site.yaml:8:18: error PV201: external role `tf-audit` does not exist" in ran.out
    assert "Errors: nothing of this can be applied." in ran.out


def test_a_broken_site(run: Run, site: Path, cluster: str) -> None:
    """A site with errors is not planned, and no plan file is made."""
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("plan", "--cluster", cluster, "-o", "plan.json")
    assert (ran.code, ran.out) == (1, "")
    assert not site.with_name("plan.json").exists()


@pytest.mark.usefixtures("site")
def test_from_a_snapshot(run: Run, cluster: str) -> None:
    """A snapshot gives the same plan as the cluster that it was taken of."""
    run("snapshot", "--cluster", cluster, "-o", "live.json")
    live = run("plan", "--cluster", cluster, "--format", "json").out
    taken = run("plan", "--cluster", "file:live.json", "--format", "json").out
    assert json.loads(live)["digest"] == json.loads(taken)["digest"]


JOINS = SITE.replace(
    "{roles: [dev]}", "{roles: [dev], join: {method: gcp, allow: [{project_ids: [p]}]}}"
)


def test_from_a_snapshot_of_the_site(run: Run, site: Path, cluster: str) -> None:
    """A snapshot for a site has its tokens, and gives the plan of the cluster until more is needed."""
    site.write_text(JOINS)
    assert run("apply", "--cluster", cluster, "--yes").code == 0
    ran = run("snapshot", "site.yaml", "--cluster", cluster, "-o", "live.json")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "live.json: 1 role, 1 bot, 1 token of cluster cluster, for site acme alone; "
        "12 others cut or left out\n"
    )
    planned = run("plan", "--cluster", "file:live.json")
    assert (planned.code, "No changes." in planned.out) == (0, True)
    assert "(Teleport 18.8.3, file:live.json, recorded 20" in planned.out
    site.write_text(JOINS + "external_roles: [editor]\n")
    ran = run("plan", "--cluster", "file:live.json")
    assert (ran.code, ran.out) == (1, "")
    assert "recorded without role/editor, which is needed now" in ran.err
    assert run("snapshot", "-o", "x.json", "--prune", "--cluster", cluster).code == 64


def test_a_snapshot_that_is_too_old(run: Run, site: Path, cluster: str) -> None:
    """An old snapshot is refused as stale where an age is given; a live cluster has none."""
    assert run("snapshot", site, "--cluster", cluster, "-o", "live.json").code == 0
    path = site.with_name("live.json")
    assert run("plan", "--cluster", "file:live.json", "--max-age", "1h").code == 0
    path.write_text(re.sub(r'"taken": "\d+', '"taken": "2025', path.read_text()))
    ran = run("plan", "--cluster", "file:live.json", "--max-age", "7d")
    assert (ran.code, ran.out) == (4, "")
    assert "file:live.json: recorded 2025-" in ran.err
    assert run("plan", "--cluster", "file:live.json").code == 0
    assert run("plan", "--cluster", cluster, "--max-age", "1s").code == 0
    assert run("plan", "--cluster", cluster, "--max-age", "soon").code == 64


def test_the_last_line_can_be_typed(run: Run, site: Path, cluster: str) -> None:
    """The command that a plan ends with applies exactly this plan."""
    own = site.parent / "own" / "teleport"
    own.mkdir(parents=True)
    shipped = Path(__file__).parents[3] / "templates" / "teleport" / "bot.yaml.j2"
    text = shipped.read_text().replace("kind: bot", "kind: bot # own")
    (own / "bot.yaml.j2").write_text(text.replace("version: v1", "version: v1 # x"))
    ran = run("plan", "--cluster", cluster, "--templates", "own", "--prune")
    command = ran.out.splitlines()[-1].removeprefix("Apply exactly this: provision ").split()
    assert {"--templates", "--cluster", "--prune", "--expect"} <= set(command)
    assert run(*command, "--yes").code == 0


@pytest.mark.parametrize(
    ("cluster", "code", "said"),
    [
        ("nonsense", 64, "'--cluster': 'nonsense': expected tctl, local:PATH or file:PATH"),
        ("local:", 64, "'--cluster': 'local:'"),
        ("local:none.db", 1, "none.db: no embedded cluster here"),
        ("local:site.yaml", 1, "site.yaml: not an embedded cluster"),
        ("file:none.json", 1, "none.json: cannot read"),
        ("file:site.yaml", 1, "site.yaml:1:1"),
    ],
)
@pytest.mark.usefixtures("site")
def test_no_such_cluster(cluster: str, code: int, said: str, run: Run) -> None:
    """A cluster that is not there, or is none, is named with what was expected."""
    ran = run("plan", "--cluster", cluster)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_no_such_cluster_is_said_before_any_work(run: Run) -> None:
    """Nobody waits for a large site to be rendered to hear of a misspelt option."""
    ran = run("plan", "no-such-site.yaml", "--cluster", "snapshot:live.json")
    assert ran.code == 64
    assert "no-such-site.yaml" not in ran.err


@pytest.mark.usefixtures("site")
def test_no_tctl(run: Run) -> None:
    """Without tctl the cure is said."""
    ran = run("plan", "--tctl", "/nonexistent/tctl")
    assert (ran.code, ran.out) == (1, "")
    assert "/nonexistent/tctl" in ran.err


@pytest.mark.usefixtures("site")
def test_a_plan_file_that_cannot_be_written(run: Run, cluster: str) -> None:
    """A place that does not exist is an error of the file."""
    ran = run("plan", "--cluster", cluster, "-o", "none/plan.json")
    assert (ran.code, ran.out) == (1, "")
    assert "none/plan.json: cannot write" in ran.err


@pytest.mark.usefixtures("site")
def test_the_environment_names_the_cluster(
    run: Run, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROVISION_CLUSTER is the cluster where none is given."""
    monkeypatch.setenv("PROVISION_CLUSTER", cluster)
    assert "-> cluster (Teleport" in run("plan").out


def test_a_record_of_the_future(run: Run, cluster: str, site: Path) -> None:
    """Where it matters how old a record is, one that is still to come is refused."""
    assert run("snapshot", "-o", "live.json", "--cluster", cluster).code == 0
    taken = site.with_name("live.json")
    document = json.loads(taken.read_text())
    taken.write_text(json.dumps({**document, "taken": "2999-01-01T00:00:00Z"}))
    assert run("plan", "--cluster", "file:live.json").code == 0
    ran = run("plan", "--cluster", "file:live.json", "--max-age", "1h")
    assert (ran.code, "a clock is wrong" in ran.err) == (4, True)


def test_a_broken_test_is_no_plan_to_apply(run: Run, site: Path, cluster: str) -> None:
    """Where an access test fails, the end of the plan says so, and gives no command that is refused."""
    server = "{labels: {env: x}, tools: [drop], app: {uri: 'mcp+https://h/mcp'}}"
    claims = "tests: {t: {bot: ci, server: files, allow: [drop]}}"
    site.write_text(f"{SITE}mcp_servers: {{files: {server}}}\n{claims}\n")
    ran = run("plan", "--cluster", cluster)
    assert "Access tests: nothing of this can be applied." in ran.out
    assert "Apply exactly this" not in ran.out
