"""The events of an apply, a line each, as they happen; and what was not reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.change import Change, Op
from provisioner.events import Done, Event, Note, Skipped, Started
from provisioner.report._base import STYLES
from provisioner.text.terminal import Paint, plural, visible

_PAST: Final[dict[Op, str]] = {
    Op.CREATE: "created",
    Op.UPDATE: "updated",
    Op.DELETE: "deleted",
    Op.GRANT: "granted",
    Op.REVOKE: "revoked",
    Op.ADOPT: "adopted",
}


def line(event: Event, paint: Paint) -> str | None:
    """Return what a reader sees of one event, None for what is only progress."""
    if isinstance(event, Done):
        return _done(event, paint)
    if isinstance(event, Skipped):
        key = visible(str(event.change.key))
        return f"{paint('yellow', f'. {key}')}  skipped: {visible(str(event.blocker))} was not done"
    return visible(event.text) if isinstance(event, Note) else None


def unfinished(changes: Sequence[Change], events: Sequence[Event]) -> Iterator[str]:
    """Yield a line for every change of a plan that has no outcome, after an interrupt or a failure."""
    settled = {event.change.key for event in events if isinstance(event, Done | Skipped)}
    started = {
        change.key for event in events if isinstance(event, Started) for change in event.changes
    }
    for change in changes:
        if change.key not in settled:
            state = "unknown: begun, and no answer" if change.key in started else "not done"
            yield f". {visible(str(change.key))}  {state}"


def summary(changes: Sequence[Change], events: Sequence[Event]) -> str:
    """Return one line: how many of the changes were made."""
    made = sum(isinstance(event, Done) and event.error is None for event in events)
    failed = sum(isinstance(event, Done) and event.error is not None for event in events)
    skipped = sum(isinstance(event, Skipped) for event in events)
    parts = [f"{made} of {plural(len(changes), 'change')} made"]
    parts += [f"{failed} failed"] * bool(failed) + [f"{skipped} skipped"] * bool(skipped)
    return ", ".join(parts)


def _done(event: Done, paint: Paint) -> str:
    op, key = event.change.op, visible(str(event.change.key))
    if event.error is None:
        moved = f"  {_moved(event.change)}" if op in (Op.GRANT, Op.REVOKE) else f"  {_PAST[op]}"
        return f"{paint(STYLES[op], f'{op.symbol} {key}')}{moved}"
    hint = f"\n    = {visible(event.error.hint)}" if event.error.hint else ""
    return f"{paint('red', f'x {key}')}  not {_PAST[op]}: {visible(event.error.message)}{hint}"


def _moved(change: Change) -> str:
    """Return which roles a bot gained and lost, such as `granted dev, revoked old`."""
    return ", ".join(
        f"{word} {visible(', '.join(roles))}"
        for field in change.fields
        for word, roles in (("granted", field.added), ("revoked", field.removed))
        if roles
    )
