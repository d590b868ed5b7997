"""Who may call what, as text: a table where that fits, else a block for each bot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from provisioner.change import Access
from provisioner.rbac.access import Identity
from provisioner.rbac.inquiry import Cell, Scene, cells
from provisioner.report import _access
from provisioner.report._layout import GAP, aligned, padded, wrapped
from provisioner.report._scene import domain, footer, items, share
from provisioner.text.terminal import Paint, visible, width

Found = Mapping[str, Sequence[Cell]]


def matrix(scene: Scene, paint: Paint, columns: int) -> str:
    """Return what every bot may call on every server, at most `columns` wide where words allow."""
    found = {name: tuple(group) for name, group in groupby(cells(scene.world), attrgetter("bot"))}
    lines = _table(scene, found)
    if max(map(width, lines)) <= columns:
        lines[0] = paint("bold", lines[0])
    else:
        lines = list(_blocks(scene, found, paint, columns))
    head = f"{paint('bold', 'ACCESS')}{GAP}{visible(scene.name)}: {domain(scene)}"
    return "\n".join([head, "", *lines, *footer(scene, paint)])


def difference(access: Access, before: Scene, after: Scene, paint: Paint) -> str:
    """Return what bots gain and lose between two scenes."""
    head = paint("dim", f"{visible(before.name)}\n-> {visible(after.name)}")
    section = _access.text(access, paint) or "No bot gains or loses anything."
    return "\n".join([head, "", section, *footer(after, paint)])


def _table(scene: Scene, found: Found) -> list[str]:
    names = list(scene.world.named())
    lines = [["", *map(visible, names)]]
    for identity in scene.world.identities:
        by_server = {cell.server: cell for cell in found.get(identity.name, ())}
        lines.append([visible(identity.name), *(_short(by_server.get(name)) for name in names)])
    return aligned(lines)


def _short(cell: Cell | None) -> str:
    return "-" if cell is None else ", ".join(items(cell)) or share(cell)


def _blocks(scene: Scene, found: Found, paint: Paint, columns: int) -> Iterator[str]:
    names = [visible(name) for name in scene.world.named()]
    first = max(map(width, names), default=0)
    for number, identity in enumerate(scene.world.identities):
        yield from [""] * bool(number)
        yield _title(identity, paint)
        mine = found.get(identity.name, ())
        for cell in mine:
            yield from _entry(cell, first, paint, columns)
        reached = {visible(cell.server) for cell in mine}
        rest = [name for name in names if name not in reached]
        for line in wrapped(rest, f"{GAP}{padded('-', first)}{GAP}", columns):
            yield paint("dim", line)


def _title(identity: Identity, paint: Paint) -> str:
    roles = ", ".join(visible(body["metadata"]["name"]) for body in identity.roles)
    return f"{paint('bold', visible(identity.name))}{GAP}{paint('dim', roles or 'no role')}"


def _entry(cell: Cell, first: int, paint: Paint, columns: int) -> Iterator[str]:
    """Yield the lines of one server; what is open altogether stands out."""
    said = padded(share(cell), len("patterns"))
    head = f"{GAP}{padded(visible(cell.server), first)}{GAP}"
    lines = list(wrapped(list(items(cell)), f"{head}{said}{GAP}", columns)) or [f"{head}{said}"]
    rest = lines[0].removeprefix(f"{head}{said}")
    yield f"{head}{paint('yellow', said) if cell.is_all else said}{rest}".rstrip()
    yield from lines[1:]
