"""The rules of safety that a plan must pass before its first write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from provisioner.applying.approval import Approved, require_covered
from provisioner.applying.lifeline import RunsAs, cut_off
from provisioner.change import Change, Op, Plan
from provisioner.cluster.kinds import PROTECTED_LABEL, SITE_LABEL
from provisioner.cluster.resource import labels
from provisioner.errors import ProvisionError, Refused, SiteError, Stale
from provisioner.text.terminal import plural

MAX_DELETES: Final = 10
MAX_DELETE_SHARE: Final = 50
_FEW: Final = 4
"""So few resources are a share of anything too soon: of these, the number alone is limited."""


class Limits(Struct, frozen=True):
    """How far one apply may go.

    `max_deletes` counts deletions and revoked grants. What was approved, if anything was, is either
    the plan with the digest `expect`, or whatever the plan in a file covers. `max_delete_share` is
    in percent of all that is ours, `max_widening` counts what bots gain, None without a limit.
    `runs_as` is who must not be cut off, where that is known.
    """

    max_deletes: int = MAX_DELETES
    expect: str | None = None
    approved: Approved | None = None
    max_delete_share: int = MAX_DELETE_SHARE
    max_widening: int | None = None
    runs_as: RunsAs | None = None


def judge(plan: Plan, limits: Limits) -> None:
    """Let a plan pass.

    Raises SiteError when the site and the cluster contradict each other, Stale when it is not the
    plan that was approved, Refused with all reasons when it is sound but not allowed.
    """
    if any(problem.severity == "error" for problem in plan.problems):
        raise SiteError(plan.problems)
    if limits.expect is not None and limits.expect != plan.digest:
        raise _stale(plan.digest, limits.expect)
    if limits.approved is not None:
        require_covered(plan, limits.approved)
    refusals = [*_conflicts(plan), *_failing(plan), *_protected(plan), *_beyond(plan, limits)]
    if refusals:
        raise Refused(
            "\n".join(refusal.message for refusal in refusals),
            hint="\n".join(dict.fromkeys(refusal.hint for refusal in refusals if refusal.hint)),
        )


def _stale(digest: str, expected: str) -> Stale:
    """Say which of the parts of a digest moved: what is desired, what is live, or the plan alone."""
    now, then = digest.split("-"), expected.split("-")
    if len(then) != len(now):
        return Stale(f"{expected} is not a digest", hint=f"the digest of this plan is {digest}")
    sides = ("the site or its templates", "the cluster")
    moved = [side for side, old, new in zip(sides, then, now, strict=False) if old != new]
    return Stale(
        f"this is not the plan that was approved: {' and '.join(moved) or 'what is planned'} moved",
        hint=f"review the plan above; its digest is {digest}",
    )


def _conflicts(plan: Plan) -> Iterator[ProvisionError]:
    for note in plan.notes:
        if note.op is Op.CONFLICT:
            yield Refused(f"conflict: {note.key}: {note.reason}", hint=note.hint)


def _failing(plan: Plan) -> Iterator[ProvisionError]:
    """Refuse what breaks a test; what failed before may be mended one apply after the other."""
    for test in plan.tests:
        if test.state != "passed" and not test.was_failing:
            yield Refused(
                f"access test `{test.name}` {test.state}: {'; '.join(test.reasons)}",
                hint=f"the test stands at {test.at}" if test.at else "",
            )


def _protected(plan: Plan) -> Iterator[ProvisionError]:
    """Refuse to change what is protected, or to take it from the site that does; nobody's can be adopted."""
    for change in plan.changes:
        if change.op is Op.ADOPT and SITE_LABEL not in labels(change.before):
            continue
        if labels(change.before).get(PROTECTED_LABEL) == "true" and not _only_unprotects(change):
            there = f" in site {labels(change.before)[SITE_LABEL]}" if change.op is Op.ADOPT else ""
            yield Refused(
                f"protected: {change.key} would be {_DONE[change.op]}",
                hint=f"apply `protected: false` alone{there} first, then this change",
            )


def _only_unprotects(change: Change) -> bool:
    return [field.path for field in change.fields] == [f'metadata.labels["{PROTECTED_LABEL}"]']


def _beyond(plan: Plan, limits: Limits) -> Iterator[ProvisionError]:
    yield from _too_many(plan, limits)
    yield from _too_much(plan, limits)
    yield from _too_wide(plan, limits)
    if limits.runs_as is not None:
        yield from _cut_off(plan, limits.runs_as)


def _too_many(plan: Plan, limits: Limits) -> Iterator[ProvisionError]:
    losses = sum(change.op in (Op.DELETE, Op.REVOKE) for change in plan.changes)
    if losses > limits.max_deletes:
        yield Refused(
            f"limit: {losses} deletions and revoked grants, allowed are {limits.max_deletes}",
            hint=f"after a look at each of them: --max-deletes {losses}",
        )


def _too_much(plan: Plan, limits: Limits) -> Iterator[ProvisionError]:
    losses = sum(change.op is Op.DELETE for change in plan.changes)
    if plan.owned > _FEW and losses * 100 > limits.max_delete_share * plan.owned:
        share = -(-losses * 100 // plan.owned)  # rounded up, so that the flag lets it pass
        yield Refused(
            f"limit: {losses} of {plan.owned} resources that are ours would be deleted, {share} %; "
            f"allowed are {limits.max_delete_share} %",
            hint=f"after a look at each of them: --max-delete-share {share}",
        )


def _too_wide(plan: Plan, limits: Limits) -> Iterator[ProvisionError]:
    gained = sum(row.gained for row in plan.access.told) + len(plan.access.other_apps)
    if limits.max_widening is not None and gained > limits.max_widening:
        yield Refused(
            f"limit: {plural(gained, 'row')} of access gained, allowed are {limits.max_widening}",
            hint=f"after a look at each row under ACCESS: --max-widening {gained}",
        )


def _cut_off(plan: Plan, me: RunsAs) -> Iterator[ProvisionError]:
    for change, loss in cut_off(plan.changes, me):
        yield Refused(
            f"lifeline: {change.key} would be {_DONE[change.op]}, and {me.user}, as whom this runs, "
            f"would lose {loss}",
            hint="run this as somebody else: --identity FILE",
        )


_DONE: Final = {
    Op.CREATE: "created",
    Op.UPDATE: "updated",
    Op.DELETE: "deleted",
    Op.GRANT: "given roles",
    Op.REVOKE: "deprived of roles",
    Op.ADOPT: "adopted",
}
