from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.change import Key, Op, Plan
from provisioner.errors import Missing, Place
from provisioner.planning.desired import Declared
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, OURS, app, bot, desired, live, role


def made(
    *wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), only: str = "", **how: Any
) -> Plan:
    keys = tuple(map(Key.of, only.split()))
    site = desired(*wanted, kinds=("role", "app", "bot", "token"))
    return plan(site, live(*existing), CLUSTER, only=keys, **how)


def ops(result: Plan) -> list[str]:
    return [f"{line.op.symbol} {line.key}" for line in (*result.changes, *result.notes)]


def token(name: str, its_bot: str) -> dict[str, Any]:
    method = {"join_method": "gcp", "gcp": {"allow": [{"project_ids": ["p"]}]}}
    metadata = {"name": name, "labels": dict(OURS)}
    spec = {"roles": ["Bot"], "bot_name": its_bot, **method}
    return {"kind": "token", "version": "v2", "metadata": metadata, "spec": spec}


SITE = (role("a"), role("b"), bot(roles=["a"]), bot("other", roles=["b"]), token("t", "ci"))


def test_one_role() -> None:
    """What is named is planned, and nothing else."""
    result = made(*SITE, only="role/b")
    assert ops(result) == ["+ role/b"]
    assert result.only == (Key("role", "b"),)


def test_a_token_brings_its_bot_and_that_its_roles() -> None:
    """What is needed comes along, with the reason, and in the order in which it can be made."""
    result = made(*SITE, only="token/t")
    assert ops(result) == ["+ role/a", "+ bot/ci", "+ token/t"]
    assert [change.reason for change in result.changes] == [
        "needed by bot/ci",
        "needed by token/t",
        "",
    ]


def test_what_is_there_is_not_needed() -> None:
    """A role that exists, and is to be changed, stays as it is while its bot is planned alone."""
    existing = (role("a", allow={"logins": ["x"]}),)
    assert ops(made(*SITE, existing=existing, only="bot/ci")) == ["+ bot/ci"]


def test_a_role_takes_no_bot_along() -> None:
    """A role can be planned without those that hold it."""
    assert ops(made(*SITE, only="role/a role/b")) == ["+ role/a", "+ role/b"]


def test_a_role_to_be_deleted_needs_its_bots() -> None:
    """A role goes only after the bots that let go of it, so these come along."""
    existing = (role("gone"), role("a"), bot(roles=["a", "gone"]), bot("old", roles=["gone"]))
    wanted = (role("a"), bot(roles=["a"]))
    result = made(*wanted, existing=existing, prune=True, only="role/gone")
    assert ops(result) == ["~ bot/ci", "- bot/old", "- role/gone"]


def test_a_role_that_is_still_held() -> None:
    """A part is judged as a part: a bot that keeps the role keeps it from being deleted."""
    existing = (role("gone"), bot("foreign", roles=["gone"], labels={}))
    result = made(existing=existing, prune=True, only="role/gone")
    assert ops(result) == ["< bot/foreign", "- role/gone"]
    assert [note.op for note in made(existing=existing, only="bot/foreign").notes] == [Op.ORPHAN]


def test_notes_of_others_are_left_out() -> None:
    """A conflict elsewhere is no concern of a part; one of its own is."""
    theirs = role("a", labels={}, allow={"logins": ["x"]})
    assert ops(made(*SITE, existing=(theirs,), only="role/b")) == ["+ role/b"]
    assert ops(made(*SITE, existing=(theirs,), only="role/a")) == ["! role/a"]


def test_both_lines_of_one_bot() -> None:
    """A bot of somebody else can have a grant and an orphaned one: both are told."""
    existing = (role("a"), role("old"), bot(roles=["old"], labels={}))
    wanted = (role("a"), bot(roles=["a"]))
    assert ops(made(*wanted, existing=existing, only="bot/ci")) == ["> bot/ci", "? bot/ci"]


def test_counts_are_of_the_part() -> None:
    """Unchanged is what was named and is as it should be."""
    result = made(*SITE, existing=(role("a"),), only="role/a")
    assert (ops(result), result.unchanged, result.owned) == ([], 1, 1)


def test_a_part_has_a_digest_of_its_own() -> None:
    """Approval of a part is none of the whole, even where both do the same."""
    whole, part = made(role()), made(role(), only="role/dev")
    assert whole.changes == part.changes
    assert whole.digest != part.digest
    assert made(*SITE, only="role/a role/b").digest == made(*SITE, only="role/b role/a").digest


@pytest.mark.parametrize(
    ("name", "hint"), [("role/aa", "did you mean role/a?"), ("app/zzzzzz", "KIND/NAME")]
)
def test_a_name_that_nothing_has(name: str, hint: str) -> None:
    """A mistyped name is an error and not an empty plan."""
    with pytest.raises(Missing, match=f"--only {name}: there is nothing of this name") as caught:
        made(*SITE, only=name)
    assert hint in caught.value.hint


def test_servers_that_come_later() -> None:
    """That a server is not there yet is no problem of a part, where the site itself will make it so."""
    servers = {n: Declared({"env": "dev"}, Place("site.yaml", 3)) for n in ("files", "other", "x")}
    labels = {"env": "dev", **OURS}
    site = desired(
        role(), app("files", labels=labels), app("x", labels=labels),
        kinds=("role", "app", "bot"), servers=servers,
    )  # fmt: skip
    theirs = app("x", labels={"env": "prod"})
    part = plan(site, live(theirs), CLUSTER, only=(Key("role", "dev"),))
    assert [problem.entry for problem in part.problems] == ["mcp_servers.other", "mcp_servers.x"]
    with_it = plan(site, live(theirs), CLUSTER, only=(Key("app", "files"),))
    assert [problem.entry for problem in with_it.problems] == ["mcp_servers.other", "mcp_servers.x"]


names = st.sampled_from([f"{body['kind']}/{body['metadata']['name']}" for body in SITE])


@given(st.lists(names, min_size=1, unique=True), st.lists(names, unique=True))
def test_parts_can_be_applied_one_after_the_other(first: list[str], there: list[str]) -> None:
    """A part holds what was named, nothing that the whole does not, and leaves no need unmet."""
    existing = tuple(b for b in SITE if f"{b['kind']}/{b['metadata']['name']}" in there)
    whole = {str(change.key) for change in made(*SITE, existing=existing).changes}
    result = made(*SITE, existing=existing, only=" ".join(first))
    part = {str(change.key) for change in result.changes}
    assert whole & set(first) <= part <= whole
    roles = {"role/a", "role/b"} & (part | set(there))
    assert all(f"role/{role}" in roles for change in result.changes if change.key.kind == "bot"
               for role in change.after["spec"]["roles"])  # fmt: skip
