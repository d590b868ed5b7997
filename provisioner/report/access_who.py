"""Which bots may call a tool, or any tool, of one server, and by which role and pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from provisioner.rbac.access import Row
from provisioner.rbac.inquiry import Scene, rows
from provisioner.report._layout import GAP, aligned, wrapped
from provisioner.report._scene import footer
from provisioner.text.terminal import Paint, plural, visible

Found = Sequence[tuple[Row, tuple[str, ...]]]


def text(scene: Scene, server: str, tool: str, paint: Paint, columns: int) -> str:
    """Return the answer for a scene of one server; `tool` is empty where any is meant."""
    found = tuple(rows(scene.world))
    calls = [each for each in found if each[0].kind != "session"]
    callers = {row.bot for row, _ in calls}
    asked = f"{visible(tool)} on {visible(server)}" if tool else f"a tool of {visible(server)}"
    number = f"{len(callers)} of {plural(len(scene.world.identities), 'bot')} may call {asked}"
    lines = [f"{paint('bold', number)}{GAP}{paint('dim', visible(scene.name))}"]
    lines += ["", *_by_bot(calls)] if tool and calls else _by_role(calls, paint, columns)
    connected = [visible(row.bot) for row, _ in found if row.bot not in callers]
    also = [paint("dim", line) for line in wrapped(connected, "connect only: ", columns)]
    return "\n".join([*lines, *([""] * bool(also)), *also, *footer(scene, paint)])


def _by_bot(calls: Found) -> list[str]:
    """Return a line for each bot that may call the one tool."""
    lines = [(row.bot, f"role {row.role}", f"by {row.pattern}") for row, _ in calls]
    return aligned([[f"{GAP}{visible(bot)}", *map(visible, rest)] for bot, *rest in lines])


def _by_role(calls: Found, paint: Paint, columns: int) -> Iterator[str]:
    """Yield a block for each bot: its roles and patterns, with the tools that each opens."""
    for bot, mine in groupby(calls, lambda each: each[0].bot):
        yield ""
        yield paint("bold", visible(bot))
        opened: dict[str, list[str]] = {}
        for row, but in mine:
            opened.setdefault(_by(row), []).append(", except ".join([row.name, *but]))
        for by, names in opened.items():
            yield from wrapped([*map(visible, names)], f"{GAP}{visible(by)}: ", columns)


def _by(row: Row) -> str:
    """Return what opens a tool: a role, and its pattern where that is not the tool itself."""
    return f"role {row.role}" + (f" by {row.pattern}" if row.pattern != row.name else "")
