"""Worlds for `access`: who there is, what they hold, and what servers there are."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.cluster.resource import Resource
from provisioner.rbac.access import Identity, Server, World
from provisioner.site.model import Site


def site_world(site: Site, resources: Iterable[Resource]) -> World:
    """Return the world as the site alone knows it; roles of others, and their bots, are not in it."""
    roles = {
        resource.key.name: resource.body for resource in resources if resource.key.kind == "role"
    }
    return World(
        tuple(
            Identity(name, tuple(roles[role] for role in bot.roles if role in roles), bot.traits)
            for name, bot in site.bots.items()
        ),
        tuple(
            Server(name, server.labels, server.tools) for name, server in site.mcp_servers.items()
        ),
    )
