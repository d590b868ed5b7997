"""Documents that tests are made of, as the site writes them and as Teleport gives them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.change import ClusterInfo
from provisioner.cluster.kinds import SITE_LABEL
from provisioner.cluster.resource import Resource, resource
from provisioner.errors import Place
from provisioner.planning.desired import Desired

CLUSTER = ClusterInfo("example", "18.8.3", via="test")
SITE = "acme"
OURS = {SITE_LABEL: SITE}


def role(
    name: str = "dev", *, labels: Mapping[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a role as a site renders it; `spec` replaces parts of its allow block."""
    allow = {"app_labels": {"env": "dev"}, "mcp": {"tools": ["read_*"]}, **spec.pop("allow", {})}
    return {
        "kind": "role",
        "version": "v8",
        "metadata": {"name": name, "labels": dict(OURS if labels is None else labels)},
        "spec": {"allow": allow, **spec},
    }


def bot(
    name: str = "ci",
    roles: Sequence[str] = (),
    *,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return a bot as a site renders it."""
    return {
        "kind": "bot",
        "version": "v1",
        "metadata": {"name": name, "labels": dict(OURS if labels is None else labels)},
        "spec": {"roles": list(roles), **spec},
    }


def app(
    name: str = "files", *, labels: Mapping[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a registered MCP server as a site renders it: remote, where `spec` says nothing."""
    return {
        "kind": "app",
        "version": "v3",
        "metadata": {"name": name, "labels": dict(OURS if labels is None else labels)},
        "spec": spec or {"uri": "mcp+https://mcp.internal:8443/mcp"},
    }


def token(name: str, its_bot: str, *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a join token as a site renders it."""
    method = {"join_method": "gcp", "gcp": {"allow": [{"project_ids": ["p"]}]}}
    return {
        "kind": "token",
        "version": "v2",
        "metadata": {"name": name, "labels": dict(OURS if labels is None else labels)},
        "spec": {"roles": ["Bot"], "bot_name": its_bot, **method},
    }


def filled(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a role as Teleport 18 reads it back: what api/types/role.go fills in is filled in."""
    options = {
        "cert_format": "standard",
        "create_db_user": False,
        "create_desktop_user": False,
        "desktop_clipboard": True,
        "desktop_directory_sharing": True,
        "enhanced_recording": ["command", "network"],
        "forward_agent": False,
        "max_session_ttl": "30h0m0s",
        "pin_source_ip": False,
        "record_session": {"default": "best_effort", "desktop": True},
        "ssh_file_copy": True,
    }
    spec = {"deny": {}, **body["spec"], "options": {**options, **body["spec"].get("options", {})}}
    return {**body, "metadata": {**body["metadata"], "revision": "0b5f"}, "spec": spec}


def desired(*bodies: Mapping[str, Any], **changes: Any) -> Desired:
    """Return what a plan is told of a site that renders `bodies`, each at a line of its own."""
    facts: dict[str, Any] = {
        "site": SITE,
        "file": "site.yaml",
        "resources": tuple(
            resource(body, Place("site.yaml", line)) for line, body in enumerate(bodies, 1)
        ),
        "kinds": ("role", "app", "bot"),
        "external_roles": {},
        "servers": {},
    }
    return Desired(**{**facts, **changes})


def live(*bodies: Mapping[str, Any]) -> tuple[Resource, ...]:
    """Return documents as a cluster has them."""
    return tuple(resource(body) for body in bodies)
