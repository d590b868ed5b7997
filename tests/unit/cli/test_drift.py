"""Drift, for schedules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.change import Key
from provisioner.cluster.local import LocalCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.values import thaw
from tests.unit.cli.conftest import SITE, Run


def tamper(cluster: str) -> None:
    """Change role dev as somebody with tctl would, labels and all kept."""
    live = LocalCluster(Path(cluster.removeprefix("local:")))
    bodies = (thaw(body) for body in live.read(Scope(("role",))))
    body = next(body for body in bodies if body["metadata"]["name"] == "dev")
    body["spec"]["allow"]["logins"] = ["root"]
    (outcome,) = live.write([Write(Verb.UPDATE, Key("role", "dev"), body)])
    assert outcome.error is None


@pytest.fixture
def applied(run: Run, site: Path, cluster: str) -> str:
    """Return a cluster to which the site was applied."""
    assert run("apply", site, "--cluster", cluster, "--yes").code == 0
    return cluster


def test_no_drift(run: Run, applied: str) -> None:
    """After an apply there is no drift."""
    ran = run("drift", "--cluster", applied, "--format", "line")
    assert (ran.code, ran.out, ran.err) == (0, "acme on cluster: no drift\n", "")


def test_drift(run: Run, applied: str) -> None:
    """What somebody changed is exit code 2, in every format."""
    tamper(applied)
    shown = {
        layout: run("drift", "--cluster", applied, "--format", layout)
        for layout in ("text", "json", "markdown", "line")
    }
    assert {ran.code for ran in shown.values()} == {2}
    assert 'spec.allow.logins  - ["root"]' in shown["text"].out
    assert json.loads(shown["json"].out)["summary"]["drift"] == 1
    assert shown["markdown"].out.startswith("### `acme` on `cluster`")
    assert shown["line"].out == "acme on cluster: drift in 1 resource (role/dev)\n"
    assert run("apply", "--cluster", applied, "--yes").code == 0
    assert run("drift", "--cluster", applied).code == 0


def test_pending_is_no_drift(run: Run, site: Path, applied: str) -> None:
    """What the site wants and nobody has applied yet is counted, and is no alarm."""
    site.write_text(SITE.replace("read_*", "*"))
    ran = run("drift", "--cluster", applied, "--format", "line")
    assert (ran.code, ran.out) == (0, "acme on cluster: no drift, 1 change pending\n")
    tamper(applied)
    assert run("drift", "--cluster", applied).code == 2


def test_could_not_look(run: Run, site: Path, applied: str) -> None:
    """An error is 1 and never looks like drift or its absence."""
    site.write_text(SITE + "external_roles: [gone]\n")
    tamper(applied)
    ran = run("drift", "--cluster", applied)
    assert (ran.code, "PV201" in ran.out) == (1, True)
    assert run("drift", "--cluster", "local:nowhere.db").code == 1


def test_several_sites(run: Run, site: Path, applied: str) -> None:
    """A schedule looks after several sites at once: each is told, and the worst exit code counts."""
    other = site.with_name("other.yaml")
    other.write_text(SITE.replace("site: acme", "site: other"))
    ran = run("drift", site, other, "--cluster", applied, "--format", "line")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "acme on cluster: no drift",
        "other on cluster: no drift, 1 in conflict",
    ]
    tamper(applied)
    ran = run("drift", site, other, "--cluster", applied, "--format", "json")
    assert ran.code == 2
    assert [each["site"] for each in json.loads(ran.out)["plans"]] == ["acme", "other"]
    ran = run("drift", site, "none.yaml", "--cluster", applied, "--summary", "drift.md")
    assert (ran.code, "none.yaml" in ran.err) == (1, True)
    assert "drift in 1 resource" in Path("drift.md").read_text()
    assert "### `none.yaml` \N{MIDDLE DOT} not looked at" in Path("drift.md").read_text()
    for layout, told in (
        ("text", "none.yaml: not looked at: none.yaml: cannot read: "),
        ("line", "none.yaml: not looked at: none.yaml: cannot read: "),
        ("markdown", "### `none.yaml` \N{MIDDLE DOT} not looked at\n"),
    ):
        ran = run("drift", site, "none.yaml", "--cluster", applied, "--format", layout)
        assert (ran.code, told in ran.out) == (1, True), ran.out
    assert run("drift", "none.yaml", "--cluster", applied).out == ""
