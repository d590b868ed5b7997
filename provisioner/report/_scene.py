"""What every answer about access begins and ends with, and how it names what it is about."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.rbac.inquiry import Cell, Scene
from provisioner.text.terminal import Paint, plural, visible


def domain(scene: Scene) -> str:
    """Return how much a scene covers, such as `5 bots, 6 MCP servers, 27 known tools`."""
    return ", ".join(
        (
            plural(len(scene.world.identities), "bot"),
            plural(len(scene.world.named()), "MCP server"),
            plural(scene.known_tools, "known tool"),
        )
    )


def remarks(scene: Scene) -> Iterator[str]:
    """Yield what a reader has to know besides, each a sentence of visible text."""
    unknown = dict.fromkeys(each.name for each in scene.world.servers if each.tools is None)
    if unknown:
        yield (
            f"The tools of {visible(', '.join(unknown))} are not known: what stands there are the "
            "patterns of roles."
        )
    if split := scene.world.split():
        yield (
            f"Agents serve {visible(', '.join(split))} with different labels, and which of "
            "them answers is chance: a call counts as allowed that any of them lets through."
        )
    yield from map(visible, scene.remarks)


def share(cell: Cell) -> str:
    """Say how much of a server a bot may call: `all 5`, `2 of 5`, `any`, `patterns`, or nothing."""
    if not cell.items:
        return "connect only"
    if cell.total is None:
        return "any" if cell.is_all else "patterns"
    return f"all {cell.total}" if cell.is_all else f"{len(cell.items)} of {cell.total}"


def items(cell: Cell) -> Iterator[str]:
    """Yield the tools or patterns of a cell, then what is denied of them, as visible text."""
    yield from map(visible, cell.items)
    yield from (f"except {visible(text)}" for text in cell.but)


def footer(scene: Scene, paint: Paint) -> Iterator[str]:
    """Yield the remarks as the last lines of a text, after an empty one."""
    said = [paint("dim", remark) for remark in remarks(scene)]
    yield from ["", *said] if said else []
