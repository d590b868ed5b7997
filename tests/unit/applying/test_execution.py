from __future__ import annotations

from typing import Any

import pytest

from provisioner.applying.execution import carry_out
from provisioner.change import Key, Op, Plan
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.cluster.resource import resource
from provisioner.errors import Moved, NotApplied, Rejected, Stale
from provisioner.events import Done, Event
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, bot, desired, role
from tests.clusters import FaultyCluster, key

SCOPE = Scope(("role", "bot"))


def made(cluster: FaultyCluster, *wanted: dict[str, Any], prune: bool = False) -> Plan:
    live = map(resource, cluster.read(SCOPE))
    return plan(desired(*wanted), live, CLUSTER, prune=prune)


def hand(cluster: FaultyCluster, body: dict[str, Any]) -> None:
    """Change a document as somebody else would, between a plan and its writes."""
    name = Key(body["kind"], body["metadata"]["name"])
    (outcome,) = cluster.write([Write(Verb.UPDATE, name, body)])
    assert outcome.error is None
    cluster.asked.clear()


THEIRS = role(allow={"logins": ["root"]})


def carried_out(cluster: FaultyCluster, of: Plan, *wanted: dict[str, Any]) -> list[Event]:
    return list(carry_out(of, cluster, lambda: made(cluster, *wanted)))


def test_every_write_expects_what_was_planned_for() -> None:
    """Updates, deletions, grants and revocations expect the live document; creations nothing."""
    cluster = FaultyCluster(
        [
            role("upd", allow={"logins": ["x"]}),
            role("gone"),
            role("old", labels={}),
            bot("g", roles=["old"], labels={}),
            bot("r", roles=["old", "upd"], labels={}),
        ]
    )
    live = {str(r.key): r.body for r in map(resource, cluster.read(SCOPE))}
    wanted = (role("upd"), role("new"), bot("g", roles=["new"]))
    carried_out(cluster, made(cluster, *wanted, prune=True), *wanted)
    assert {str(write.key): write.expected for write in cluster.asked} == {
        "role/new": {},
        **{name: live[name] for name in ("role/upd", "bot/g", "bot/r", "role/gone")},
    }


@pytest.mark.parametrize(
    ("wanted", "op"), [((role(allow={"logins": ["ours"]}),), Op.UPDATE), ((), Op.DELETE)]
)
def test_what_moved_is_not_written(wanted: tuple[Any, ...], op: Op) -> None:
    """What somebody changed after the plan is left as it is, and the apply is stale."""
    cluster = FaultyCluster([role()])
    of = made(cluster, *wanted, prune=True)
    assert [change.op for change in of.changes] == [op]
    hand(cluster, THEIRS)
    events: list[Event] = []
    with pytest.raises(Stale, match="the cluster moved since the plan") as caught:
        events.extend(carry_out(of, cluster, lambda: made(cluster)))
    assert caught.value.exit_code == 4
    (body,) = cluster.read(Scope(("role",)))
    assert body["spec"]["allow"]["logins"] == ("root",)


def test_what_did_not_move_is_written() -> None:
    """The other changes are made, and only what moved, with what needs it, is left."""
    wanted = (role("a", allow={"logins": ["x"]}), role("b", allow={"logins": ["x"]}))
    cluster = FaultyCluster([role("a"), role("b")])
    of = made(cluster, *wanted)
    hand(cluster, role("a", allow={"logins": ["root"]}))
    seen: list[Event] = []
    with pytest.raises(Stale):
        seen.extend(carry_out(of, cluster, lambda: made(cluster, *wanted)))
    outcomes = {str(e.change.key): type(e.error) for e in seen if isinstance(e, Done)}
    assert outcomes == {"role/a": Moved, "role/b": type(None)}


def test_a_failure_comes_before_what_moved() -> None:
    """When anything else failed too, the exit code is 1: mending comes before planning again."""
    wanted = (role("a", allow={"logins": ["x"]}), role("b", allow={"logins": ["x"]}))
    cluster = FaultyCluster([role("a"), role("b")])
    of = made(cluster, *wanted)
    hand(cluster, role("a", allow={"logins": ["root"]}))
    cluster.faults[str(key("role/b"))] = Rejected("no")
    with pytest.raises(NotApplied):
        carried_out(cluster, of, *wanted)
