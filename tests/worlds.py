"""Worlds that tests ask about: bots, their roles, and MCP servers, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.rbac.access import Identity, Server, World
from provisioner.rbac.inquiry import Scene

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e'\"`|{{ 7 * 7 }}@team"


def role(name: str, labels: Mapping[str, Any], *tools: str, **half: Any) -> dict[str, Any]:
    """Return a role that allows `tools` where `labels` match; `deny` is its other half."""
    allow = {"app_labels": labels, "mcp": {"tools": list(tools)}, **half.pop("allow", {})}
    spec = {"options": half.pop("options", {}), "allow": allow, "deny": half.pop("deny", {})}
    return {"kind": "role", "version": "v8", "metadata": {"name": name}, "spec": spec}


DEV = role("dev", {"env": "dev"}, "*")
READER = role("reader", {"env": ["dev", "prod"]}, "read_*", "list")
NO_DELETE = role("no-delete", {}, deny={"mcp": {"tools": ["delete_*"]}})

FILES = Server("files", {"env": "dev"}, ("delete_file", "read_file"))
DB = Server("db", {"env": "prod"}, ("drop", "list", "read_row"))
WEB = Server("web", {"env": "dev"})


def scene(
    *identities: Identity, servers: tuple[Server, ...] = (FILES, DB, WEB), **rest: Any
) -> Scene:
    """Return a scene of bots and servers."""
    return Scene(rest.pop("name", "site.yaml alone"), World(identities, servers), **rest)


SCENE = scene(
    Identity("admin", (DEV, READER)),
    Identity("careful", (DEV, NO_DELETE)),
    Identity("idle", (NO_DELETE,)),
    notes=("Judged on the site alone.",),
)
