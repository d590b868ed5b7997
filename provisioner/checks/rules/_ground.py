"""What rules about reach are held against: the site, its roles as they are rendered, its servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct

from provisioner.checks.worlds import site_world
from provisioner.cluster.resource import Resource
from provisioner.rbac.access import (
    Identity,
    LabelSets,
    Matrix,
    Server,
    World,
    apply_role,
    depends_on_identity,
    matrix,
    reach,
    united,
)
from provisioner.site.model import Site
from provisioner.tools.lock import Lock, Tool
from provisioner.values import EMPTY, Body

Writers = Mapping[str, frozenset[str]]
"""By MCP server, the tools that say of themselves that they change something."""


class Ground(Struct, frozen=True, dict=True):
    """A site, and where each role and bot of it gets to, as far as the site alone knows.

    `reached` are the servers of each role, for any of its holders; a role is not in it where
    nobody can say: it stands for something else in each holder's hands and has none, or Teleport
    cannot evaluate it.
    """

    site: Site
    world: World
    reached: Mapping[str, tuple[Server, ...]]
    writers: Writers = EMPTY

    def tools(self, role: str) -> frozenset[str] | None:
        """Return the tools of all servers that a role reaches; None where not all are known."""
        lists = [server.tools for server in self.reached.get(role, ())]
        if not lists:
            return None
        known = [tools for tools in lists if tools is not None]
        return frozenset().union(*known) if len(known) == len(lists) else None

    @cached_property
    def access(self) -> Matrix:
        """What all bots may do on all servers, worked out once for those whose roles say the same."""
        return matrix(self.world)

    def opens(self, bot: str) -> bool:
        """Say whether a bot can have a session with any server."""
        return any(True for _ in self.access.opened(bot))


def ground(site: Site, resources: Iterable[Resource], writers: Writers | None = None) -> Ground:
    """Work out where the roles of a site get to."""
    listed = tuple(resources)
    world = site_world(site, listed)
    holders: dict[str, list[Identity]] = {}
    for identity in world.identities:
        for body in identity.roles:
            holders.setdefault(body["metadata"]["name"], []).append(identity)
    servers = _Servers(world.servers)
    bodies = {each.key.name: each.body for each in listed if each.key.kind == "role"}
    found = {name: servers.reached(body, holders.get(name, ())) for name, body in bodies.items()}
    reached = {name: servers for name, servers in found.items() if servers is not None}
    return Ground(site, world, reached, writers or {})


def writers(pins: Lock) -> Writers:
    """Return the tools that are pinned as changing something.

    A tool says nothing for certain where it leaves the hints out, whatever their defaults are.
    Source: https://modelcontextprotocol.io/specification, ToolAnnotations.
    """
    return {
        server: frozenset(tool.name for tool in pin.tools.values() if _writes(tool))
        for server, pin in pins.pins.items()
    }


def _writes(tool: Tool) -> bool:
    hints = tool.definition.get("annotations") or EMPTY
    return hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True


class _Servers:
    """Servers by their labels: a role says the same to all that have the same."""

    def __init__(self, servers: Iterable[Server]) -> None:
        self._sets = LabelSets()
        self._alike: dict[int, list[Server]] = {}
        for server in servers:
            self._alike.setdefault(self._sets.number(server.labels), []).append(server)

    def reached(self, body: Body, holders: Iterable[Identity]) -> tuple[Server, ...] | None:
        """Return the servers that a role reaches; None if nobody can say."""
        who = tuple(holders) if depends_on_identity(body) else (Identity("anybody"),)
        applied = [(apply_role(body, identity.env), identity) for identity in who]
        near = united([self._sets.candidates(role.allow) for role, _ in applied])
        if not applied and self._alike:
            return None
        found: list[Server] = []
        for number in sorted(self._alike if near is None else near):
            alike = self._alike[number]
            answers = {reach(role, each.env_at(alike[0])).allow.answer for role, each in applied}
            if None in answers:
                return None
            found += alike if True in answers else ()
        return tuple(found)
