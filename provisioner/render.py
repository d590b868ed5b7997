"""A site through its templates: the files of all four planes, and the resources for the cluster.

Templates decide how a document looks; this module decides what they are told, and proves that
what they wrote is one document of the right kind and name that carries the site's label.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from provisioner import source, units
from provisioner.change import Key
from provisioner.clients import FORMATS, Connection
from provisioner.errors import Place, Problem, SiteError
from provisioner.joins import IamJoin, Join, OtherJoin, SecretJoin, token_name
from provisioner.kinds import KINDS
from provisioner.model import App, Bot, Client, Deny, Entry, Identity, Role, Site, Tbot
from provisioner.resource import PROTECTED_LABEL, SITE_LABEL, Resource
from provisioner.templates import Templates
from provisioner.values import Plain, freeze

Locate = Callable[[tuple[str | int, ...]], Place]

_DIRECTORIES: Final = {"role": "roles", "app": "apps", "bot": "bots", "token": "tokens"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a site comes to: resources for the cluster, and every file by its relative path."""

    resources: tuple[Resource, ...]
    files: Mapping[str, str]


def render(site: Site, templates: Templates, locate: Locate) -> Rendered:
    """Render every document and file of `site`.

    `locate` gives the place of a path in the site, for errors. Raises SiteError with a problem for
    every template that fails or writes something else than it was asked for.
    """
    problems: list[Problem] = []
    files: dict[str, str] = {}
    resources: list[Resource] = []
    for key, at, context in _documents(site, locate):
        try:
            text = templates.render(KINDS[key.kind].template, context, entry=at)
            resources.append(_parsed(text, key, at, site.site))
        except SiteError as error:
            problems.extend(error.problems)
        else:
            files[f"{_DIRECTORIES[key.kind]}/{key.name}.yaml"] = text
    for path, template, at, context in _machine_files(site, locate):
        try:
            files[path] = templates.render(template, context, entry=at)
        except SiteError as error:
            problems.extend(error.problems)
    if problems:
        raise SiteError(tuple(problems))
    return Rendered(tuple(resources), freeze(files))


Documents = Iterator[tuple[Key, Place, Mapping[str, Plain]]]


def _documents(site: Site, locate: Locate) -> Documents:
    for name, role in site.roles.items():
        yield Key("role", name), locate(("roles", name)), _role(name, role, site.site)
    for name, server in site.mcp_servers.items():
        if server.app is not None:
            context = {**_metadata(name, server, server.labels, site.site), **_app(server.app)}
            yield Key("app", name), locate(("mcp_servers", name)), context
    for name, bot in site.bots.items():
        yield Key("bot", name), locate(("bots", name)), _bot(name, bot, site.site)
        for join in bot.join:
            if not isinstance(join, SecretJoin):
                token = token_name(name, join)
                yield (
                    Key("token", token),
                    locate(("bots", name, "join")),
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


def _role(name: str, role: Role, site: str) -> Mapping[str, Plain]:
    return {
        **_metadata(name, role, role.labels, site),
        "version": role.version,
        "app_labels": role.app_labels,
        "app_labels_expression": role.app_labels_expression,
        "tools": role.tools,
        "deny": _deny(role.deny) if role.deny else None,
        "options": role.options,
        "extra_allow": {},
        "extra_deny": {},
        "extra_spec": {},
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
        "headers": [{"name": header.name, "value": header.value} for header in app.headers],
        "insecure_skip_verify": app.insecure_skip_verify,
        "extra_spec": {},
    }


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
    if isinstance(join, OtherJoin):
        return {"allow": join.allow, **join.config}
    return join.model_dump(exclude_none=True, exclude={"name", "method"})


MachineFile = tuple[str, str, Place, Mapping[str, Plain]]
"""Its path, the template that writes it, the site entry behind it, and what the template is told."""


def _machine_files(site: Site, locate: Locate) -> Iterator[MachineFile]:
    for name, bot in site.bots.items():
        if bot.identity is None:
            continue
        at = locate(("bots", name, "identity"))
        for number, join in enumerate(bot.join or (None,)):
            suffix = f"-{join.method.replace('_', '-')}" if join and number else ""
            context = _tbot(site, name, bot, bot.identity, join)
            yield f"tbot/{name}{suffix}.yaml", "tbot/tbot.yaml.j2", at, context
        yield from _client_files(site, name, bot, locate)


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
    return {"join_method": join.method, "token": token}


def _storage(place: str) -> Mapping[str, Plain]:
    return {"type": "memory"} if place == "memory" else {"type": "directory", "path": place}


def _destination(identity: Identity) -> Mapping[str, Plain]:
    if identity.kubernetes_secret is not None:
        return {"type": "kubernetes_secret", "name": identity.kubernetes_secret.name}
    readers = [reader.model_dump(exclude_none=True) for reader in identity.readers]
    optional = {"readers": readers, "symlinks": identity.symlinks, "acls": identity.acls}
    return {
        "type": "directory",
        "path": identity.path,
        **{name: value for name, value in optional.items() if value},
    }


def _client_files(site: Site, name: str, bot: Bot, locate: Locate) -> Iterator[MachineFile]:
    at = locate(("bots", name, "clients"))
    for kind in dict.fromkeys(client.format for client in bot.clients):
        mine = [client for client in bot.clients if client.format == kind]
        entries = [entry for client in mine for entry in _connections(site, bot, client)]
        for layout in FORMATS[kind].layouts:
            yield f"clients/{name}/{layout.file}", layout.template, at, {"connections": entries}


def _connections(site: Site, bot: Bot, client: Client) -> Iterator[Mapping[str, Plain]]:
    directory = bot.identity.directory if bot.identity else ""
    milliseconds = units.nanoseconds(client.timeout) // 10**6
    for server in client.servers:
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
            tools=site.mcp_servers[server].tools,
        )
        argv = (connection.command, *connection.args)
        yield {
            **{field.name: getattr(connection, field.name) for field in fields(connection)},
            "argv": argv,
            "line": shlex.join(argv),
            "timeout_s": -(-milliseconds // 1000),
            "description": site.mcp_servers[server].description or f"MCP server {server}",
        }


def _parsed(text: str, key: Key, at: Place, site: str) -> Resource:
    """Read a rendered document back. Raises SiteError when it is not what it was asked to be."""
    template = KINDS[key.kind].template
    document, problems = source.load(text.encode(), template)
    if document is None:
        raise SiteError(tuple(replace(problem, related=(at,)) for problem in problems))
    wrong = [
        f"{'.'.join(path)} is {found!r}, not {wanted!r}"
        for path, wanted in (
            (("kind",), key.kind),
            (("metadata", "name"), key.name),
            (("metadata", "labels", SITE_LABEL), site),
        )
        if (found := _at(document.value, path)) != wanted
    ]
    if wrong:
        raise SiteError((_not_as_asked(template, key, at, wrong),))
    return Resource(key, freeze(document.value), at)


def _at(value: Plain, path: tuple[str, ...]) -> Plain:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _not_as_asked(template: str, key: Key, at: Place, wrong: list[str]) -> Problem:
    return Problem(
        "PV038",
        "error",
        f"the template wrote something else than {key}: {'; '.join(wrong)}",
        "a template must write one document with the kind, name and labels that it is given",
        Place(template),
        (at,),
    )
