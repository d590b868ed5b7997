"""Rules about bots and their clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provisioner.checks.rules._base import LONGEST_LIFE, Finding, Path, Rule
from provisioner.clients import FORMATS, Format
from provisioner.site.model import Client, Site
from provisioner.text import units

_LONGEST_NAME: Final = 64
"""The longest name of a tool that models take; clients put the entry's name into it."""
_SHORTEST_WAIT: Final = 1_000_000_000
_LONGEST_WAIT: Final = (2**31 - 1) * 1_000_000
"""In nanoseconds: half of the clients run on Node.js, whose timers take more as 1 ms."""


def _unknown_role(site: Site) -> Iterator[Finding]:
    known = {*site.roles, *site.external_roles}
    for name, bot in site.bots.items():
        for index, role in enumerate(bot.roles):
            if role not in known and not role.startswith("bot-"):
                yield Finding(
                    ("bots", name, "roles", index),
                    f"bot {name} names role {role}, which is not in this site",
                    "add it under roles, or list it in external_roles",
                    word=role,
                    known=known,
                )


def _unknown_server(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, client in enumerate(bot.clients):
            for at, server in enumerate(client.servers):
                if server not in site.mcp_servers:
                    yield Finding(
                        ("bots", name, "clients", index, "servers", at),
                        f"bot {name}: a client names MCP server {server}, which is not in this site",
                        "add it under mcp_servers",
                        word=server,
                        known=site.mcp_servers.keys(),
                    )


def _generated_role(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, role in enumerate(bot.roles):
            if role.startswith("bot-"):
                yield Finding(
                    ("bots", name, "roles", index),
                    f"bot {name} names {role}: roles that begin with bot- are Teleport's own, "
                    "one for each bot",
                    "name the role that allows something",
                )


def _bot_prefix(site: Site) -> Iterator[Finding]:
    for name in site.bots:
        if name.startswith("bot-"):
            yield Finding(
                ("bots", name),
                f"bot {name}: Teleport puts bot- before the name itself, for the bot's user and role",
                f"call it {name.removeprefix('bot-') or 'by another name'}",
                on_key=True,
            )


def _twice(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, role in enumerate(bot.roles):
            first = bot.roles.index(role)
            if first != index:
                yield Finding(
                    ("bots", name, "roles", index),
                    f"bot {name} names role {role} twice",
                    "remove one of them",
                    related=(("bots", name, "roles", first),),
                )


def _long_session(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        ttl = bot.max_session_ttl
        if ttl and units.nanoseconds(ttl) > units.nanoseconds(LONGEST_LIFE):
            yield Finding(
                ("bots", name, "max_session_ttl"),
                f"bot {name}: Teleport issues nothing for longer than {LONGEST_LIFE}",
                f"write {LONGEST_LIFE} or less",
            )


def _no_session(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        if bot.max_session_ttl and not units.nanoseconds(bot.max_session_ttl):
            yield Finding(
                ("bots", name, "max_session_ttl"),
                f"bot {name}: Teleport takes 0 for 30h",
                "leave it out for 12h, or write the duration that is meant",
            )


def _no_values(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for trait, values in bot.traits.items():
            if not values:
                yield Finding(
                    ("bots", name, "traits", trait),
                    f"bot {name}: Teleport forgets trait {trait}, which has no values",
                    "give it a value, or remove it",
                    on_key=True,
                )


def _no_identity(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        if bot.clients and bot.identity is None:
            yield Finding(
                ("bots", name, "clients"),
                f"bot {name} has clients but no identity: they need the file that tbot writes",
                "add identity: {path: /opt/machine-id}",
                on_key=True,
            )


def _unknown_format(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, client in enumerate(bot.clients):
            kind, at = client.format, ("bots", name, "clients", index, "format")
            if (kind.name is None) == (kind.custom is None):
                yield Finding(
                    at,
                    f"bot {name}: a client's format is one of ours, by its name, or a template of "
                    "your own, by its path",
                    "write format: codex, or format: {custom: clients/own.json.j2}",
                )
            elif kind.name is not None and kind.name not in FORMATS:
                yield Finding(
                    at,
                    f"bot {name}: there is no client format {kind.name}",
                    f"there are: {', '.join(FORMATS)}",
                    word=kind.name,
                    known=FORMATS.keys(),
                )


def _one_name_for_many(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, client in enumerate(bot.clients):
            if client.name and len(client.servers) != 1:
                yield Finding(
                    ("bots", name, "clients", index, "name"),
                    f"bot {name}: one entry name for {len(client.servers) or 'any number of'} servers",
                    "give each server a client of its own, or leave the name out",
                )


def _long_names(site: Site) -> Iterator[Finding]:
    called: dict[str, dict[str, Path]] = {}
    for path, client, _ in _clients(site):
        for server in client.servers:
            called.setdefault(server, {}).setdefault(client.name or server, path)
    if reachable := next((path for path, client, _ in _clients(site) if not client.servers), None):
        for server in site.mcp_servers:
            called.setdefault(server, {}).setdefault(server, reachable)
    for server, names in called.items():
        entry = max(names, key=len)
        tools = site.mcp_servers[server].tools if server in site.mcp_servers else None
        for index, tool in enumerate(tools or ()):
            name = f"mcp__{entry}__{tool}"
            if len(name) > _LONGEST_NAME:
                yield Finding(
                    ("mcp_servers", server, "tools", index),
                    f"clients call this tool {name}: {len(name)} characters, and models take "
                    f"{_LONGEST_NAME}",
                    f"give the client's entry a shorter name than {entry}",
                    related=(names[entry],),
                )


def _reserved_names(site: Site) -> Iterator[Finding]:
    for path, client, form in _clients(site):
        names = (client.name,) if client.name else client.servers or site.mcp_servers
        for name in sorted(form.reserved):
            if name in names:
                yield Finding(
                    (*path, "name" if client.name else "servers"),
                    f"{client.format.name} has a server of its own that is called {name}, and does "
                    "not start this one",
                    "give the entry another name, in a client of its own",
                )


def _lost_variables(site: Site) -> Iterator[Finding]:
    for path, client, form in _clients(site):
        for name in client.env:
            if form.bare or name.upper() in form.refused:
                yield Finding(
                    (*path, "env", name),
                    f"{client.format.name} does not give {name} to tsh",
                    f"set it where {'the command' if form.bare else client.format.name} is started",
                    on_key=True,
                )


def _odd_wait(site: Site) -> Iterator[Finding]:
    for path, client, _ in _clients(site):
        if not _SHORTEST_WAIT <= units.nanoseconds(client.timeout) <= _LONGEST_WAIT:
            yield Finding(
                (*path, "timeout"),
                f"a client that waits {client.timeout} for a server does not start it",
                "write how long a connection may take, for example 30s; at most 24 days",
            )


def _tsh_by_path(site: Site) -> Iterator[Finding]:
    for path, client, form in _clients(site):
        if form.windowed and site.teleport.tsh is None:
            yield Finding(
                (*path, "format"),
                f"{client.format.name} starts tsh without the PATH of a shell, and may not find it",
                "say where it is: teleport: {tsh: /usr/local/bin/tsh}",
            )


def _clients(site: Site) -> Iterator[tuple[Path, Client, Format]]:
    """Yield every client of a format that we know."""
    for name, bot in site.bots.items():
        for index, client in enumerate(bot.clients):
            if form := FORMATS.get(client.format.name or ""):
                yield ("bots", name, "clients", index), client, form


RULES: Final = (
    Rule("PV130", "error", "unknown role", _unknown_role),
    Rule("PV131", "error", "unknown MCP server", _unknown_server, firm=True),
    Rule("PV132", "error", "bot that names a generated role", _generated_role),
    Rule("PV133", "error", "bot name that begins with bot-", _bot_prefix),
    Rule("PV134", "error", "role named twice", _twice),
    Rule("PV135", "warning", "session longer than Teleport issues", _long_session),
    Rule("PV136", "error", "session of no length", _no_session, firm=True),
    Rule("PV137", "error", "trait without values", _no_values),
    Rule("PV138", "error", "client without identity", _no_identity, firm=True),
    Rule("PV139", "error", "unknown client format", _unknown_format, firm=True),
    Rule("PV140", "error", "one entry name for several servers", _one_name_for_many, firm=True),
    Rule("PV141", "warning", "tool with too long a name", _long_names),
    Rule("PV142", "warning", "name that a client keeps for itself", _reserved_names),
    Rule("PV143", "warning", "variable that a client does not pass on", _lost_variables),
    Rule("PV144", "error", "client that waits no time, or more than it can count", _odd_wait),
    Rule("PV145", "info", "desktop client that has to look for tsh", _tsh_by_path),
)
