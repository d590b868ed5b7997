from __future__ import annotations

from typing import Any

from provisioner.errors import Place, Problem
from provisioner.planning.desired import Declared
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, OURS, app, desired, live

AT = Place("site.yaml", 3)


def served(env: str) -> dict[str, Any]:
    return app("files", labels={**OURS, "env": env})


def problems(
    *wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), prune: bool = False
) -> list[tuple[str, str]]:
    servers = {"files": Declared({"env": "dev"}, AT)}
    made = plan(desired(*wanted, servers=servers), live(*existing), CLUSTER, prune=prune)
    assert all(problem.at == AT for problem in made.problems)
    return [(problem.code, named(problem)) for problem in made.problems]


def named(problem: Problem) -> str:
    return "deletes" if "deletes" in problem.message else ""


def test_a_server_of_this_plan_need_not_be_live() -> None:
    """A server that the plan registers, or changes, will be as the site says."""
    assert problems(served("dev")) == []
    assert problems(served("dev"), existing=(served("old"),)) == []


def test_a_server_that_the_plan_deletes() -> None:
    """A server that the site still names, and no longer registers, must not be pruned away."""
    existing = (served("dev"),)
    assert problems(existing=existing) == []
    assert problems(existing=existing, prune=True) == [("PV202", "deletes")]


def test_labels_of_an_orphan_count() -> None:
    """An app that is ours and left alone is live as it is: other labels are an error."""
    assert problems(existing=(served("prod"),)) == [("PV203", "")]
