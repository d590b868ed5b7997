"""Who may call what, in Markdown for GitHub: one table, and what a reader has to know besides."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from provisioner.change import Access, AccessRow
from provisioner.rbac.access import Identity
from provisioner.rbac.inquiry import Cell, Scene, cells
from provisioner.report import _access
from provisioner.report._markdown import code, prose
from provisioner.report._scene import domain, remarks, share


def matrix(scene: Scene) -> str:
    """Return a table with a line for each bot and server that can have a session."""
    found = {name: tuple(group) for name, group in groupby(cells(scene.world), attrgetter("bot"))}
    lines = [f"### Access: {prose(scene.name)}", "", f"{domain(scene)}.", ""]
    lines += ["| bot | server | share | may call |", "|---|---|---|---|"]
    for identity in scene.world.identities:
        lines += _of_bot(identity, found.get(identity.name, ()))
    return "\n".join([*lines, *_notes(scene)])


def difference(access: Access, before: Scene, after: Scene) -> str:
    """Return a table of what bots gain and lose between two scenes, widening first."""
    shown = tuple(_access.shown(access))
    gained = sum(row.gained for row in shown)
    lines = [f"### Access: {gained} gained, {len(shown) - gained} lost", ""]
    lines += [f"From {prose(before.name)} to {prose(after.name)}."]
    if shown:
        lines += ["", "| | bot | server | tool | by |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_moved, shown), *_notes(after)])


def _of_bot(identity: Identity, mine: tuple[Cell, ...]) -> Iterator[str]:
    if not mine:
        yield f"| {code(identity.name)} | - | - | nothing |"
    for number, cell in enumerate(mine):
        name = "" if number else code(identity.name)
        yield f"| {name} | {code(cell.server)} | {share(cell)} | {_items(cell)} |"


def _items(cell: Cell) -> str:
    but = [f"except {code(text)}" for text in cell.but]
    return ", ".join([*map(code, cell.items), *but]) or "-"


def _moved(row: AccessRow) -> str:
    by = [row.why and prose(row.why), row.role and f"role {code(row.role)}"]
    by += [row.pattern and f"pattern {code(row.pattern)}"]
    what = "connect" if row.kind == "session" else code(row.name)
    cells = ("+" if row.gained else "-", code(row.bot), code(row.server), what)
    return f"| {' | '.join(cells)} | {', '.join(part for part in by if part)} |"


def _notes(scene: Scene) -> Iterator[str]:
    said = [f"- {prose(remark)}" for remark in remarks(scene)]
    yield from ["", *said] if said else []
