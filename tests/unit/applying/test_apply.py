from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from provisioner.applying.apply import apply
from provisioner.change import Plan
from provisioner.cluster.kinds import APPLIED_LABEL
from provisioner.cluster.port import Verb
from provisioner.cluster.resource import applied_hash
from provisioner.errors import Rejected, Unreachable
from provisioner.events import Done, Event, Skipped, Started
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, OURS, app, bot, desired, live, role, token
from tests.clusters import FaultyCluster

NO = Rejected("the cluster does not like it")


def planned(
    wanted: Iterable[Mapping[str, Any]], existing: Iterable[Mapping[str, Any]] = (), **how: Any
) -> Plan:
    kinds = ("role", "app", "bot", "token")
    return plan(desired(*wanted, kinds=kinds), live(*existing), CLUSTER, **how)


def told(events: Iterable[Event]) -> list[str]:
    """Return what happened, a word for each event."""
    words = []
    for event in events:
        if isinstance(event, Started):
            words.append("started " + " ".join(str(change.key) for change in event.changes))
        elif isinstance(event, Done):
            words.append(f"{'failed' if event.error else 'done'} {event.change.key}")
        elif isinstance(event, Skipped):
            words.append(f"skipped {event.change.key} for {event.blocker}")
    return words


def test_stage_by_stage() -> None:
    """What does not need each other is sent together, what is needed first goes first."""
    made = planned([bot(roles=["a", "b"]), role("b"), role("a")])
    assert told(apply(made, FaultyCluster())) == [
        "started role/a role/b",
        "done role/a",
        "done role/b",
        "started bot/ci",
        "done bot/ci",
    ]


def test_what_a_failure_blocks_is_skipped() -> None:
    """A bot that needs a role which could not be made is not touched; the rest goes on."""
    made = planned([bot(roles=["a"]), bot("other", roles=["b"]), role("a"), role("b")])
    cluster = FaultyCluster(faults={"role/a": NO})
    assert told(apply(made, cluster)) == [
        "started role/a role/b",
        "failed role/a",
        "done role/b",
        "skipped bot/ci for role/a",
        "started bot/other",
        "done bot/other",
    ]


def test_the_first_of_several_reasons_is_told() -> None:
    """Of several roles that could not be made, the first by name is the reason, in every run alike."""
    names = [f"r{number:02}" for number in range(40)]
    made = planned([bot(roles=names), *map(role, names)])
    cluster = FaultyCluster(faults={f"role/{name}": NO for name in names})
    assert told(apply(made, cluster))[-1] == "skipped bot/ci for role/r00"


def test_a_whole_stage_can_be_skipped() -> None:
    """Nothing is started where nothing can be made."""
    made = planned([bot(roles=["a"]), role("a")])
    events = told(apply(made, FaultyCluster(faults={"role/a": NO})))
    assert events == ["started role/a", "failed role/a", "skipped bot/ci for role/a"]


def test_what_is_skipped_blocks_too() -> None:
    """A token waits for its bot, and the bot for its role."""
    made = planned([bot(roles=["a"]), role("a"), token("t", "ci")])
    events = told(apply(made, FaultyCluster(faults={"role/a": NO})))
    assert events[2:] == ["skipped bot/ci for role/a", "skipped token/t for bot/ci"]


def test_a_role_that_is_still_held_is_kept() -> None:
    """A role is not deleted while a bot holds it, because its update failed."""
    existing = (role("old"), role("new"), bot(roles=["old"]))
    made = planned([role("new"), bot(roles=["new"])], existing, prune=True)
    cluster = FaultyCluster(existing, faults={"bot/ci": NO})
    assert told(apply(made, cluster)) == [
        "started bot/ci",
        "failed bot/ci",
        "skipped role/old for bot/ci",
    ]


def test_a_role_whose_bot_could_not_be_deleted_is_kept() -> None:
    """The bot that should go first still holds the role."""
    existing = (role("old"), bot("gone", roles=["old"]))
    made = planned([], existing, prune=True)
    events = told(apply(made, FaultyCluster(existing, faults={"bot/gone": NO})))
    assert events[-1] == "skipped role/old for bot/gone"


