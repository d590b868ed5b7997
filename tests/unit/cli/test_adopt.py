"""Taking over what lives in a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provisioner.cluster.local import LocalCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.values import thaw
from tests.bodies import bot, role
from tests.clusters import key
from tests.unit.cli.conftest import SITE, Run


def give(cluster: str, *bodies: dict[str, Any]) -> None:
    """Write documents to a cluster as somebody with tctl would."""
    live = LocalCluster(Path(cluster.removeprefix("local:")))
    for body in bodies:
        name = key(f"{body['kind']}/{body['metadata']['name']}")
        (outcome,) = live.write([Write(Verb.CREATE, name, body)])
        assert outcome.error is None


def labels(cluster: str, name: str) -> dict[str, str]:
    live = LocalCluster(Path(cluster.removeprefix("local:")))
    found = {
        f"{body['kind']}/{body['metadata']['name']}": body
        for body in live.read(Scope(("role", "bot")))
    }
    return dict(thaw(found[name])["metadata"].get("labels", {}))


@pytest.fixture
def foreign(site: Path, cluster: str) -> str:
    """Return a cluster with the role and the bot of the site, a little different and nobody's."""
    assert site.exists()
    give(
        cluster, role(labels={}, allow={"logins": ["root"]}), bot("ci", ["dev"], labels={"a": "b"})
    )
    return cluster


def test_adopted(run: Run, foreign: str) -> None:
    """A named role is marked, told, and read back; then what differs is an update."""
    ran = run("adopt", "role/dev", "--cluster", foreign, "--yes")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Plan for site.yaml -> cluster (Teleport 18.8.3, ")
    assert ", adopting\n\n@ role/dev " in ran.out
    assert "    stays as it is; the next plan changes spec.allow.logins\n" in ran.out
    assert ran.out.endswith("\n@ role/dev  adopted\n\n1 of 1 change made.\n")
    assert labels(foreign, "role/dev").keys() == {"provisioner/site", "provisioner/applied"}
    planned = run("plan", "--cluster", foreign, "--only", "role/dev")
    assert "~ role/dev" in planned.out
    assert run("drift", "--cluster", foreign).code == 0
    assert "No changes." in run("adopt", "role/dev", "--cluster", foreign).out


def test_all(run: Run, foreign: str) -> None:
    """With --all, bots too; their roles, traits and labels stay."""
    ran = run("adopt", "--all", "--cluster", foreign, "--yes")
    assert (ran.code, "2 of 2 changes made" in ran.out) == (0, True)
    assert labels(foreign, "bot/ci").items() >= {("a", "b"), ("provisioner/site", "acme")}
    assert run("apply", "--cluster", foreign, "--yes").code == 0
    assert run("plan", "--cluster", foreign, "--detailed-exitcode").code == 0


def test_the_command_of_the_plan(run: Run, foreign: str) -> None:
    """The plan ends with the command that adopts exactly this; another plan is exit code 4."""
    shown = run("adopt", "bot/ci", "role/dev", "site.yaml", "--cluster", foreign, "--dry-run")
    assert shown.code == 0
    command = next(line for line in shown.out.splitlines() if "provision adopt" in line)
    words = command.split("provision ")[1].split()
    assert words[:4] == ["adopt", "bot/ci", "role/dev", "site.yaml"]
    assert labels(foreign, "role/dev") == {}
    assert run(*[word.replace("bot/ci", "role/dev") for word in words], "--yes").code == 4
    assert run(*words, "--yes").code == 0


def test_from_another_site(run: Run, site: Path, cluster: str) -> None:
    """What another site owns is refused, and with --from-site goes over to this one."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("acme", "new"))
    ran = run("adopt", "role/dev", "--cluster", cluster, "--yes")
    assert (ran.code, "conflict: role/dev: it belongs to site acme" in ran.err) == (3, True)
    ran = run("adopt", "--from-site", "acme", "--cluster", cluster, "--yes")
    assert (ran.code, "2 of 2 changes made" in ran.out) == (0, True)
    assert "- acme" not in ran.out
    assert labels(cluster, "bot/ci")["provisioner/site"] == "new"
    assert run("plan", "--cluster", cluster, "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("site")
def test_protected(run: Run, cluster: str) -> None:
    """What another site protects is not taken over."""
    theirs = {"provisioner/site": "old", "provisioner/protected": "true"}
    give(cluster, role(labels=theirs))
    ran = run("adopt", "role/dev", "--from-site", "old", "--cluster", cluster, "--yes")
    assert (ran.code, "protected: role/dev would be adopted" in ran.err) == (3, True)


def test_nobody_to_ask(run: Run, foreign: str) -> None:
    """Without a terminal and --yes, the plan is shown and nothing is written."""
    ran = run("adopt", "role/dev", "--cluster", foreign)
    assert (ran.code, "nobody can be asked here" in ran.err) == (3, True)
    assert labels(foreign, "role/dev") == {}


def test_json(run: Run, foreign: str, tmp_path: Path) -> None:
    """The plan of an adoption is data too, and is no approval for an apply."""
    shown = run("adopt", "role/dev", "--cluster", foreign, "--dry-run", "--format", "json")
    document = json.loads(shown.out)
    assert (document["mode"], document["summary"]["adopt"]) == ("adopt", 1)
    assert document["changes"][0]["action"] == "adopt"
    (tmp_path / "plan.json").write_text(shown.out)
    ran = run("apply", "--cluster", foreign, "--yes", "--plan", "plan.json")
    assert (ran.code, "a plan to adopt: use `provision adopt`" in ran.err) == (1, True)


def test_a_report(run: Run, foreign: str, tmp_path: Path) -> None:
    """An adoption is reported as an apply is, with the body as it was."""
    assert run("adopt", "role/dev", "--cluster", foreign, "--yes", "--report", "r.json").code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    (change,) = report["changes"]
    assert (report["mode"], change["action"], change["outcome"]) == ("adopt", "adopt", "done")
    assert "provisioner/site" not in json.dumps(change["before"])


@pytest.mark.parametrize(
    "words",
    [
        (), ("site.yaml",), ("role/dev", "--all"), ("role/dev", "a.yaml", "b.yaml"),
        ("site.yaml", "role/dev"), ("role/dev", "--format", "json"), ("roles/dev", "role/dev"),
    ],
)  # fmt: skip
def test_usage(words: tuple[str, ...], run: Run, foreign: str) -> None:
    """Names come first, SITE last; one way to say what is meant."""
    assert run("adopt", *words, "--cluster", foreign).code == 64


def test_what_is_not_there(run: Run, foreign: str) -> None:
    """A name that nothing live has is exit code 1."""
    ran = run("adopt", "role/gone", "--cluster", foreign, "--yes")
    assert (ran.code, "role/gone cannot be adopted: it is not in the cluster" in ran.err) == (
        1,
        True,
    )


def test_a_snapshot(run: Run, foreign: str) -> None:
    """An adoption can be looked at with a snapshot, and not made."""
    run("snapshot", "--cluster", foreign, "-o", "live.json")
    assert run("adopt", "--all", "--cluster", "file:live.json", "--dry-run").code == 0
    assert run("adopt", "--all", "--cluster", "file:live.json", "--yes").code == 64
