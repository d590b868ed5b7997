"""What a plan is told of a site, and what the site takes for granted of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from provisioner.change import Change, Key, Op
from provisioner.checks.acceptance import Test
from provisioner.checks.rules import Rule
from provisioner.checks.rules.elsewhere import (
    EXTERNAL_ROLE,
    OTHER_LABELS,
    SPLIT,
    UNPINNED,
    UNSERVED,
)
from provisioner.cluster.resource import Resource, equal, labels
from provisioner.errors import Place, Problem
from provisioner.planning.impact import live_servers
from provisioner.planning.state import State, is_mcp
from provisioner.rbac.access import Server
from provisioner.rbac.labels import alternatives, listed, written
from provisioner.site.wording import dotted
from provisioner.text.source import Step
from provisioner.values import EMPTY, Body


class Declared(Struct, frozen=True):
    """An MCP server of the site that somebody else registers; `labels` None: the site does not say."""

    labels: Mapping[str, str] | None
    at: Place


class Excepting(Struct, frozen=True):
    """A role with except_tools: whether it reaches a server with these labels, and its place."""

    reaches: Callable[[Mapping[str, str]], bool]
    at: Place


class Desired(Struct, frozen=True):
    """Everything a plan needs to know of a site.

    `kinds` are in scope: only of these may anything be created, changed or called orphaned.
    `external_roles` and `servers` must be live; their places say where the site expects them.
    `tools` are those of the servers whose inventory is complete; `exceptions` are the roles whose
    tools were worked out from them.
    """

    site: str
    file: str
    resources: tuple[Resource, ...]
    kinds: tuple[str, ...]
    external_roles: Mapping[str, Place]
    servers: Mapping[str, Declared]
    tools: Mapping[str, tuple[str, ...] | None] = EMPTY
    tests: tuple[Test, ...] = ()
    exceptions: Mapping[str, Excepting] = EMPTY


def unmet(
    desired: Desired, before: State, after: State, found: Iterable[Change]
) -> Iterator[Problem]:
    """Yield what the site takes for granted and the cluster does not have, after `found` is done."""
    for index, (name, at) in enumerate(desired.external_roles.items()):
        if Key("role", name) not in before.known:
            yield _problem(
                EXTERNAL_ROLE,
                ("external_roles", index),
                f"external role `{name}` does not exist in the cluster",
                "create it, or take it from the bots that name it",
                at,
            )
    yield from _unpinned(desired, live_servers(before, desired.tools.get))
    served = dict(before.apps())
    fate = {change.key.name: change.op for change in found if change.key.kind == "app"}
    for name, server in desired.servers.items():
        if fate.get(name) is Op.DELETE:
            yield _problem(
                UNSERVED,
                ("mcp_servers", name),
                f"no agent will serve MCP server `{name}`: this plan deletes app/{name}",
                "let the site register it with `app:`, or remove it from the site",
                server.at,
            )
        elif fate.get(name) not in (Op.CREATE, Op.UPDATE):
            apps = served.get(name, ())
            yield from _unserved(name, server, [app for app in apps if is_mcp(app)] or apps)
    yield from _split(desired, after)


def _unpinned(desired: Desired, servers: Iterable[Server]) -> Iterator[Problem]:
    """Yield live servers that a role with exceptions reaches, and whose tools nobody knows."""
    found = (
        (server.name, name)
        for server in servers
        for name, role in desired.exceptions.items()
        if desired.tools.get(server.name) is None and role.reaches(server.labels)
    )
    for server, name in dict.fromkeys(found):
        yield _problem(
            UNPINNED,
            ("roles", name, "except_tools"),
            f"role `{name}` reaches live MCP server `{server}`, whose tools are not known: "
            "except_tools cannot be worked out",
            "add the server to the site with its tools, or pin them: provision tools pull",
            desired.exceptions[name].at,
        )


def _unserved(name: str, server: Declared, apps: Iterable[Body]) -> Iterator[Problem]:
    live = [written(labels(app)) for app in apps]
    if not live:
        yield _problem(
            UNSERVED,
            ("mcp_servers", name),
            f"no agent serves MCP server `{name}`",
            "start an app_service that serves it, or let the site register it with `app:`",
            server.at,
        )
    elif server.labels is not None and not any(equal(found, server.labels) for found in live):
        yield _problem(
            OTHER_LABELS,
            ("mcp_servers", name),
            f"MCP server `{name}` is live with other labels: {alternatives(map(listed, live))}",
            "write these labels in the site: roles match what is live",
            server.at,
        )


def _split(desired: Desired, after: State) -> Iterator[Problem]:
    """Yield the MCP servers of the site that are served with different labels."""
    apps = {each.key.name: each.at for each in desired.resources if each.key.kind == "app"}
    places = {**apps, **{name: server.at for name, server in desired.servers.items()}}
    for name, found in after.apps():
        if name not in places:
            continue
        told = {listed(written(labels(app))) for app in found if is_mcp(app)}
        if len(told) > 1:
            yield _problem(
                SPLIT,
                ("mcp_servers", name),
                f"MCP server `{name}` is served with different labels: {alternatives(sorted(told))}",
                "give it the same labels everywhere: until then, which of them counts is chance",
                places[name],
            )


def _problem(
    rule: Rule[object], path: tuple[Step, ...], message: str, hint: str, at: Place | None
) -> Problem:
    return Problem(rule.code, rule.severity, message, hint, at, entry=dotted(path))
