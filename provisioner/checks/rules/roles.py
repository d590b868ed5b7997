"""Rules about roles: what Teleport takes in silence and does otherwise than it reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from provisioner.checks.rules._base import Finding, Rule
from provisioner.cluster.kinds import KINDS
from provisioner.site.model import Site
from provisioner.text import units

_WILDCARD: Final = ("*",)
_SYSTEM: Final = frozenset(
    [
        "auth",
        "node",
        "proxy",
        "admin",
        "provisiontoken",
        "trusted_cluster",
        "signup",
        "nop",
        "remoteproxy",
        "kube",
        "app",
        "db",
        "windowsdesktop",
        "bot",
        "instance",
        "discovery",
        "okta",
        "mdm",
        "accessgraphplugin",
    ]
)
_PRESETS: Final = frozenset(
    [
        "access",
        "access-plugin",
        "auditor",
        "connector",
        "editor",
        "group-access",
        "list-access-request-resources",
        "mcp-user",
        "requester",
        "reviewer",
        "terraform-provider",
        "wildcard-workload-identity-issuer",
        "require-trusted-device",
        "device-admin",
        "device-enroll",
        "default-implicit-role",
    ]
)


def _labels_and_expression(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if role.app_labels and role.app_labels_expression:
            yield Finding(
                ("roles", name, "app_labels_expression"),
                f"role {name}: app_labels and app_labels_expression must both match a server",
                "keep one of them: write the labels into the expression, or drop it",
                on_key=True,
                related=(("roles", name, "app_labels"),),
            )


def _every_app(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if role.app_labels.get("*") == _WILDCARD:
            yield Finding(
                ("roles", name, "app_labels", "*"),
                f"role {name} opens every app of the cluster, MCP server or not",
                "name the labels of the servers that are meant",
                on_key=True,
            )


def _no_labels(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if role.tools and not role.app_labels and not role.app_labels_expression:
            yield Finding(
                ("roles", name, "tools"),
                f"role {name} allows tools on no server: it has no app_labels",
                "add app_labels that match the servers, such as {env: dev}",
                on_key=True,
            )


def _no_tools(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if (role.app_labels or role.app_labels_expression) and not role.tools:
            yield Finding(
                ("roles", name),
                f"role {name} lets bots connect and call no tool: it has no tools",
                "add tools, such as ['read_*']",
                on_key=True,
            )


def _deny_is_or(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if (
            role.deny
            and role.deny.tools
            and (role.deny.app_labels or role.deny.app_labels_expression)
        ):
            yield Finding(
                ("roles", name, "deny"),
                f"role {name}: deny blocks the matching servers altogether, and besides the tools "
                "on every server; it does not join the two",
                "to take tools away on some servers, allow fewer there",
                on_key=True,
            )


def _reserved(site: Site) -> Iterator[Finding]:
    for name in site.roles:
        if name in _SYSTEM | _PRESETS or name.startswith("bot-"):
            why = (
                "Teleport generates roles of this name for bots"
                if name.startswith("bot-")
                else "Teleport has a role of this name itself"
            )
            yield Finding(
                ("roles", name), f"role {name}: {why}", "choose another name", on_key=True
            )


def _expires_under_a_bot(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if not role.expires:
            continue
        holders = [bot for bot, entry in site.bots.items() if name in entry.roles]
        if holders:
            yield Finding(
                ("roles", name, "expires"),
                f"when role {name} expires, bot {', '.join(holders)} gets no certificate at all: "
                "one missing role fails them all",
                "let the bot expire instead",
                on_key=True,
                related=tuple(("bots", bot, "roles") for bot in holders),
            )


def _expired(site: Site) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for collection in ("roles", "mcp_servers", "bots"):
        for name, entry in getattr(site, collection).items():
            if entry.expires and units.moment(entry.expires) <= now:
                yield Finding(
                    (collection, name, "expires"),
                    f"{entry.expires} is in the past",
                    "remove the entry, or give it a later time",
                )


def _session_mfa(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if role.options.get("require_session_mfa"):
            yield Finding(
                ("roles", name, "options", "require_session_mfa"),
                f"role {name}: MCP sessions cannot ask for a second factor: no bot gets in with it",
                "leave the option out",
                on_key=True,
            )


def _idp(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        if "idp" in role.options and role.version == "v8":
            yield Finding(
                ("roles", name, "options", "idp"),
                f"role {name}: option idp ends with role version v7: Teleport refuses this role",
                "leave the option out, or write version: v7",
                on_key=True,
            )


def _unknown_option(site: Site) -> Iterator[Finding]:
    known = KINDS["role"].options
    for name, role in site.roles.items():
        for option in role.options:
            if option not in known:
                yield Finding(
                    ("roles", name, "options", option),
                    f"role {name}: option {option} is not known here: Teleport below 18.8 drops "
                    "what it does not know without a word",
                    "leave it out, or use a Teleport that knows it",
                    on_key=True,
                    word=option,
                    known=known,
                )


def _bad_option(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        for option in ("max_session_ttl", "client_idle_timeout"):
            value = role.options.get(option)
            if value is not None and not _is_role_duration(value):
                yield Finding(
                    ("roles", name, "options", option),
                    f"role {name}: {option} is not a duration",
                    "write it as text, such as 8h or 90m",
                )


def _is_role_duration(value: object) -> bool:
    try:
        return isinstance(value, str) and units.nanoseconds(value, calendar=True) >= 0
    except ValueError:
        return False


RULES: Final = (
    Rule("PV101", "error", "labels and expression together", _labels_and_expression),
    Rule("PV102", "warning", "wildcard app labels", _every_app),
    Rule("PV104", "warning", "tools without labels", _no_labels),
    Rule("PV105", "warning", "labels without tools", _no_tools),
    Rule("PV111", "warning", "deny of labels and tools in one role", _deny_is_or),
    Rule("PV112", "error", "reserved role name", _reserved),
    Rule("PV113", "error", "role that expires under a bot", _expires_under_a_bot),
    Rule("PV114", "error", "expires in the past", _expired, firm=True),
    Rule("PV115", "error", "second factor for MCP sessions", _session_mfa),
    Rule("PV116", "error", "option idp with role version v8", _idp, firm=True),
    Rule("PV117", "warning", "unknown role option", _unknown_option),
    Rule("PV118", "error", "bad value of a role option", _bad_option, firm=True),
)
