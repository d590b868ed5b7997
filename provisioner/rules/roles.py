"""Rules about roles: what Teleport takes in silence and does otherwise than it reads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from provisioner import patterns, units
from provisioner.kinds import KINDS
from provisioner.model import Site
from provisioner.rules._base import Finding, Path, Rule

_WILDCARD: Final = ("*",)
_TEMPLATE: Final = re.compile(r"\{\{\s*(internal|external)\.([^}\s]*)\s*\}\}")
_TRAITS: Final = frozenset(
    {
        "aws_role_arns",
        "azure_identities",
        "db_names",
        "db_roles",
        "db_users",
        "gcp_service_accounts",
        "github_orgs",
        "jwt",
        "kubernetes_groups",
        "kubernetes_users",
        "logins",
        "mcp_tools",
        "windows_logins",
    }
)
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


def _half_wildcard(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        values = role.app_labels.get("*")
        if values is not None and values != _WILDCARD:
            yield Finding(
                ("roles", name, "app_labels", "*"),
                f"role {name}: the key * goes only with the value '*': Teleport refuses this role",
                "write the key of a label, or '*': '*'",
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


def _bad_pattern(site: Site) -> Iterator[Finding]:
    for path, pattern in _patterns(site):
        try:
            patterns.compile_pattern(pattern)
        except patterns.PatternError as error:
            yield Finding(
                path,
                f"{error.message}; Teleport stores it and then refuses every call that has to "
                "evaluate it",
                error.hint
                or "Teleport's regular expressions are Go's: https://pkg.go.dev/regexp/syntax",
            )


def _half_anchored(site: Site) -> Iterator[Finding]:
    for path, text in _trapped(site, "half anchored"):
        yield Finding(
            path,
            f"`{text}` is no regular expression for Teleport but this very text: that takes both "
            "^ and $",
            f"write ^{text.removeprefix('^').removesuffix('$')}$, or leave both out",
        )


def _loosely_anchored(site: Site) -> Iterator[Finding]:
    for path, text in _trapped(site, "loosely anchored"):
        yield Finding(
            path,
            f"`{text}` is not tied to both ends in all of its alternatives: it matches longer "
            "names as well",
            f"write ^({text[1:-1]})$",
        )


def _trapped(site: Site, trap: patterns.Trap) -> Iterator[tuple[Path, str]]:
    for path, text in _patterns(site):
        if not text.startswith("^") and not text.endswith("$"):
            continue
        try:
            found = patterns.traps(patterns.compile_pattern(text))
        except patterns.PatternError:
            continue  # a rule of its own says so
        if trap in found:
            yield path, text


def _template_in_deny(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        for index, tool in enumerate(role.deny.tools if role.deny else ()):
            if "{{" in tool:
                yield Finding(
                    ("roles", name, "deny", "tools", index),
                    f"role {name}: for an identity without this trait the entry is dropped, and "
                    "nothing is denied",
                    "deny literal names or patterns",
                )


def _unknown_trait(site: Site) -> Iterator[Finding]:
    for path, pattern in _texts(site):
        for kind, trait in _TEMPLATE.findall(pattern):
            if kind == "internal" and trait not in _TRAITS:
                close = difflib.get_close_matches(trait, _TRAITS, n=1)
                yield Finding(
                    path,
                    f"Teleport knows no trait internal.{trait}: it drops this entry",
                    f"did you mean internal.{close[0]}?"
                    if close
                    else "traits of your own are external.NAME",
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
                close = difflib.get_close_matches(option, known, n=1)
                yield Finding(
                    ("roles", name, "options", option),
                    f"role {name}: option {option} is not known here: Teleport below 18.8 drops "
                    "what it does not know without a word",
                    f"did you mean {close[0]}?" if close else "",
                    on_key=True,
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


def _patterns(site: Site) -> Iterator[tuple[Path, str]]:
    """Yield every text that is a pattern as it stands: with a trait in it, nobody knows yet."""
    return ((path, text) for path, text in _texts(site) if "{{" not in text)


def _texts(site: Site) -> Iterator[tuple[Path, str]]:
    """Yield every text that Teleport evaluates as a pattern, in the end."""
    for name, role in site.roles.items():
        yield from _listed(("roles", name, "tools"), role.tools)
        yield from _of_selector(("roles", name, "app_labels"), role.app_labels)
        if role.deny:
            yield from _listed(("roles", name, "deny", "tools"), role.deny.tools)
            yield from _of_selector(("roles", name, "deny", "app_labels"), role.deny.app_labels)


def _of_selector(path: Path, selector: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Path, str]]:
    for label, values in selector.items():
        yield from _listed((*path, label), values)


def _listed(path: Path, texts: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for index, text in enumerate(texts):
        yield (*path, index), text


RULES: Final = (
    Rule("PV101", "error", "labels and expression together", _labels_and_expression),
    Rule("PV102", "warning", "wildcard app labels", _every_app),
    Rule("PV103", "error", "wildcard key with another value", _half_wildcard),
    Rule("PV104", "warning", "tools without labels", _no_labels),
    Rule("PV105", "warning", "labels without tools", _no_tools),
    Rule("PV106", "error", "pattern that Teleport cannot compile", _bad_pattern),
    Rule("PV107", "error", "half-anchored pattern", _half_anchored),
    Rule("PV108", "error", "alternatives outside of a group", _loosely_anchored),
    Rule("PV109", "error", "template in a deny list", _template_in_deny),
    Rule("PV110", "error", "unknown internal trait", _unknown_trait),
    Rule("PV111", "warning", "deny of labels and tools in one role", _deny_is_or),
    Rule("PV112", "error", "reserved role name", _reserved),
    Rule("PV113", "error", "role that expires under a bot", _expires_under_a_bot),
    Rule("PV114", "error", "expires in the past", _expired),
    Rule("PV115", "error", "second factor for MCP sessions", _session_mfa),
    Rule("PV116", "error", "option idp with role version v8", _idp),
    Rule("PV117", "warning", "unknown role option", _unknown_option),
    Rule("PV118", "error", "bad value of a role option", _bad_option),
)
