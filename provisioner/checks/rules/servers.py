"""Rules about MCP servers, and about labels on anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from provisioner.checks.rules._base import Finding, Path, Rule
from provisioner.rbac.labels import OF_TOOLS
from provisioner.site.apps import App
from provisioner.site.model import Site

_SCHEMES: Final = ("mcp+http://", "mcp+https://", "mcp+sse+http://", "mcp+sse+https://")
_TEMPLATE: Final = re.compile(r"\{\{\s*(?:internal|external)\.[^{}]+\}\}")
_PLAIN_VALUE: Final = re.compile(r"(?:Bearer|Basic|Token)?\s*", re.IGNORECASE)


def _one_way_in(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        if bool(app.command) == bool(app.uri):
            yield Finding(
                path,
                f"MCP server {name}: an app has either a command that the agent runs or a uri",
                "keep one of them" if app.command else "add command, or uri: mcp+https://HOST/PATH",
                on_key=True,
            )


def _no_host_user(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        if app.command and not app.run_as_host_user:
            yield Finding(
                path,
                f"MCP server {name}: the agent must know as which user of its host to run the command",
                "add run_as_host_user",
                on_key=True,
            )


def _only_for_commands(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        for key in ("args", "run_as_host_user"):
            if app.uri and not app.command and getattr(app, key):
                yield Finding(
                    (*path, key), f"MCP server {name}: {key} goes with a command, not with a uri",
                    "remove it", on_key=True,
                )  # fmt: skip


def _bad_uri(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        if app.uri and not app.uri.startswith(_SCHEMES):
            yield Finding(
                (*path, "uri"),
                f"MCP server {name}: Teleport takes this uri for another kind of app",
                f"begin it with one of {', '.join(_SCHEMES)}",
            )


def _secret_header(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        for index, header in enumerate(app.headers):
            if header.value.text is None:
                continue
            rest = _TEMPLATE.sub("", header.value.text)
            if rest == header.value.text or not _PLAIN_VALUE.fullmatch(rest):
                yield Finding(
                    (*path, "headers", index, "name"),
                    f"MCP server {name}: header {header.name} holds a literal value, which would be "
                    "readable here, in every plan and by whoever may read apps",
                    'use a template of Teleport, such as "Bearer {{internal.id_token}}", or say where the '
                    "value is: {env: NAME} or {file: PATH}",
                )


def _header_from_nowhere(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        for index, header in enumerate(app.headers):
            value = header.value
            sources = [each for each in (value.text, value.env, value.file) if each is not None]
            if len(sources) != 1 or (value.text and value.prefix):
                yield Finding(
                    (*path, "headers", index, "name"),
                    f"MCP server {name}: header {header.name} needs one source for its value",
                    "write a text, {env: NAME} or {file: PATH}; prefix goes with the last two",
                )


def _unverified(site: Site) -> Iterator[Finding]:
    for path, name, app in _apps(site):
        if app.insecure_skip_verify:
            yield Finding(
                (*path, "insecure_skip_verify"),
                f"MCP server {name}: whoever can answer for its address is believed",
                "give the agent the server's CA instead",
                on_key=True,
            )


def _own_label(site: Site) -> Iterator[Finding]:
    for collection in ("roles", "mcp_servers", "bots"):
        for name, entry in getattr(site, collection).items():
            for label in entry.labels:
                if label.startswith(OF_TOOLS):
                    yield Finding(
                        (collection, name, "labels", label),
                        f"label {label} is written by "
                        f"{'this tool' if label.startswith('provisioner/') else 'Teleport'} alone",
                        "use a prefix of your own",
                        on_key=True,
                    )


def _ownerless_extras(site: Site) -> Iterator[Finding]:
    for name, server in site.mcp_servers.items():
        for key in ("description", "expires", "protected"):
            if server.app is None and getattr(server, key) not in {None, False}:
                yield Finding(
                    ("mcp_servers", name, key),
                    f"MCP server {name}: {key} has no effect on a server that others register",
                    "remove it, or register the server with app",
                    on_key=True,
                )


def _apps(site: Site) -> Iterator[tuple[Path, str, App]]:
    for name, server in site.mcp_servers.items():
        if server.app is not None:
            yield ("mcp_servers", name, "app"), name, server.app


RULES: Final = (
    Rule("PV150", "error", "app with no way in, or with two", _one_way_in, firm=True),
    Rule("PV151", "error", "command without host user", _no_host_user, firm=True),
    Rule("PV152", "error", "command settings on a uri", _only_for_commands, firm=True),
    Rule("PV153", "error", "uri that is not MCP", _bad_uri, firm=True),
    Rule("PV154", "error", "literal value in a header", _secret_header, firm=True),
    Rule("PV195", "error", "header without a source, or with two", _header_from_nowhere, firm=True),
    Rule("PV155", "warning", "certificate not verified", _unverified),
    Rule("PV156", "error", "label that is not yours to write", _own_label, firm=True),
    Rule("PV157", "error", "setting without effect", _ownerless_extras),
)
