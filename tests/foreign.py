"""What people have made in a cluster before there was a site: documents as they would write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, WritableCluster, Write
from provisioner.cluster.resource import Resource, resource
from provisioner.cluster.teleport import presets
from provisioner.text import units

OPERATOR = {"teleport.dev/origin": "kubernetes"}
OTHER = {"provisioner/site": "other"}


def role(
    name: str, version: str = "v8", *, labels: Mapping[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a role."""
    metadata = {"name": name, "labels": dict(labels or {})}
    return {"kind": "role", "version": version, "metadata": metadata, "spec": spec}


def bot(
    name: str, *roles: str, labels: Mapping[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a bot."""
    metadata = {"name": name, "labels": dict(labels or {})}
    return {
        "kind": "bot",
        "version": "v1",
        "metadata": metadata,
        "spec": {"roles": list(roles), **spec},
    }


def app(name: str, *, labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return an app."""
    metadata = {"name": name, "labels": dict(labels or {})}
    return {"kind": "app", "version": "v3", "metadata": metadata, "spec": spec}


def reading(**more: Any) -> dict[str, Any]:
    """Return an allow block that reads on servers labelled env: dev."""
    return {"app_labels": {"env": ["dev"]}, "mcp": {"tools": ["read_*"]}, **more}


EXPRESSIBLE: tuple[dict[str, Any], ...] = (
    role("dev", allow=reading(), options={"max_session_ttl": "8h", "lock": "strict"}),
    role(
        "ops",
        "v6",
        labels={"team": "ops", "provisioner/protected": "true"},
        allow={
            "logins": ["root"],
            "node_labels": {"env": ["dev"], "team": ["a", "b"]},
            "kubernetes_labels": {"*": "*"},
            "kubernetes_resources": [{"kind": "pod", "name": "*", "namespace": "dev"}],
            "rules": [{"resources": ["session"], "verbs": ["list"], "where": "true"}],
            "require_session_join": [
                {"name": "x", "filter": "true", "kinds": ["ssh"], "modes": ["peer"], "count": 1}
            ],
        },
        deny={"mcp": {"tools": ["delete_*"]}, "logins": ["nobody"]},
        options={"cert_extensions": [{"name": "a@b", "value": "c"}], "forward_agent": True},
    ),
    role("expression", allow={"app_labels_expression": 'labels["env"] == "dev"', "mcp": {"tools": ["*"]}}),
    app("files", labels={"env": "dev"}, mcp={"command": "docker", "args": ["-i"], "run_as_host_user": "mcp"}),
    app(
        "web",
        labels={"env": "dev"},
        uri="mcp+https://h/mcp",
        insecure_skip_verify=True,
        public_addr="web.example.com",
        rewrite={
            "headers": [{"name": "Authorization", "value": "Bearer {{internal.id_token}}"}],
            "jwt_claims": "none",
        },
    ),
    bot(
        "ci",
        "dev",
        "access",
        labels={"team": "x"},
        max_session_ttl="5400s",
        traits=[{"name": "team", "values": ["ml"]}, {"name": "mcp_tools", "values": ["b", "a"]}],
    ),
    bot("idle"),
)  # fmt: skip
"""What a site can say, in forms that Teleport fills in and spells its own way."""

OTHERWISE: tuple[dict[str, Any], ...] = (
    role("Old_Style", allow=reading()),
    role("ancient", "v5", allow=reading()),
    role("operators", labels=OPERATOR, allow=reading()),
    role("others", labels=OTHER, allow=reading()),
    role("both", allow=reading(app_labels_expression='labels["a"] == "b"')),
    bot("dangling", "gone"),
    app("grafana", uri="http://localhost:3000"),
)
"""What a site cannot say, or what somebody else looks after."""


def give(cluster: WritableCluster, *bodies: Mapping[str, Any]) -> None:
    """Write documents to a cluster as somebody with tctl would."""
    for body in bodies:
        key = Key(body["kind"], body["metadata"]["name"])
        (outcome,) = cluster.write([Write(Verb.CREATE, key, dict(body))])
        assert outcome.error is None, outcome.error


def populated(*bodies: Mapping[str, Any], version: str = "18.8.3") -> MemoryCluster:
    """Return a cluster with Teleport's presets, to which somebody has given documents."""
    cluster = MemoryCluster(name="example.teleport.sh", version=version)
    give(cluster, *presets(units.version(version)), *bodies)
    return cluster


def live(cluster: MemoryCluster) -> tuple[Resource, ...]:
    """Return all that an import reads of a cluster."""
    return tuple(map(resource, cluster.read(Scope(("role", "bot", "app", "app_server")))))


def named(found: Iterable[Resource]) -> list[str]:
    """Return what resources are called, sorted."""
    return sorted(str(each.key) for each in found)
