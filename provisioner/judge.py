"""The rules of safety that a plan must pass before its first write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from provisioner.change import Change, Op, Plan
from provisioner.errors import ProvisionError, Refused, SiteError
from provisioner.resource import PROTECTED_LABEL, labels

MAX_DELETES: Final = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one apply may go; `max_deletes` counts deletions and revoked grants."""

    max_deletes: int = MAX_DELETES


def judge(plan: Plan, limits: Limits) -> None:
    """Let a plan pass.

    Raises SiteError when the site and the cluster contradict each other, Refused with all reasons
    when the plan is sound but not allowed.
    """
    if any(problem.severity == "error" for problem in plan.problems):
        raise SiteError(plan.problems)
    refusals = [*_conflicts(plan), *_protected(plan), *_too_many(plan, limits)]
    if refusals:
        raise Refused(
            "\n".join(refusal.message for refusal in refusals),
            hint="\n".join(dict.fromkeys(refusal.hint for refusal in refusals if refusal.hint)),
        )


def _conflicts(plan: Plan) -> Iterator[ProvisionError]:
    for note in plan.notes:
        if note.op is Op.CONFLICT:
            yield Refused(f"conflict: {note.key}: {note.reason}", hint=note.hint)


def _protected(plan: Plan) -> Iterator[ProvisionError]:
    for change in plan.changes:
        if labels(change.before).get(PROTECTED_LABEL) == "true" and not _only_unprotects(change):
            yield Refused(
                f"protected: {change.key} would be {_DONE[change.op]}",
                hint="apply `protected: false` alone first, then this change",
            )


def _only_unprotects(change: Change) -> bool:
    return [field.path for field in change.fields] == [f'metadata.labels["{PROTECTED_LABEL}"]']


def _too_many(plan: Plan, limits: Limits) -> Iterator[ProvisionError]:
    losses = sum(change.op in (Op.DELETE, Op.REVOKE) for change in plan.changes)
    if losses > limits.max_deletes:
        yield Refused(
            f"limit: {losses} deletions and revoked grants, allowed are {limits.max_deletes}",
            hint=f"after a look at each of them: --max-deletes {losses}",
        )


_DONE: Final = {
    Op.CREATE: "created",
    Op.UPDATE: "updated",
    Op.DELETE: "deleted",
    Op.GRANT: "given roles",
    Op.REVOKE: "deprived of roles",
}
