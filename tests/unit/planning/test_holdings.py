"""Roles of bots that are somebody else's, and what a plan says of roles that are missing."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Op, Plan
from provisioner.planning.desired import Desired
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, app, bot, desired, live, role

THEIRS = {"provisioner/site": "other"}


def made(wanted: Desired, *existing: dict[str, Any], prune: bool = False) -> Plan:
    return plan(wanted, live(*existing), CLUSTER, prune=prune)


def ops(result: Plan) -> list[str]:
    return [f"{line.op.symbol} {line.key}" for line in (*result.changes, *result.notes)]


def foreign(name: str = "ci", *roles: str, **spec: Any) -> dict[str, Any]:
    return bot(name, roles, labels={}, **spec)


@pytest.mark.parametrize(
    ("wanted", "existing", "claimed"),
    [
        (bot(max_session_ttl="43200s"), foreign(max_session_ttl="60s"), "spec.max_session_ttl"),
        (bot(traits=[]), foreign(traits=[{"name": "team", "values": ["a"]}]), "spec.traits.team"),
        (bot(labels={"team": "x"}), foreign(), "metadata.labels.team"),
    ],
    ids=["a default", "no traits", "a label"],
)
def test_what_is_spelled_out_is_claimed(
    wanted: dict[str, Any], existing: dict[str, Any], claimed: str
) -> None:
    """A default that the site spells out for a bot of somebody else is a claim, as is a label."""
    (note,) = made(desired(wanted), existing).notes
    assert note.op is Op.CONFLICT
    assert claimed in note.reason


def test_a_bot_of_another_site_that_holds_its_roles() -> None:
    """A bot of another site that has what we name is nobody's conflict."""
    theirs = bot(roles=["dev", "x"], labels=THEIRS)
    result = made(desired(role(), bot(roles=["dev"])), role(), role("x", labels={}), theirs)
    assert ops(result) == []


def test_a_grant_changes_nothing_but_roles() -> None:
    """Whatever else a bot of somebody else has is in the document after the grant as before."""
    traits = [{"name": "team", "values": ["a"]}]
    (_, grant) = made(desired(role(), bot(roles=["dev"])), foreign(traits=traits)).changes
    assert [field.path for field in grant.fields] == ["spec.roles"]
    assert {**grant.after["spec"], "roles": ()} == {**grant.before["spec"], "roles": ()}


def test_who_waits_for_a_new_role() -> None:
    """A bot of somebody else that names a role which this plan creates would get it: that is told."""
    result = made(desired(role()), foreign("ci", "dev"))
    assert ops(result) == ["+ role/dev", "? bot/ci"]
    assert result.notes[0].reason == "holds dev, which the site does not grant to it"
    assert result.notes[0].hint == "--prune revokes it"
    assert ops(made(desired(role()), foreign("ci", "dev"), prune=True)) == [
        "+ role/dev", "< bot/ci",
    ]  # fmt: skip


@pytest.mark.parametrize("namesake", [role(), bot("dev"), app("dev")], ids=["role", "bot", "app"])
def test_a_role_of_somebody_else_is_not_ours_to_take(namesake: dict[str, Any]) -> None:
    """A role that lives without our label stays with its bots, whatever the site calls like it."""
    theirs = role("dev", labels={}, allow={"logins": ["x"]})
    result = made(desired(namesake), theirs, foreign("ci", "dev"), prune=True)
    assert [line for line in ops(result) if "bot/ci" in line] == []


@pytest.mark.parametrize("namesake", [bot("nowhere"), app("nowhere")], ids=["bot", "app"])
def test_only_a_role_ends_the_want_of_a_role(namesake: dict[str, Any]) -> None:
    """A missing role is missing still when something else of its name is created, or is there."""
    waiting = foreign("ci", "nowhere")
    assert "! bot/ci" in ops(made(desired(namesake), waiting))
    assert "! bot/ci" in ops(made(desired(), namesake, waiting))


def test_an_orphan_can_want_a_role() -> None:
    """A bot of ours that the site no longer has is told of as such, and with its missing role."""
    assert ops(made(desired(), bot("gone", roles=["nowhere"]))) == ["! bot/gone", "? bot/gone"]


def test_missing_roles_are_named_in_order() -> None:
    """Names are sorted, so that the same plan reads the same on every day."""
    names = ["g", "c", "a", "f", "e", "b", "d"]
    (note,) = made(desired(), foreign("ci", *names)).notes
    assert note.reason.startswith("names roles a, b, c, d, e, f, g that do not exist")
    wanted = desired(role(), bot(roles=["dev"]))
    refused = made(wanted, foreign("ci", *names)).notes[0]
    assert (refused.op, refused.hint) == (
        Op.CONFLICT, "create the missing role, or take it from the bot",
    )  # fmt: skip
    assert "names roles a, b, c, d, e, f, g that" in refused.reason


def test_who_holds_a_role_still() -> None:
    """A role that cannot be deleted is told with its holders, in order, and the way out."""
    holders = [foreign(name, "gone") for name in ("z", "b", "a")]
    result = made(desired(kinds=("role",)), role("gone"), *holders, prune=True)
    (note,) = [line for line in result.notes if line.op is Op.CONFLICT]
    assert note.reason == "it cannot be deleted: bot a, b, z still name it"
    assert note.hint == "take the role from the bot first, or keep the role"


def test_a_bot_of_the_name_of_a_role_can_go() -> None:
    """Deleting a bot is not held up by those who hold a role of the same name."""
    existing = (role(labels={}), bot("dev"), foreign("ci", "dev"))
    assert ops(made(desired(), *existing, prune=True)) == ["- bot/dev"]
