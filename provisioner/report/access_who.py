"""Which bots may call a tool, or any tool, of one server, and by which role and pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from provisioner.rbac.access import Row, matrix
from provisioner.rbac.inquiry import Scene
from provisioner.report._layout import GAP, aligned, wrapped
from provisioner.report._scene import footer
from provisioner.text.terminal import Paint, plural, visible


def text(scene: Scene, server: str, tool: str, paint: Paint, columns: int) -> str:
    """Return the answer for a scene of one server; `tool` is empty where any is meant."""
    found = tuple(matrix(scene.world).rows())
    calls = [row for row in found if row.kind != "session"]
    callers = {row.bot for row in calls}
    asked = f"{visible(tool)} on {visible(server)}" if tool else f"a tool of {visible(server)}"
    number = f"{len(callers)} of {plural(len(scene.world.identities), 'bot')} may call {asked}"
    lines = [f"{paint('bold', number)}{GAP}{paint('dim', visible(scene.name))}"]
    lines += ["", *_by_bot(calls)] if tool and calls else _by_role(calls, paint, columns)
    connected = [visible(row.bot) for row in found if row.bot not in callers]
    also = [paint("dim", line) for line in wrapped(connected, "connect only: ", columns)]
    return "\n".join([*lines, *([""] * bool(also)), *also, *footer(scene, paint)])


def _by_bot(calls: Sequence[Row]) -> list[str]:
    """Return a line for each bot that may call the one tool."""
    lines = [(row.bot, f"role {row.role}", f"by {row.pattern}") for row in calls]
    return aligned([[f"{GAP}{visible(bot)}", *map(visible, rest)] for bot, *rest in lines])


def _by_role(calls: Sequence[Row], paint: Paint, columns: int) -> Iterator[str]:
    """Yield a block for each bot: its roles and patterns, with the tools that each opens."""
    for bot, mine in groupby(calls, attrgetter("bot")):
        yield ""
        yield paint("bold", visible(bot))
        opened: dict[str, list[str]] = {}
        for row in mine:
            opened.setdefault(_by(row), []).append(", except ".join([row.name, *row.but]))
        for by, names in opened.items():
            yield from wrapped([*map(visible, names)], f"{GAP}{visible(by)}: ", columns)


def _by(row: Row) -> str:
    """Return what opens a tool: a role, and its pattern where that is not the tool itself."""
    return f"role {row.role}" + (f" by {row.pattern}" if row.pattern != row.name else "")
