"""What the templates of cluster resources are told: one context a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from provisioner.change import Key
from provisioner.cluster.kinds import PROTECTED_LABEL, SITE_LABEL
from provisioner.errors import Place
from provisioner.site import raw
from provisioner.site.apps import App, HeaderValue
from provisioner.site.joins import ON_MACHINE, BlockJoin, IamJoin, Join, SecretJoin, token_name
from provisioner.site.model import Bot, Deny, Entry, Role, Site
from provisioner.site.subtract import remaining
from provisioner.text import units
from provisioner.values import Plain

Locate = Callable[[tuple[str | int, ...]], Place]
"""Gives the place of a path in the site."""

Documents = Iterator[tuple[Key, Callable[[], Place], Mapping[str, Plain]]]


def documents(site: Site, locate: Locate) -> Documents:
    """Yield key, what finds the place in the site, and context of every document that `site` asks for."""
    for name, role in site.roles.items():
        yield Key("role", name), partial(locate, ("roles", name)), _role(name, role, site)
    for name, server in site.mcp_servers.items():
        if server.app is not None:
            context = {**_metadata(name, server, server.labels, site.site), **_app(server.app)}
            yield Key("app", name), partial(locate, ("mcp_servers", name)), context
    for name, bot in site.bots.items():
        yield Key("bot", name), partial(locate, ("bots", name)), _bot(name, bot, site.site)
        for join in bot.join:
            if not isinstance(join, SecretJoin):
                token = token_name(name, join)
                yield (
                    Key("token", token),
                    partial(locate, ("bots", name, "join")),
                    _token(token, name, join, site.site),
                )


def _metadata(name: str, entry: Entry, labels: Mapping[str, str], site: str) -> dict[str, Plain]:
    own = {SITE_LABEL: site, **({PROTECTED_LABEL: "true"} if entry.protected else {})}
    return {
        "name": name,
        "description": entry.description,
        "labels": {**labels, **own},
        "expires": entry.expires,
    }


def _role(name: str, role: Role, site: Site) -> Mapping[str, Plain]:
    return {
        **_metadata(name, role, role.labels, site.site),
        "version": role.version,
        "app_labels": role.app_labels,
        "app_labels_expression": role.app_labels_expression,
        "tools": remaining(role, site.mcp_servers),
        "deny": _deny(role.deny) if role.deny else None,
        "options": role.options,
        "extra_allow": raw.without(raw.at(role.spec, ("allow",)), "mcp"),
        "extra_allow_mcp": raw.at(role.spec, ("allow", "mcp")),
        "extra_deny": raw.without(raw.at(role.spec, ("deny",)), "mcp"),
        "extra_deny_mcp": raw.at(role.spec, ("deny", "mcp")),
        "extra_spec": raw.without(role.spec, "allow", "deny"),
    }


def _deny(deny: Deny) -> Mapping[str, Plain]:
    return {
        "app_labels": deny.app_labels,
        "app_labels_expression": deny.app_labels_expression,
        "tools": deny.tools,
    }


def _app(app: App) -> Mapping[str, Plain]:
    return {
        "uri": app.uri,
        "command": app.command,
        "args": app.args,
        "run_as_host_user": app.run_as_host_user,
        "headers": [{"name": header.name, "value": _value(header.value)} for header in app.headers],
        "insecure_skip_verify": app.insecure_skip_verify,
        "extra_mcp": raw.at(app.spec, ("mcp",)),
        "extra_rewrite": raw.at(app.spec, ("rewrite",)),
        "extra_spec": raw.without(app.spec, "mcp", "rewrite"),
    }


def _value(value: HeaderValue) -> Plain:
    """Return the text of a header, or the reference that stands for it until it is written."""
    return value.text or value.said()


def _bot(name: str, bot: Bot, site: str) -> Mapping[str, Plain]:
    ttl = bot.max_session_ttl
    return {
        **_metadata(name, bot, bot.labels, site),
        "roles": bot.roles,
        "traits": [{"name": trait, "values": values} for trait, values in bot.traits.items()],
        "max_session_ttl": units.proto_duration(units.nanoseconds(ttl)) if ttl else None,
    }


def _token(name: str, bot: str, join: Join, site: str) -> Mapping[str, Plain]:
    block = _block(join)
    return {
        "name": name,
        "expires": None,
        "labels": {SITE_LABEL: site},
        "join_method": join.method,
        "bot_name": bot,
        # Only iam has its rules beside the other keys of the token, not in a block of its own.
        "allow": block["allow"] if isinstance(join, IamJoin) else None,
        "config": None if isinstance(join, IamJoin) else block,
    }


def _block(join: Join) -> dict[str, Plain]:
    """Return what the token says of its method; what only tbot is told is not in it."""
    if isinstance(join, BlockJoin):
        return {"allow": join.allow, **join.config}
    _, told = ON_MACHINE.get(join.method, ("", ""))
    return {key: said for key, said in join.said().items() if key not in {"name", "method", told}}
