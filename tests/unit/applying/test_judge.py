from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.applying.judge import Limits, judge
from provisioner.change import Adoption, Key, Op, Plan
from provisioner.cluster.kinds import PROTECTED_LABEL, SITE_LABEL
from provisioner.errors import Problem, Refused, SiteError, Stale
from provisioner.planning.adoption import adoption
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, OURS, bot, desired, live, role

PROTECTED = {**OURS, PROTECTED_LABEL: "true"}
ERROR = Problem("PV201", "error", "missing")


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), **how: Any) -> Plan:
    return plan(desired(*wanted), live(*existing), CLUSTER, **how)


def refusal(judged: Plan, limits: Limits | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        judge(judged, limits or Limits())
    return caught.value


def test_a_sound_plan_passes() -> None:
    """A plan that creates and updates what is ours is let through."""
    judge(made(role(), bot(roles=["dev"]), existing=(role(allow={"logins": ["x"]}),)), Limits())


def test_conflicts_refuse_everything() -> None:
    """One conflict refuses the whole apply, and says what can be done."""
    error = refusal(made(role(), role("b"), existing=(role(labels={}, allow={"logins": ["x"]}),)))
    assert error.message.startswith("conflict: role/dev: it exists, differs")
    assert error.hint == "provision adopt role/dev"


def test_other_notes_pass() -> None:
    """What is only said to the reader does not refuse anything."""
    existing = (role("gone"), role("dev", labels={}), bot("x", ["nowhere"], labels={}))
    judged = made(role(), existing=existing)
    assert len(judged.notes) == 3
    judge(judged, Limits())


@pytest.mark.parametrize("count", [0, 10])
def test_deletions_are_limited(count: int) -> None:
    """More deletions than allowed are refused; as many as allowed are not."""
    roles = tuple(role(f"r{n}") for n in range(count + 1))
    limits = Limits(count, max_delete_share=100)
    error = refusal(made(existing=roles, prune=True), limits)
    assert error.message == (
        f"limit: {count + 1} deletions and revoked grants, allowed are {count}"
    )
    judge(made(existing=roles[:count], prune=True), limits)


def test_revoked_grants_are_deletions() -> None:
    """A grant that is taken away counts like a deletion."""
    existing = (role(), bot(roles=["dev", "x"], labels={}), role("x", labels={}))
    judged = made(role(), existing=existing, prune=True)
    assert refusal(judged, Limits(0)).hint == "after a look at each of them: --max-deletes 1"


def test_protected_things_stay() -> None:
    """What is labelled as protected in the cluster is neither deleted nor changed."""
    protected = role(labels=PROTECTED)
    assert "role/dev would be deleted" in refusal(made(existing=(protected,), prune=True)).message
    changed = made(role(labels=PROTECTED, allow={"mcp": {"tools": ["x"]}}), existing=(protected,))
    assert "role/dev would be updated" in refusal(changed).message


def test_protection_can_be_lifted_alone() -> None:
    """Taking the protection away is allowed, together with another change it is not."""
    protected = role(labels=PROTECTED)
    judge(made(role(), existing=(protected,)), Limits())
    refusal(made(role(allow={"mcp": {"tools": ["x"]}}), existing=(protected,)))


def test_protection_of_the_site_alone_protects_nothing_yet() -> None:
    """Only the label of the live object counts: a site that adds it may still change the rest."""
    judge(made(role(labels=PROTECTED, allow={"logins": ["x"]}), existing=(role(),)), Limits())


def test_all_reasons_at_once() -> None:
    """Every reason to refuse is told, and each cure once."""
    existing = (role("a", labels=PROTECTED), role("b", labels=PROTECTED), role("c", labels={}))
    judged = made(role("c", allow={"logins": ["x"]}), existing=existing, prune=True)
    error = refusal(judged, Limits(1))
    assert [line.split(":")[0] for line in error.message.split("\n")] == [
        "conflict",
        "protected",
        "protected",
        "limit",
    ]
    assert len(error.hint.split("\n")) == 3


# --- how much, how wide ----------------------------------------------------------------------


def pruned(count: int, kept: int) -> Plan:
    """Return a plan that deletes some roles of ours and keeps others."""
    keep = tuple(role(f"k{n}") for n in range(kept))
    return made(*keep, existing=(*keep, *(role(f"r{n}") for n in range(count))), prune=True)


def test_a_share_of_what_is_ours() -> None:
    """Deleting more than half of what is ours is refused, with all numbers and the flag."""
    error = refusal(pruned(4, 3))
    assert error.message == (
        "limit: 4 of 7 resources that are ours would be deleted, 58 %; allowed are 50 %"
    )
    assert error.hint == "after a look at each of them: --max-delete-share 58"
    judge(pruned(4, 3), Limits(max_delete_share=58))
    judge(pruned(3, 3), Limits())


@pytest.mark.parametrize(("owned", "passes"), [(4, True), (5, False)])
def test_a_share_of_few(owned: int, passes: bool) -> None:
    """Of four resources all may go; from five on the share counts."""
    if passes:
        judge(pruned(owned, 0), Limits())
    else:
        refusal(pruned(owned, 0))


def test_what_is_not_ours_is_no_part_of_the_share() -> None:
    """Roles of others do not make room for deletions of ours."""
    others = tuple(role(f"o{n}", labels={}) for n in range(20))
    judged = made(existing=(*others, *(role(f"r{n}") for n in range(5))), prune=True)
    assert (judged.owned, "5 of 5 resources" in refusal(judged).message) == (5, True)


def app(name: str) -> dict[str, Any]:
    spec = {"uri": "mcp+https://h/mcp"}
    return {"kind": "app", "version": "v3", "metadata": {"name": name, "labels": {"env": "dev"}}, "spec": spec}  # fmt: skip


def web(name: str) -> dict[str, Any]:
    return {**app(name), "spec": {"uri": "https://h"}}


def test_widening() -> None:
    """What bots gain is counted as the plan tells it, other apps included; no limit by default."""
    wanted = (role(allow={"mcp": {"tools": ["a", "b"]}}), bot(roles=["dev"]))
    judged = made(*wanted, existing=(app("files"), web("shop")))
    assert len(judged.access.told) == 2
    judge(judged, Limits())
    judge(judged, Limits(max_widening=3))
    error = refusal(judged, Limits(max_widening=2))
    assert error.message == "limit: 3 rows of access gained, allowed are 2"
    assert error.hint == "after a look at each row under ACCESS: --max-widening 3"


def test_narrowing_is_no_widening() -> None:
    """What bots lose is not limited by how much they may gain."""
    existing = (app("files"), role(), bot(roles=["dev"]))
    judge(made(role(), bot(), existing=existing), Limits(max_widening=0))


def test_errors_of_the_site_come_first() -> None:
    """A plan whose site and cluster contradict each other is an error, whatever was expected."""
    judged = replace(made(role()), problems=(ERROR,))
    with pytest.raises(SiteError):
        judge(judged, Limits(expect="other"))
    judge(replace(judged, problems=(replace(ERROR, severity="warning"),)), Limits())


def test_a_stale_plan_comes_before_a_refused_one() -> None:
    """When it is not the plan that was approved, its limits do not matter."""
    judged = made(existing=(role(),), prune=True)
    with pytest.raises(Stale):
        judge(judged, Limits(0, expect="a-b-c"))


def test_the_expected_plan_passes() -> None:
    """The plan with the approved digest is let through."""
    judged = made(role())
    judge(judged, Limits(expect=judged.digest))


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (made(role(allow={"logins": ["b"]})), "the site or its templates moved"),
        (made(role(), existing=(role("old"),)), "the cluster moved"),
        (
            made(role("x"), existing=(role("old"),)),
            "the site or its templates and the cluster moved",
        ),
    ],
)
def test_a_stale_plan_says_who_moved(now: Plan, moved: str) -> None:
    """The parts of the approved digest tell which side is not what it was."""
    approved = made(role()).digest
    with pytest.raises(Stale, match=moved) as caught:
        judge(now, Limits(expect=approved))
    assert now.digest in caught.value.hint


def test_another_mode_is_another_plan() -> None:
    """Approval of a plan that prunes nothing is none of one that may prune."""
    with pytest.raises(Stale, match="what is planned moved"):
        judge(made(role(), prune=True), Limits(expect=made(role()).digest))


def test_no_digest_at_all() -> None:
    """Something else than a digest is called that."""
    with pytest.raises(Stale, match="nonsense is not a digest"):
        judge(made(role()), Limits(expect="nonsense"))


@pytest.mark.parametrize("owner", [None, "old"])
def test_who_can_adopt_protected_things(owner: str | None) -> None:
    """An adoption changes nothing but whose a thing is: what is nobody's can be taken over, protected or not."""
    labels = {PROTECTED_LABEL: "true", **({SITE_LABEL: owner} if owner else {})}
    wish = Adoption((Key("role", "dev"),), owner)
    adopting = adoption(desired(role(labels=PROTECTED)), live(role(labels=labels)), CLUSTER, wish)
    assert [change.op for change in adopting.changes] == [Op.ADOPT]
    if owner is None:
        judge(adopting, Limits())
    else:
        assert "role/dev would be adopted" in refusal(adopting).message
