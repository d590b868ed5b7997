"""A plan is carried out: stage by stage, what a failure blocks is skipped, the rest goes on.

A generator, so that whoever consumes it records `Started` before the first byte of a write leaves,
and so that an interrupt finds out what was done from what was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby

from provisioner.change import Change, Key, Op, Plan
from provisioner.cluster.kinds import APPLIED_LABEL
from provisioner.cluster.port import Verb, WritableCluster, Write
from provisioner.cluster.resource import applied_hash, with_label
from provisioner.events import Done, Event, Skipped, Started
from provisioner.planning.holdings import roles_of
from provisioner.planning.plan import stage


def apply(plan: Plan, cluster: WritableCluster) -> Iterator[Event]:
    """Carry out the changes of `plan` and yield what happens as it happens.

    Raises ClusterError when the cluster cannot be reached; a change that was started and has no
    `Done` by then may or may not have been made.
    """
    undone: dict[Key, Change] = {}
    for _, group in groupby(plan.changes, key=stage):
        ready: dict[Key, Change] = {}
        for change in group:
            blocker = _blocker(change, undone)
            if blocker is None:
                ready[change.key] = change
            else:
                undone[change.key] = change
                yield Skipped(change, blocker)
        if not ready:
            continue
        yield Started(tuple(ready.values()))
        # Closed even when an interrupt comes between two outcomes: no child process is left behind.
        with closing(cluster.write([_write(change) for change in ready.values()])) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    undone[outcome.key] = ready[outcome.key]
                yield Done(ready[outcome.key], outcome.error)


def _blocker(change: Change, undone: dict[Key, Change]) -> Key | None:
    """Return a change that did not happen and that this one needs, if there is one.

    What is deleted gains no role and joins as no bot.
    """
    if change.key.kind == "bot":
        gained = set(roles_of(change.after)) - set(roles_of(change.before))
        return next((Key("role", r) for r in sorted(gained) if Key("role", r) in undone), None)
    if change.key.kind == "role" and change.op is Op.DELETE:
        return next((key for key, other in undone.items() if _keeps(other, change.key.name)), None)
    if change.key.kind == "token":
        bot = Key("bot", change.after.get("spec", {}).get("bot_name", ""))
        return bot if bot in undone else None
    return None


def _keeps(other: Change, role: str) -> bool:
    """Whether a bot still holds `role` because `other` did not happen."""
    return other.key.kind == "bot" and role in roles_of(other.before)


def _write(change: Change) -> Write:
    if change.op is Op.DELETE:
        return Write(Verb.DELETE, change.key, expected=change.live)
    if change.op is Op.GRANT:
        gained = set(roles_of(change.after)) - set(roles_of(change.before))
        roles = tuple(sorted(gained))
        return Write(Verb.ADD_ROLES, change.key, roles=roles, expected=change.live)
    if change.op is Op.REVOKE:
        roles = roles_of(change.after)
        return Write(Verb.SET_ROLES, change.key, roles=roles, expected=change.live)
    verb = Verb.CREATE if change.op is Op.CREATE else Verb.UPDATE
    body = with_label(change.write, APPLIED_LABEL, applied_hash(change.after))
    return Write(verb, change.key, body, expected=change.live)
