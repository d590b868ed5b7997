"""What a plan does to access: the world as it is against the world as it will be.

Roles and bots of others are in both worlds, so whatever a change does to them is seen too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from provisioner.change import Access, AccessRow, Change, Key, Op
from provisioner.cluster.resource import Resource, labels, resource
from provisioner.rbac.access import (
    Difference,
    Identity,
    Row,
    Server,
    Why,
    World,
    difference,
)
from provisioner.values import EMPTY, Body, Plain

Inventory = Callable[[str], tuple[str, ...] | None]
"""Gives the tools of an MCP server by its name, None where not all of them are known."""

State = Mapping[Key, Resource]


def outcome(known: State, changes: Iterable[Change]) -> State:
    """Return the live state as it will be when `changes` are made."""
    after = dict(known)
    for change in changes:
        _make(change, after)
    return after


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


def live_world(known: State, inventory: Inventory) -> World:
    """Return who there is on a cluster, and which MCP servers.

    A bot that names a role which does not exist holds none: tbot asks for all of them at once, and
    is refused.
    """
    return World(tuple(_identities(known)), live_servers(known, inventory))


def live_servers(known: State, inventory: Inventory) -> tuple[Server, ...]:
    """Return the MCP servers that there are on a cluster, in the order of their names."""
    return tuple(_servers(known, inventory, mcp=True))


def _identities(known: State) -> Iterator[Identity]:
    roles = {key.name: found.body for key, found in known.items() if key.kind == "role"}
    for key, bot in known.items():
        if key.kind == "bot":
            held = bot.roles if all(role in roles for role in bot.roles) else ()
            yield Identity(key.name, tuple(roles[role] for role in held), _traits(bot))


def _traits(bot: Resource) -> Mapping[str, tuple[str, ...]]:
    traits: Mapping[str, tuple[str, ...]] = bot.form.get("spec", {}).get("traits", {})
    return traits


def _servers(known: State, inventory: Inventory, *, mcp: bool) -> Iterator[Server]:
    found: dict[str, Body] = {}
    for kind in ("app", "app_server"):  # what an agent serves is what roles are matched against
        for key, live in known.items():
            if key.kind == kind:
                found[key.name] = served_app(live)
    for name, app in sorted(found.items()):
        if is_mcp(app) is mcp:
            yield Server(name, labels(app), inventory(name) if mcp else None, mcp)


def served_app(live: Resource) -> Body:
    """Return the app itself: an `app_server` wraps the one that its agent serves."""
    if live.key.kind != "app_server":
        return live.body
    app: Body = (live.body.get("spec") or EMPTY).get("app") or EMPTY
    return app


def is_mcp(app: Body) -> bool:
    """Whether an app is an MCP server."""
    spec: Mapping[str, Plain] = app.get("spec") or {}
    return bool(spec.get("mcp")) or str(spec.get("uri", "")).startswith("mcp+")


def _make(change: Change, state: dict[Key, Resource]) -> None:
    """Do to `state` what the cluster will do."""
    if change.op is Op.DELETE:
        state.pop(change.key, None)
        state.pop(Key("app_server", change.key.name), None) if change.key.kind == "app" else None
        return
    body = change.write or change.after
    state[change.key] = resource(body)
    served = Key("app_server", change.key.name)
    if change.key.kind == "app" and served in state:
        wrapper = state[served].body
        state[served] = resource({**wrapper, "spec": {**wrapper["spec"], "app": body}})


def _newly_reached(before: State, after: State) -> Iterator[tuple[str, str]]:
    """Yield (bot, app) for every app that is no MCP server and that a bot reaches only afterwards."""
    old, new = (World(tuple(_identities(state)), _apps(state)) for state in (before, after))
    yield from ((row.bot, row.server) for row in difference(old, new).gained)


def _apps(state: State) -> tuple[Server, ...]:
    return tuple(_servers(state, lambda _name: (), mcp=False))


def _row(row: Row, *, gained: bool) -> AccessRow:
    why = "" if row.why is Why.GRANTED else str(row.why)
    return AccessRow(gained, row.bot, row.server, row.kind, row.name, row.role, row.pattern, why)
