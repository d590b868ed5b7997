"""What has become of pinned tools, and who may call them already: drift, joined to roles.

A tool that a server adds is granted the moment it appears to every bot whose role says `*`. So
what changed is told together with the roles and bots that it concerns.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from msgspec import Struct

from provisioner.errors import ProvisionError
from provisioner.rbac.access import Checker, World
from provisioner.tools.lock import Changed, Pin, Tool, diff

State = Literal["same", "drift", "no baseline", "unreachable"]


class Grant(Struct, frozen=True):
    """A role whose pattern lets these bots call a tool."""

    role: str
    pattern: str
    bots: tuple[str, ...]


class Finding(Struct, frozen=True):
    """One tool that is not as it was pinned, and who may call it.

    `change` is None for a tool that came or went. `grants` is None where nobody knows them: the
    server is not in the site.
    """

    tool: Tool
    change: Changed | None = None
    grants: tuple[Grant, ...] | None = None


class Comparison(Struct, frozen=True):
    """One server against its pin; `why` says why it could not be read, `hint` the cure."""

    server: str
    state: State
    pinned: Pin | None = None
    found: Pin | None = None
    added: tuple[Finding, ...] = ()
    removed: tuple[Finding, ...] = ()
    changed: tuple[Finding, ...] = ()
    unseen: tuple[str, ...] = ()
    why: str = ""
    hint: str = ""


def compare(
    server: str, pinned: Pin | None, found: Pin | ProvisionError | None, world: World | None = None
) -> Comparison:
    """Hold what a server says against its pin; `world` says who may call what.

    A server without a pin has no baseline, whatever it says. `found` None is as unread.
    """
    if isinstance(found, ProvisionError):
        return Comparison(server, "unreachable", pinned, why=found.message, hint=found.hint)
    if pinned is None or found is None:
        return Comparison(server, "no baseline", pinned, found)
    drift = diff(pinned, found)
    granted = _Granted(server, world)
    return Comparison(
        server,
        "drift" if drift else "same",
        pinned,
        found,
        added=tuple(Finding(tool, None, granted.of(tool.name)) for tool in drift.added),
        removed=tuple(Finding(tool, None, granted.of(tool.name)) for tool in drift.removed),
        changed=tuple(
            Finding(each.after, each, granted.of(each.after.name)) for each in drift.changed
        ),
        unseen=tuple(tool.name for tool in drift.unseen),
    )


class _Granted:
    """Who may call what on one server."""

    def __init__(self, server: str, world: World | None) -> None:
        self._sides = world.named().get(server, []) if world else []
        self._bots = [Checker(identity) for identity in world.identities] if world else []

    def of(self, tool: str) -> tuple[Grant, ...] | None:
        """Return every role and pattern that grants a tool, and to whom."""
        if not self._sides:
            return None
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for bot in self._bots:
            decisions = (bot.decide(side, tool) for side in self._sides)
            if decision := next((each for each in decisions if each.allowed), None):
                found[decision.role, decision.pattern].append(bot.identity.name)
        return tuple(Grant(*by, tuple(sorted(bots))) for by, bots in sorted(found.items()))
