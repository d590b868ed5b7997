"""What a plan does to access: the world as it is against the world as it will be.

Roles and bots of others are in both worlds, so whatever a change does to them is seen too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from provisioner.change import Access, AccessRow
from provisioner.cluster.resource import Resource, labels
from provisioner.planning.state import State, is_mcp
from provisioner.rbac.access import (
    Difference,
    Identity,
    Row,
    Server,
    Why,
    World,
    difference,
)

Inventory = Callable[[str], tuple[str, ...] | None]
"""Gives the tools of an MCP server by its name, None where not all of them are known."""


def impact(before: State, after: State, inventory: Inventory) -> Access:
    """Return what bots gain and lose between two states."""
    found = difference(live_world(before, inventory), live_world(after, inventory))
    return replace(as_access(found), other_apps=tuple(_newly_reached(before, after)))


def as_access(found: Difference) -> Access:
    """Return a difference of two worlds as plans tell it."""
    rows = [
        *(_row(row, gained=True) for row in found.gained),
        *(_row(row, gained=False) for row in found.lost),
    ]
    return Access(
        rows=tuple(rows),
        bots=found.bots,
        servers=found.servers,
        tools=found.tools,
        unknown=found.unknown,
    )


def live_world(live: State, inventory: Inventory) -> World:
    """Return who there is on a cluster, and which MCP servers.

    A bot that names a role which does not exist holds none: tbot asks for all of them at once, and
    is refused.
    """
    return World(tuple(_identities(live)), live_servers(live, inventory))


def live_servers(live: State, inventory: Inventory) -> tuple[Server, ...]:
    """Return the MCP servers that there are on a cluster, in the order of their names."""
    return tuple(
        Server(name, labels(app), inventory(name))
        for name, apps in live.apps()
        for app in apps
        if is_mcp(app)
    )


def _identities(live: State) -> Iterator[Identity]:
    roles = {key.name: found.body for key, found in live.known.items() if key.kind == "role"}
    for key, bot in live.known.items():
        if key.kind == "bot":
            held = bot.roles if all(role in roles for role in bot.roles) else ()
            yield Identity(key.name, tuple(roles[role] for role in held), _traits(bot))


def _traits(bot: Resource) -> Mapping[str, tuple[str, ...]]:
    traits: Mapping[str, tuple[str, ...]] = bot.form.get("spec", {}).get("traits", {})
    return traits


def _newly_reached(before: State, after: State) -> Iterator[tuple[str, str]]:
    """Yield (bot, app) for every app that is no MCP server and that a bot reaches only afterwards."""
    old, new = (World(tuple(_identities(state)), _apps(state)) for state in (before, after))
    yield from ((row.bot, row.server) for row in difference(old, new).gained)


def _apps(live: State) -> tuple[Server, ...]:
    return tuple(
        Server(name, labels(app), ())
        for name, apps in live.apps()
        for app in apps
        if not is_mcp(app)
    )


def _row(row: Row, *, gained: bool) -> AccessRow:
    why = "" if row.why is Why.GRANTED else str(row.why)
    return AccessRow(gained, row.bot, row.server, row.kind, row.name, row.role, row.pattern, why)