def test_a_failure_elsewhere_blocks_nothing() -> None:
    """A bot that held the role already does not need the update that failed."""
    existing = (role("a", allow={"logins": ["x"]}), bot(roles=["a"]))
    wanted = [role("a"), bot(roles=["a"], max_session_ttl="3600s")]
    made = planned(wanted, existing)
    events = told(apply(made, FaultyCluster(existing, faults={"role/a": NO})))
    assert events[-1] == "done bot/ci"


def test_a_bot_that_never_held_a_role_does_not_keep_it() -> None:
    """A role goes although a bot failed that does not hold it."""
    existing = (role("old"), bot(roles=[]))
    made = planned([bot(roles=[], max_session_ttl="3600s")], existing, prune=True)
    events = told(apply(made, FaultyCluster(existing, faults={"bot/ci": NO})))
    assert events[-1] == "done role/old"


def test_only_a_role_is_kept_by_its_bots() -> None:
    """A server goes although a bot failed that holds a role of the same name."""
    existing = (role("gone", labels={}), app("gone"), bot(roles=["gone"]))
    made = planned([bot(roles=[])], existing, prune=True)
    events = told(apply(made, FaultyCluster(existing, faults={"bot/ci": NO})))
    assert events[-1] == "done app/gone"


def test_what_goes_waits_for_nothing() -> None:
    """A bot and its token are deleted although a role could not be made."""
    existing = (bot("gone", roles=[]), token("t", "gone"))
    made = planned([role("a")], existing, prune=True)
    events = told(apply(made, FaultyCluster(existing, faults={"role/a": NO})))
    assert [event for event in events if event.startswith("done")] == [
        "done token/t",
        "done bot/gone",
    ]


def test_roles_are_granted_in_order() -> None:
    """The same grant is the same command, however sets are ordered."""
    names = ["f", "b", "e", "a", "d", "c"]
    existing = (bot("g", labels={}), *map(role, names))
    cluster = FaultyCluster(existing)
    list(apply(planned([*map(role, names), bot("g", roles=names)], existing), cluster))
    assert cluster.asked[0].roles == ("a", "b", "c", "d", "e", "f")


def test_started_comes_before_the_first_byte() -> None:
    """Whoever records `Started` before going on has recorded it before anything is written."""
    cluster = FaultyCluster()
    events = apply(planned([role()]), cluster)
    assert isinstance(next(events), Started)
    assert cluster.asked == []


@pytest.mark.parametrize("fault", [Unreachable("gone"), KeyboardInterrupt()])
def test_an_end_in_the_middle(fault: BaseException) -> None:
    """When the cluster goes away or ^C comes, what was started without outcome is known."""

    class Gone(FaultyCluster):
        def write(self, batch: Any) -> Any:
            yield from super().write(batch[:1])
            raise fault

    seen: list[Event] = []
    with pytest.raises(type(fault)):
        seen.extend(apply(planned([role("a"), role("b")]), Gone()))
    assert told(seen) == ["started role/a role/b", "done role/a"]


def test_the_verbs() -> None:
    """Create without overwriting, update by replacing, roles of others by adding or setting."""
    existing = (
        role("upd", allow={"logins": ["x"]}),
        role("gone"),
        role("old", labels={}),
        bot("g", roles=["old"], labels={}),
        bot("r", roles=["old", "upd"], labels={}),
    )
    wanted = [role("upd"), role("new"), bot("g", roles=["new"])]
    cluster = FaultyCluster(existing)
    assert all(
        event.error is None
        for event in apply(planned(wanted, existing, prune=True), cluster)
        if isinstance(event, Done)
    )
    assert [(write.verb, str(write.key), write.roles) for write in cluster.asked] == [
        (Verb.CREATE, "role/new", ()),
        (Verb.UPDATE, "role/upd", ()),
        (Verb.ADD_ROLES, "bot/g", ("new",)),
        (Verb.SET_ROLES, "bot/r", ("old",)),
        (Verb.DELETE, "role/gone", ()),
    ]


def test_what_is_written_is_signed() -> None:
    """Each document carries the hash of its meaning, by which a later plan knows who moved."""
    cluster = FaultyCluster()
    made = planned([role()])
    list(apply(made, cluster))
    labels = cluster.asked[0].body["metadata"]["labels"]
    assert labels == {**OURS, APPLIED_LABEL: applied_hash(made.changes[0].after)}


def test_an_empty_plan() -> None:
    """Nothing to do is nothing done."""
    assert list(apply(planned([]), FaultyCluster())) == []
