"""A judged plan is carried out, then the cluster is read back until it is as planned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from provisioner.applying.apply import apply
from provisioner.change import Change, Op, Plan
from provisioner.cluster.port import WritableCluster
from provisioner.effort import Phase
from provisioner.errors import ClusterError, Moved, NotApplied, Stale
from provisioner.events import Done, Event, Note


def carry_out(
    made: Plan,
    cluster: WritableCluster,
    replan: Callable[[], Plan],
    *,
    pauses: Sequence[float] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Apply a plan; then read back with `replan`, which reads the cluster and plans the same again.

    `pauses` are the seconds between readings, for a cluster that answers from a cache. Raises
    ClusterError, NotApplied when a change failed or the cluster did not keep something, and Stale
    when nothing failed but what had moved since the plan.
    """
    failed: list[ClusterError] = []
    yield Phase("applying", len(made.changes))
    for event in apply(made, cluster):
        failed += [event.error] if isinstance(event, Done) and event.error is not None else []
        yield event
    if failed:
        raise _not_all(failed)
    yield Phase("reading back")
    left = _left(made, replan())
    for pause in pauses:
        if not left:
            break
        sleep(pause)
        left = _left(made, replan())
    if left:
        raise NotApplied(_not_kept(made, left), hint="`provision plan` shows the difference")
    if any(change.key.kind == "bot" for change in made.changes):
        yield Note(
            "Bots get a change of roles when tbot next renews (every 20 minutes by default)."
        )


def _not_all(failed: Sequence[ClusterError]) -> NotApplied | Stale:
    if all(isinstance(error, Moved) for error in failed):
        return Stale(
            "not everything was applied: the cluster moved since the plan",
            hint="plan again, and look at what somebody else has done",
        )
    return NotApplied(
        "not everything was applied",
        hint="mend what failed and run it again: what is done is not done twice",
    )


def _left(made: Plan, now: Plan) -> tuple[Change, ...]:
    """Return what a plan still has to do, and what it made that is not marked as ours after all."""
    written = {change.key for change in made.changes}
    lost = (Op.CONFLICT, Op.UNOWNED)
    return (*now.changes, *(n for n in now.notes if n.op in lost and n.key in written))


def _not_kept(made: Plan, left: Sequence[Change]) -> str:
    written = {change.key for change in made.changes}
    kept = [str(change.key) for change in left if change.key not in written]
    if len(kept) == len(left):
        return f"the cluster moved meanwhile: {', '.join(kept)}"
    lost = [
        " ".join([str(change.key), *(field.path for field in change.fields)])
        for change in left
        if change.key in written
    ]
    return f"the cluster took the changes but did not keep: {'; '.join(lost)}"
