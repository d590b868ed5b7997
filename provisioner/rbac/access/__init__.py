"""Who may call what: Teleport's decision on role bodies, for one call, for all, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from msgspec import Struct

from provisioner.rbac.access._base import (
    Broken,
    Conditions,
    Entry,
    Identity,
    LabelFinding,
    Permitted,
    Reach,
    Role,
    Server,
    ToolFinding,
    Why,
    apply_role,
    depends_on_identity,
    reach,
)
from provisioner.rbac.access._crews import Grant
from provisioner.rbac.access._index import LabelSets, united
from provisioner.rbac.access.checker import Checker, Decision, Step, connect, could_call, decide
from provisioner.rbac.access.grid import Matrix, Reader, Row, Spot, World, matrix

__all__ = [
    "Broken",
    "Checker",
    "Conditions",
    "Decision",
    "Difference",
    "Entry",
    "Grant",
    "Identity",
    "LabelFinding",
    "LabelSets",
    "Matrix",
    "Permitted",
    "Reach",
    "Role",
    "Row",
    "Server",
    "Spot",
    "Step",
    "ToolFinding",
    "Why",
    "World",
    "apply_role",
    "connect",
    "could_call",
    "decide",
    "depends_on_identity",
    "difference",
    "matrix",
    "reach",
    "united",
]


_ORDER: Final = attrgetter("kind", "name", "role")


class Difference(Struct, frozen=True):
    """What is allowed after and not before, and the reverse, ordered by bot, server and name.

    The answer is about `bots` identities, `servers` servers and `tools` names of tools; on the
    servers in `unknown` it is about patterns.
    """

    gained: tuple[Row, ...]
    lost: tuple[Row, ...]
    bots: int
    servers: int
    tools: int
    unknown: tuple[str, ...]


def difference(before: World, after: World) -> Difference:
    """Return what a change of the world gives and takes.

    For servers whose tools are known, this is the difference of the two matrices as sets. For
    others, every pattern that lets a name through on one side that the other refuses.
    """
    reader = Reader(before, after)
    gained: list[Row] = []
    lost: list[Row] = []
    for old, new in _changed(reader, before, after):
        gained += _beyond(new, old)
        lost += (_blamed(row, new) for row in _beyond(old, new))
    unknown = {one.name for one in after.servers if one.tools is None}
    return Difference(
        gained=tuple(gained),
        lost=tuple(lost),
        bots=len({one.name for one in (*before.identities, *after.identities)}),
        servers=len({one.name for one in (*before.servers, *after.servers)}),
        tools=len(reader.names),
        unknown=tuple(sorted(unknown)),
    )


def _changed(
    reader: Reader, before: World, after: World
) -> Iterator[tuple[Spot | None, Spot | None]]:
    """Yield both sides of every pair of identity and server where either is not what it was."""
    old_bots = {one.name: one for one in before.identities}
    new_bots = {one.name: one for one in after.identities}
    olds, news = reader.places
    old_places, new_places = olds.named, news.named
    names = dict.fromkeys(sorted(old_places.keys() | new_places.keys()))
    moved = {name: None for name in names if old_places.get(name) != new_places.get(name)}
    for bot in sorted(old_bots.keys() | new_bots.keys()):
        old, new = old_bots.get(bot), new_bots.get(bot)
        every = moved if old == new else names
        for name in reader.near(every, (old, olds), (new, news)):
            left, right = old_places.get(name), new_places.get(name)
            yield (
                reader.spot(old, left) if old and left else None,
                reader.spot(new, right) if new and right else None,
            )


def _beyond(one: Spot | None, other: Spot | None) -> list[Row]:
    """Return what is allowed at one and not at the other, by kind and name."""
    return sorted(one.beyond(other), key=_ORDER) if one else []


def _blamed(row: Row, now: Spot | None) -> Row:
    """Say of something lost what refuses it now, or else that nothing grants it any more."""
    if now is None or (row.kind == "tool" and row.name not in (now.server.tools or ())):
        return row._replace(why=Why.GONE)
    if now.closed:
        why, role = now.closed
        return row._replace(why=why, role=role, pattern="") if role else row._replace(why=why)
    if row.kind == "tool" and (refusal := now.refusal(row.name)):
        why, role, pattern = refusal
        return row._replace(why=why, role=role, pattern=pattern)
    return row._replace(why=Why.NO_TOOL)
