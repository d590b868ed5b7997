"""What the templates of machine files are told: tbot.yaml, and every client's configuration."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Final

from provisioner.clients import FORMATS, Connection, Layout
from provisioner.errors import Place
from provisioner.rendering.documents import Locate
from provisioner.site.formats import template_name
from provisioner.site.joins import ON_MACHINE, Join, SecretJoin, token_name
from provisioner.site.model import Bot, Client, ClientFormat, Identity, Site, Tbot
from provisioner.text import units
from provisioner.values import Plain

Reach = Callable[[str], tuple[str, ...]]
"""Gives, for a bot, the servers on which it has a tool, or may have one."""

_FACTS: Final = Connection.__struct_fields__

MachineFile = tuple[str, str, Callable[[], Place], Callable[[], Mapping[str, Plain]]]
"""Its path, its template, what finds the site entry behind it, and what tells the template."""


def machine_files(site: Site, locate: Locate, reach: Reach) -> Iterator[MachineFile]:
    """Yield every file that `site` asks for on the bots' machines.

    `reach` gives the servers of a bot for the clients that take all of them.
    """
    for name, bot in site.bots.items():
        if bot.identity is None:
            continue
        at = partial(locate, ("bots", name, "identity"))
        for number, join in enumerate(bot.join or (None,)):
            # No name holds a dot, so that this is never the file of another bot.
            suffix = f".{join.name or join.method.replace('_', '-')}" if join and number else ""
            context = partial(_tbot, site, name, bot, bot.identity, join)
            yield f"tbot/{name}{suffix}.yaml", "tbot/tbot.yaml.j2", at, context
        yield from _client_files(site, name, bot, locate, reach)


def _tbot(
    site: Site, name: str, bot: Bot, identity: Identity, join: Join | None
) -> Mapping[str, Plain]:
    """One identity service; tsh needs `allow_reissue` to get a certificate for the app."""
    tbot = bot.tbot or Tbot()
    return {
        "proxy": site.teleport.proxy,
        "onboarding": _onboarding(name, join) if join else None,
        "storage": _storage(tbot.storage) if tbot.storage else None,
        "services": [
            {
                "type": "identity",
                "destination": _destination(identity),
                "allow_reissue": True,
                "credential_ttl": identity.credential_ttl,
                "renewal_interval": identity.renewal_interval,
            }
        ],
        "oneshot": True if tbot.oneshot else None,
        "diag_addr": tbot.diag_addr,
        "credential_ttl": None,
        "renewal_interval": None,
    }


def _onboarding(bot: str, join: Join) -> Mapping[str, Plain]:
    token = join.token_path if isinstance(join, SecretJoin) else token_name(bot, join)
    block, key = ON_MACHINE.get(join.method, ("", ""))
    told = getattr(join, key, None)
    return {"join_method": join.method, "token": token, **({block: {key: told}} if told else {})}


def _storage(place: str) -> Mapping[str, Plain]:
    return {"type": "memory"} if place == "memory" else {"type": "directory", "path": place}


def _destination(identity: Identity) -> Mapping[str, Plain]:
    if identity.kubernetes_secret is not None:
        return {"type": "kubernetes_secret", "name": identity.kubernetes_secret.name}
    readers = [reader.said() for reader in identity.readers]
    optional = {"readers": readers, "symlinks": identity.symlinks, "acls": identity.acls}
    return {
        "type": "directory",
        "path": identity.path,
        **{name: value for name, value in optional.items() if value},
    }


def _client_files(
    site: Site, name: str, bot: Bot, locate: Locate, reach: Reach
) -> Iterator[MachineFile]:
    at = partial(locate, ("bots", name, "clients"))
    for kind in dict.fromkeys(client.format for client in bot.clients):
        context = partial(_connections, site, name, bot, kind, reach)
        for layout in _layouts(kind):
            yield f"clients/{name}/{layout.file}", layout.template, at, context


def _connections(
    site: Site, name: str, bot: Bot, kind: ClientFormat, reach: Reach
) -> Mapping[str, Plain]:
    return {
        "connections": [
            _connection(site, bot, client, server)
            for client in bot.clients
            if client.format == kind
            for server in client.servers or reach(name)
        ]
    }


def _layouts(kind: ClientFormat) -> tuple[Layout, ...]:
    if kind.custom is not None:
        file = kind.custom.rpartition("/")[2].removesuffix(".j2")
        return (Layout(file, template_name(kind.custom)),)
    return FORMATS[kind.name or ""].layouts


@lru_cache(maxsize=64)
def _milliseconds(duration: str) -> int:
    return units.nanoseconds(duration) // 10**6


def _connection(site: Site, bot: Bot, client: Client, server: str) -> Mapping[str, Plain]:
    directory = bot.identity.directory if bot.identity else ""
    milliseconds = _milliseconds(client.timeout)
    entry = site.mcp_servers[server]
    connection = Connection(
        name=client.name or server,
        server=server,
        command=site.teleport.tsh or "tsh",
        args=(
            *("mcp", "connect", "-i", f"{directory}/identity"),
            *("--proxy", site.teleport.proxy, server),
        ),
        env=client.env,
        timeout_ms=milliseconds,
        tools=entry.tools,
    )
    argv = (connection.command, *connection.args)
    return {
        **{name: getattr(connection, name) for name in _FACTS},
        "argv": argv,
        "line": shlex.join(argv),
        "timeout_s": -(-milliseconds // 1000),
        "description": entry.description or f"MCP server {server}",
    }
