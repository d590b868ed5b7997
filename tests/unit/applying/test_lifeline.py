from __future__ import annotations

from typing import Any

import pytest

from provisioner.applying.judge import Limits, judge
from provisioner.applying.lifeline import RunsAs, cut_off
from provisioner.change import Plan
from provisioner.errors import Refused
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, bot, desired, live, role

ME = RunsAs("bot-deployer", frozenset({"deploy"}))
RULES = [{"resources": ["role", "bot"], "verbs": ["list", "update"]}]


def deploy(*rules: Any, **spec: Any) -> dict[str, Any]:
    return role("deploy", allow={"rules": list(rules or RULES)}, **spec)


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...], prune: bool = True) -> Plan:
    return plan(desired(*wanted), live(*existing), CLUSTER, prune=prune)


def losses(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...]) -> list[str]:
    found = cut_off(made(*wanted, existing=existing).changes, ME)
    return [f"{change.key}: {loss}" for change, loss in found]


MINE = (deploy(), bot("deployer", roles=["deploy"]))


def test_its_own_bot() -> None:
    """The bot as which this runs is not deleted, nor the roles that it holds."""
    assert losses(existing=MINE) == [
        "bot/deployer: the bot itself",
        "role/deploy: one of its roles",
    ]


def test_its_own_roles() -> None:
    """No role is taken from the bot as which this runs; it may be given others."""
    new = role("new")
    assert losses(deploy(), bot("deployer"), existing=MINE) == ["bot/deployer: its role deploy"]
    assert losses(deploy(), new, bot("deployer", ["deploy", "new"]), existing=MINE) == []


def test_a_grant_that_is_revoked() -> None:
    """What somebody else's bot holds of ours is not revoked while this runs as that bot."""
    theirs = (deploy(), role("x", labels={}), bot("deployer", roles=["deploy", "x"], labels={}))
    assert losses(deploy(), existing=theirs) == ["bot/deployer: its role deploy"]


@pytest.mark.parametrize(
    ("after", "loss"),
    [
        (deploy({"resources": ["role"], "verbs": ["list", "update"]}), "rules of one of its roles"),
        (deploy({"resources": ["role", "bot"], "verbs": ["list"]}), "rules of one of its roles"),
        (deploy({**RULES[0], "where": "false"}), "rules of one of its roles"),
        (deploy(deny={"rules": RULES}), "what is newly denied by one of its roles"),
        (deploy({"resources": ["bot", "role", "app"], "verbs": ["update", "list", "read"]}), ""),
        (deploy(*RULES, {"resources": ["token"], "verbs": ["list"]}), ""),
        (deploy(options={"lock": "strict"}), ""),
    ],
)  # fmt: skip
def test_a_role_that_it_holds(after: dict[str, Any], loss: str) -> None:
    """A role of its own may be widened or changed elsewhere, and loses no rule."""
    found = losses(after, bot("deployer", roles=["deploy"]), existing=MINE)
    assert found == ([f"role/deploy: {loss}"] if loss else [])


def test_others_are_no_concern() -> None:
    """Other bots and roles can be deleted."""
    assert losses(*MINE, existing=(*MINE, role("x"), bot("y", roles=["x"]))) == []


def test_a_refusal_says_who() -> None:
    """The whole apply is refused, and it is said whom it would cut off."""
    judged = made(deploy(), bot("deployer"), existing=MINE)
    with pytest.raises(Refused) as caught:
        judge(judged, Limits(runs_as=ME))
    assert caught.value.message == (
        "lifeline: bot/deployer would be updated, and bot-deployer, as whom this runs, would lose "
        "its role deploy"
    )
    assert "--identity FILE" in caught.value.hint
    judge(judged, Limits())
