"""Rules about except_tools: an exception must be worked out in full, or it protects nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provisioner.checks.rules._base import Finding, Rule
from provisioner.rbac.patterns import PatternError
from provisioner.site.model import Role, Site
from provisioner.site.subtract import reached, remaining


def _undecidable(site: Site) -> Iterator[Finding]:
    for name, role in _roles(site):
        for reason in _reasons(role):
            yield Finding(
                ("roles", name, "except_tools"),
                f"role {name}: except_tools cannot be worked out with {reason}",
                "write the labels and the tools out, or the allowed tools one by one",
                on_key=True,
            )


def _unknown_tools(site: Site) -> Iterator[Finding]:
    for name, role in _roles(site):
        for server in reached(role, site.mcp_servers):
            if site.mcp_servers[server].tools is None:
                yield Finding(
                    ("roles", name, "except_tools"),
                    f"role {name}: except_tools needs all tools of MCP server {server}, which it reaches",
                    "list them under its tools, or pin them: provision tools pull",
                    on_key=True,
                    related=(("mcp_servers", server),),
                )


def _nothing_left(site: Site) -> Iterator[Finding]:
    for name, role in _roles(site):
        if not list(_reasons(role)) and _leaves_nothing(role, site):
            yield Finding(
                ("roles", name, "except_tools"),
                f"role {name}: no tool of any server is left",
                "check the patterns, and the labels of the servers",
                on_key=True,
            )


def _leaves_nothing(role: Role, site: Site) -> bool:
    try:
        return not remaining(role, site.mcp_servers)
    except PatternError:
        return False  # a rule of its own says so


def _reasons(role: Role) -> Iterator[str]:
    if role.app_labels_expression:
        yield "app_labels_expression"
    if any("{{" in value for values in role.app_labels.values() for value in values):
        yield "a template in app_labels"
    if any("{{" in tool for tool in (*role.tools, *role.except_tools)):
        yield "a template in tools"


def _roles(site: Site) -> Iterator[tuple[str, Role]]:
    return ((name, role) for name, role in site.roles.items() if role.except_tools)


RULES: Final = (
    Rule("PV120", "error", "exception that cannot be worked out", _undecidable, firm=True),
    Rule("PV121", "error", "exception over unknown tools", _unknown_tools, firm=True),
    Rule("PV122", "error", "exception that leaves nothing", _nothing_left, firm=True),
)
