"""Plans in files: made, reviewed, applied."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from provisioner.planning import plan_format
from tests.unit.cli.conftest import SITE, Run
from tests.unit.cli.test_apply import BAD, live


@pytest.fixture
def approved(run: Run, site: Path, cluster: str) -> Path:
    """Return the file of a plan for the site and an empty cluster."""
    assert run("plan", "--cluster", cluster, "-o", "plan.json").code == 0
    return site.with_name("plan.json")


def edit(path: Path, **says: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **says}))


APPLY = ("apply", "--yes", "--plan", "plan.json", "--cluster")


@pytest.mark.usefixtures("approved")
def test_applied(run: Run, site: Path, cluster: str) -> None:
    """The reviewed plan is applied, and once more with the same approval there is nothing to do."""
    assert run(*APPLY, cluster).code == 0
    assert live(run, cluster, site.parent) == ["role/dev", "bot/ci"]
    again = run(*APPLY, cluster)
    assert (again.code, "No changes." in again.out) == (0, True)
    assert again.err == "plan.json: 2 of 2 approved changes are made\n"


@pytest.mark.usefixtures("approved")
def test_a_review_is_no_yes(run: Run, site: Path, cluster: str) -> None:
    """Where nobody can be asked, an approved plan needs --yes as any other."""
    assert run("apply", "--plan", "plan.json", "--cluster", cluster).code == 3
    assert live(run, cluster, site.parent) == []


@pytest.mark.usefixtures("approved")
def test_the_site_moved(run: Run, site: Path, cluster: str) -> None:
    """A site that says something else now is refused before the cluster is asked anything."""
    site.write_text(SITE.replace("read_*", "*"))
    ran = run(*APPLY, "local:no-such-cluster")
    assert (ran.code, ran.out) == (4, "")
    assert "error: the site, or a file that it includes moved: sha256 was " in ran.err
    assert live(run, cluster, site.parent) == []


@pytest.mark.usefixtures("approved")
def test_comments_do_not_count(run: Run, site: Path, cluster: str) -> None:
    """A site that says the same in other words is the approved one."""
    site.write_text("# reviewed\n" + SITE.replace("'read_*'", '"read_*"'))
    assert run(*APPLY, cluster).code == 0


@pytest.mark.usefixtures("approved")
def test_the_templates_moved(run: Run, cluster: str, tmp_path: Path) -> None:
    """Other templates are another plan, even where they render the same."""
    mine = tmp_path / "mine" / "teleport"
    mine.mkdir(parents=True)
    (mine / "more.yaml.j2").write_text("a: 1\n")
    ran = run(*APPLY, cluster, "--templates", "mine")
    assert (ran.code, "the templates moved" in ran.err) == (4, True)


@pytest.mark.usefixtures("approved")
def test_the_cluster_moved(run: Run, site: Path, cluster: str) -> None:
    """What somebody did to the cluster meanwhile is told, and nothing is written."""
    other = site.with_name("other.yaml")
    other.write_text(SITE.replace("acme", "other"))
    assert run("apply", other, "--yes", "--cluster", cluster).code == 0
    ran = run(*APPLY, cluster)
    assert ran.code == 4
    assert "error: role/dev: approved was to create it, now: it belongs to site other" in ran.err


def test_a_part_can_be_done_again(run: Run, site: Path, cluster: str) -> None:
    """An apply that failed half-way is run again with the same approval, and does what is left."""
    site.write_text(SITE.replace("bots:\n", f"{BAD}bots:\n  needy: {{roles: [bad, dev]}}\n"))
    run("plan", "--cluster", cluster, "-o", "plan.json")
    assert run(*APPLY, cluster).code == 1
    again = run(*APPLY, cluster)
    assert again.code == 1
    assert again.err.startswith("plan.json: 2 of 4 approved changes are made\n")


def test_age(run: Run, cluster: str, approved: Path) -> None:
    """A plan older than --max-age is refused; a day by default."""
    old = datetime.now(UTC) - timedelta(hours=25)
    edit(approved, created_at=old.isoformat())
    ran = run(*APPLY, cluster)
    assert (ran.code, "old, allowed are 24 h 0 min (--max-age)" in ran.err) == (4, True)
    assert run(*APPLY, cluster, "--max-age", "2d").code == 0


@pytest.mark.parametrize("age", ["soon", "0", "never", "-1h"])
def test_no_age(age: str, run: Run, cluster: str) -> None:
    """A length of time is one that something can be older than."""
    assert run(*APPLY, cluster, "--max-age", age).code == 64


def test_an_age_of_nothing(run: Run, site: Path, cluster: str) -> None:
    """How old a plan may be is no question where none is given."""
    ran = run("apply", site, "--yes", "--max-age", "1h", "--cluster", cluster)
    assert (ran.code, "--max-age is about the plan of --plan FILE" in ran.err) == (64, True)


def test_both_plan_and_digest(run: Run, cluster: str, approved: Path) -> None:
    """With --expect, the file has to hold the plan of that digest."""
    ran = run(*APPLY, cluster, "--expect", "a-b-c")
    assert (ran.code, "plan.json: the plan in it has the digest" in ran.err) == (4, True)
    digest = json.loads(approved.read_text())["digest"]
    assert run(*APPLY, cluster, "--expect", digest).code == 0
    assert run(*APPLY, cluster, "--expect", digest).code == 0


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"format_version": "2.0"}']
)
def test_no_plan(data: bytes, run: Run, cluster: str, approved: Path) -> None:
    """A file that is no plan is an error that names it."""
    approved.write_bytes(data)
    ran = run(*APPLY, cluster)
    assert (ran.code, ran.out) == (1, "")
    assert "error: plan.json" in ran.err
    assert "Traceback" not in ran.err


def test_no_file(run: Run, cluster: str) -> None:
    """A plan file that is not there is an error of the file."""
    ran = run(*APPLY, cluster)
    assert (ran.code, "plan.json: cannot read: there is no such file" in ran.err) == (1, True)


@pytest.mark.usefixtures("cluster")
def test_where_the_site_is(run: Run, site: Path) -> None:
    """Without SITE the plan's own is meant; another one that is typed has to be the same."""
    where = f"local:{site.with_name('cluster.db')}"
    moved = site.rename(site.with_name("moved.yaml"))
    run("plan", moved, "--cluster", where, "-o", "plan.json")
    site.write_text(SITE.replace("acme", "other"))
    ran = run("apply", site, "--yes", "--plan", "plan.json", "--cluster", where)
    assert (ran.code, "the plan is for site acme, this is other" in ran.err) == (4, True)
    assert run(*APPLY, where).code == 0


