"""Whether a plan made just now is covered by one that was approved, and if not, what moved.

Covered is a plan that does nothing beyond what was approved: then an apply that failed half-way
can be run again with the same approval. What a half-done apply leaves is planned anew; that an
access row is gained now counts as new even where the approved plan only kept it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from provisioner.change import AccessRow, Change, Inputs, Key, Op, Plan
from provisioner.errors import Stale
from provisioner.text.terminal import visible
from provisioner.values import Body, Plain, canonical_json, differing

_SKEW: Final = timedelta(minutes=5)
_SHOWN: Final = 40  # lines
_REVIEW: Final = "make a new plan and have it reviewed: provision plan -o FILE"
_MOVED: Final = (Op.CONFLICT, Op.UNOWNED)


class ApprovedChange(Struct, frozen=True):
    """One change of an approved plan; the digest is what was approved."""

    action: str
    digest: str
    before: Body
    after: Body


class Approved(Struct, frozen=True):
    """What a plan file approves, and of what it was made.

    `changes` are by key, such as `role/dev`; `gained` and `other_apps` is what bots may newly reach,
    `tests` the state of each access test.
    """

    site: str
    file: str
    cluster: str
    prune: bool
    only: tuple[Key, ...]
    created_at: datetime
    inputs: Inputs
    digest: str
    changes: Mapping[str, ApprovedChange]
    gained: frozenset[AccessRow]
    other_apps: frozenset[tuple[str, str]]
    tests: Mapping[str, str]


def require_current(
    approved: Approved, site: str, inputs: Inputs, now: datetime, max_age: timedelta
) -> None:
    """Let an approval pass that is of this site, of what it says now, and not too old.

    Raises Stale, naming all that moved. Needs no cluster.
    """
    _refuse([*_other_inputs(approved, site, inputs), *_age(approved, now, max_age)])


def uncovered(plan: Plan, approved: Approved) -> tuple[str, ...]:
    """Return what `plan` would do beyond what was approved, line by line; nothing if covered."""
    return tuple(_uncovered(plan, approved))


def require_covered(plan: Plan, approved: Approved) -> None:
    """Let a plan pass that does nothing beyond what was approved. Raises Stale with what moved."""
    _refuse(uncovered(plan, approved))


def _refuse(lines: Sequence[str]) -> None:
    if lines:
        more = len(lines) - _SHOWN
        told = [*map(visible, lines[:_SHOWN]), *([f"and {more} more lines"] if more > 0 else [])]
        raise Stale("\n".join(["this is not what was approved", *told]), hint=_REVIEW)


def _other_inputs(approved: Approved, site: str, inputs: Inputs) -> Iterator[str]:
    if approved.site != site:
        yield f"the plan is for site {approved.site}, this is {site}"
        return
    sides = (
        ("the site, or a file that it includes", approved.inputs.site, inputs.site),
        ("the templates", approved.inputs.templates, inputs.templates),
        ("the pinned tools", approved.inputs.lock, inputs.lock),
    )
    for what, then, now in sides:
        if then != now:
            yield f"{what} moved: sha256 was {_short(then)}, is {_short(now)}"


def _short(digest: str | None) -> str:
    return f"{digest[:12]}..." if digest else "none"


def _age(approved: Approved, now: datetime, max_age: timedelta) -> Iterator[str]:
    age = now - approved.created_at
    if age > max_age:
        yield f"the plan is {_length(age)} old, allowed are {_length(max_age)} (--max-age)"
    if age < -_SKEW:
        yield f"the plan was made {_length(-age)} from now: a clock is wrong"


def _length(time: timedelta) -> str:
    hours, minutes = divmod(int(time.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _uncovered(plan: Plan, approved: Approved) -> Iterator[str]:
    if approved.cluster != plan.cluster.name:
        yield f"the plan is for cluster {approved.cluster}, this is {plan.cluster.name}"
        return
    if approved.prune is not plan.prune:
        yield f"the plan is one {_mode(approved.prune)}, this is one {_mode(plan.prune)}"
    if approved.only != plan.only:
        yield f"the plan is of {_part(approved.only)}, this is of {_part(plan.only)}"
    for change in plan.changes:
        if (then := approved.changes.get(str(change.key))) is None:
            yield f"not approved: {_what(change)}"
        elif then.digest != change.digest:
            yield from _moved(change, then)
    for note in plan.notes:
        if note.op in _MOVED and (then := approved.changes.get(str(note.key))):
            yield f"{note.key}: approved was to {then.action} it, now: {note.reason}"
    yield from _more_access(plan, approved)
    for test in plan.tests:
        if test.state != "passed" and (was := approved.tests.get(test.name)) != test.state:
            yield f"access test `{test.name}` {test.state}; when approved: {was or 'not there'}"


def _mode(prune: bool) -> str:
    return "with pruning" if prune else "without pruning"


def _part(only: Sequence[Key]) -> str:
    return ", ".join(map(str, only)) or "the whole site"


def _more_access(plan: Plan, approved: Approved) -> Iterator[str]:
    for row in plan.access.rows:
        if row.gained and row not in approved.gained:
            tool = f"/{row.name}" if row.name else ""
            yield f"bot {row.bot} would gain {row.server}{tool} by role {row.role}, which nobody approved"
    for bot, app in plan.access.other_apps:
        if (bot, app) not in approved.other_apps:
            yield f"bot {bot} would also reach app {app}, which nobody approved"


def _what(change: Change) -> str:
    paths = ", ".join(field.path for field in change.fields)
    return f"to {change.op} {change.key}" + (f" ({paths})" if change.op is Op.UPDATE else "")


def _moved(change: Change, then: ApprovedChange) -> Iterator[str]:
    """Yield how a change is another one now: what was live, and what it should become."""
    action = f"approved was to {then.action} it, now it is to {change.op}"
    yield f"{change.key}: {action if then.action != change.op else 'another change now'}"
    for side, old, new in (
        ("live", then.before, change.before),
        ("planned", then.after, change.after),
    ):
        for path, one, two in differing(old, new):
            yield f"    {side} {path}: was {_shown(one)}, is {_shown(two)}"


def _shown(value: Plain) -> str:
    return "absent" if value is None else canonical_json(value)[:200]


__all__ = ["require_covered", "require_current", "uncovered"]
