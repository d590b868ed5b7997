"""A plan walked once: the rows that every output shows, with all text made visible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from provisioner.change import Cause, Change, Field, Op, Plan
from provisioner.cluster.kinds import SITE_LABEL
from provisioner.text.terminal import Paint, visible
from provisioner.values import Plain, canonical_json

_UNSAID: Final = frozenset(("kind", "metadata.name", f'metadata.labels["{SITE_LABEL}"]'))
_ON_AGENTS: Final = (
    "spec.mcp.command",
    "spec.mcp.args",
    "spec.mcp.run_as_host_user",
    "spec.insecure_skip_verify",
)
_CAUSES: Final[dict[Cause, str]] = {
    "site": "",
    "cluster": "the cluster moved",
    "both": "site and cluster moved",
    "unknown": "",
}


class Row(Struct, frozen=True):
    """One change or note, ready to be shown.

    `fields` are (path, lines) pairs; a line is (sign, text), the sign one of "+", "-", " ".
    """

    op: Op
    key: str
    place: str
    fields: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    remark: str = ""
    hint: str = ""


def rows(plan: Plan) -> tuple[Row, ...]:
    """Return every change and note of a plan exactly once, in the order in which they are told."""
    return rows_of((*plan.changes, *plan.notes))


def rows_of(changes: Iterable[Change]) -> tuple[Row, ...]:
    """Return changes or notes as rows."""
    return tuple(map(_row, changes))


def on_agents(plan: Plan) -> tuple[tuple[str, str, str], ...]:
    """Return (app, path, value) of all that will newly run on, or be trusted by, agents."""
    return tuple(
        (visible(change.key.name), field.path, shown(field.after))
        for change in plan.changes
        for field in change.fields
        if change.key.kind == "app" and field.path in _ON_AGENTS and field.after is not None
    )


def counts(plan: Plan) -> dict[str, int]:
    """Return how many changes and notes of each operation there are; zeros are left out."""
    found = Counter(change.op.value for change in (*plan.changes, *plan.notes))
    return {op.value: found[op.value] for op in Op if found[op.value]}


def shown(value: Plain) -> str:
    """Return a value as one line of visible text: text without quotes, all else as JSON."""
    if isinstance(value, str):
        return visible(value) or '""'
    return visible(canonical_json(value))


def _row(change: Change) -> Row:
    remark = change.reason or _CAUSES[change.cause]
    return Row(
        change.op,
        visible(str(change.key)),
        visible(str(change.at)) if change.at else "",
        tuple(
            (visible(field.path), tuple(_lines(field)))
            for field in change.fields
            if field.path not in _UNSAID and not _is_plain_version(change, field)
        ),
        visible(remark),
        visible(change.hint),
    )


def _is_plain_version(change: Change, field: Field) -> bool:
    """Only roles come in versions that a reader has to know of."""
    return field.path == "version" and change.key.kind != "role"


def _lines(field: Field) -> Iterable[tuple[str, str]]:
    if field.added or field.removed:
        yield from (("-", visible(item)) for item in field.removed)
        yield from (("+", visible(item)) for item in field.added)
        return
    if field.before is not None:
        yield "-", shown(field.before)
    if field.after is not None:
        yield "+", shown(field.after)


def lines(row: Row, paint: Paint) -> Iterator[str]:
    """Yield a row as text: what, where, why, and what differs, aligned."""
    head = paint(STYLES[row.op], f"{row.op.symbol} {row.key}")
    yield f"{head}{' ' * max(2, 36 - len(row.key))}{paint('dim', row.place)}".rstrip()
    if row.remark:
        yield f"    {row.remark}"
    if row.hint:
        yield f"    = {row.hint}"
    width = max((len(path) for path, _ in row.fields), default=0)
    for path, values in row.fields:
        label = path
        for sign, value in values:
            yield f"    {label:<{width}}  {paint(_SIGNS[sign], f'{sign} {value}')}"
            label = ""


_SIGNS: Final = {"+": "green", "-": "red", " ": "dim"}
STYLES: Final[dict[Op, str]] = {
    Op.CREATE: "green",
    Op.UPDATE: "yellow",
    Op.DELETE: "red",
    Op.GRANT: "green",
    Op.REVOKE: "red",
    Op.ADOPT: "cyan",
    Op.CONFLICT: "red",
    Op.DANGLING: "red",
    Op.ORPHAN: "cyan",
    Op.UNOWNED: "dim",
}
