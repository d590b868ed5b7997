"""Rows of access that differ in the tool alone, told together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from provisioner.change import AccessRow

KINDS: Final[dict[str, str]] = {"session": "connect", "tool": "", "pattern": "whatever matches"}


class Grant(Struct, frozen=True):
    """What a bot gains or loses on a server by one and the same rule.

    `pattern` is what lets the tools through, "" where it is the tool's own name; `names` are the
    tools or patterns, none of them for a mere session.
    """

    gained: bool
    bot: str
    server: str
    kind: Literal["tool", "pattern", "session"]
    role: str
    pattern: str
    why: str
    names: tuple[str, ...]


def together(rows: Iterable[AccessRow]) -> tuple[Grant, ...]:
    """Return the rows as grants, in the order in which the first row of each comes."""
    found: dict[AccessRow, list[str]] = {}
    for row in rows:
        pattern = "" if row.pattern == row.name or row.kind != "tool" else row.pattern
        names = found.setdefault(row._replace(name="", pattern=pattern), [])
        if row.kind != "session":
            names.append(row.name)
    return tuple(
        Grant(
            same.gained, same.bot, same.server, same.kind, same.role, same.pattern, same.why,
            tuple(names),
        )
        for same, names in found.items()
    )  # fmt: skip