def test_the_mode_is_the_plans(run: Run, site: Path, cluster: str) -> None:
    """A plan made with --prune prunes; --prune cannot be added to one made without."""
    run("apply", "--cluster", cluster, "--yes")
    site.write_text(SITE.replace("  ci: {roles: [dev]}", "  {}"))
    run("plan", "--cluster", cluster, "-o", "plan.json")
    assert run(*APPLY, cluster, "--prune").code == 64
    run("plan", "--cluster", cluster, "--prune", "-o", "plan.json")
    assert run(*APPLY, cluster).code == 0
    assert live(run, cluster, site.parent) == ["role/dev"]


def test_the_schema(run: Run, approved: Path) -> None:
    """`schema --plan` prints what a plan file is, and a plan file is that."""
    ran = run("schema", "--plan")
    assert ran.code == 0
    assert json.loads(ran.out) == plan_format.schema()
    jsonschema.validate(json.loads(approved.read_text()), json.loads(ran.out))


@pytest.mark.parametrize("words", [("apply",), ("adopt", "role/dev")])
def test_what_is_no_digest(words: tuple[str, ...], run: Run) -> None:
    """A digest that was cut, or is none, is refused before any work, not called stale after all of it."""
    ran = run(*words, "--expect", "3f2a", "--cluster", "local:none.db")
    assert ran.code == 64
    assert "'3f2a' is no digest: the end of a plan says its own" in ran.err
