"""Apps: what Teleport reads, fills in and refuses, and the app server an agent reports for one.

Sources: api/types/app.go `CheckAndSetDefaults`, lib/auth/grpcserver.go `CreateApp`, and the MCP
reference at https://goteleport.com/docs/reference/agent-services/mcp-access/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from provisioner.cluster.teleport._base import (
    MCP,
    METADATA,
    ORIGIN_LABEL,
    Decode,
    Field,
    Server,
    check_backend_key,
    check_metadata,
    duration,
    embedded,
    flag,
    integer,
    listing,
    struct,
    text,
    text_map,
    texts,
)
from provisioner.errors import Rejected
from provisioner.values import Body, Plain

SUB_KIND_LABEL: Final = "teleport.internal/app-sub-kind"
_SINCE_SUB_KIND_LABEL: Final = (18, 2, 1)  # with the preset role mcp-user, which selects by it
_STDIO: Final = "mcp+stdio://"
_MCP_SCHEMES: Final = (_STDIO, "mcp+http://", "mcp+https://", "mcp+sse+http://", "mcp+sse+https://")
_JWT_CLAIMS: Final = ("roles-and-traits", "roles", "none", "traits")
_AWS_CONSOLES: Final = (
    "https://console.aws.amazon.com",
    "https://console.amazonaws-us-gov.com",
    "https://console.amazonaws.cn",
)
_RESERVED_PREFIX: Final = "kube-teleport-proxy-alpn."
_CLOUDS: Final = ("AWS", "Azure", "GCP")


def _dynamic_labels(server: Server, value: Plain, path: str) -> Plain:
    """Decode a map of label names to commands."""
    if not isinstance(value, Mapping):
        return text_map(server, value, path)
    return {key: _COMMAND(server, found, f"{path}.{key}") for key, found in value.items()} or None


_COMMAND: Final = struct(
    {
        "period": Field(duration, "0s"),
        "command": Field(texts, None),
        "result": Field(text, ""),
    }
)
_SPEC: Final = struct(
    {
        "uri": Field(text, ""),
        "public_addr": text,
        "dynamic_labels": _dynamic_labels,
        "insecure_skip_verify": Field(flag, empty=False),
        "rewrite": struct(
            {
                "redirect": texts,
                "headers": listing(struct({"name": Field(text, ""), "value": Field(text, "")})),
                "jwt_claims": text,
            }
        ),
        "aws": struct({"external_id": text}),
        "cloud": text,
        "UserGroups": texts,
        "integration": text,
        "required_app_names": texts,
        "cors": struct(
            {
                "allowed_origins": texts,
                "allowed_methods": texts,
                "allowed_headers": texts,
                "allow_credentials": flag,
                "max_age": integer,
                "exposed_headers": texts,
            }
        ),
        "tcp_ports": listing(struct({"port": Field(integer, 0), "end_port": integer})),
        "use_any_proxy_public_addr": flag,
        "mcp": Field(struct({"command": text, "args": texts, "run_as_host_user": text}), since=MCP),
    }
)
_APP: Final[Decode] = struct(
    {
        "kind": text,
        "sub_kind": text,
        "version": text,
        "metadata": embedded(struct(METADATA)),
        "spec": embedded(_SPEC),
    }
)


_APP_SERVER: Final[Decode] = struct(
    {
        "kind": text,
        "version": text,
        "metadata": embedded(struct(METADATA)),
        "spec": embedded(struct({"hostname": text, "host_id": text, "app": _APP})),
    }
)


def read(server: Server, body: Body) -> dict[str, Any]:
    """Return the fields of an app document. Raises Rejected."""
    if body.get("version") != "v3":
        raise Rejected(f'unsupported app resource version "{body.get("version") or ""}"')
    app: dict[str, Any] = _APP(server, body, "")
    return app


def read_strictly(server: Server, body: Body) -> dict[str, Any]:
    """Return the fields of an app document, of which all must be known. Raises Rejected."""
    app: dict[str, Any] = _APP(replace(server, strict=True), body, "")
    return app


def complete(server: Server, app: dict[str, Any]) -> None:
    """Fill in what is not there and refuse what Teleport refuses. Raises Rejected."""
    check_metadata(app["metadata"])
    _fill_in(app, server)
    _check(app)
    check_backend_key("applications", app["metadata"]["name"])


def served(server: Server, app: Body) -> dict[str, Any]:
    """Return the app server that an agent which serves `app` keeps alive in the cluster."""
    return {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": app["metadata"]["name"]},
        "spec": {
            "version": ".".join(map(str, server.version)),
            "hostname": "embedded",
            "host_id": "00000000-0000-0000-0000-000000000000",
            "app": app,
        },
    }


def is_dynamic(server: Body) -> bool:
    """Whether an app server serves an app that is a resource of its own."""
    app = server.get("spec", {}).get("app") or {}
    labels = (app.get("metadata") or {}).get("labels") or {}
    return bool(labels.get(ORIGIN_LABEL) == "dynamic")


def check_server_types(server: Server, body: Body) -> None:
    """Raise Rejected where a field of an app server holds a value of another type."""
    _APP_SERVER(server, body, "")


def _fill_in(app: dict[str, Any], server: Server) -> None:
    spec, labels = app["spec"], app["metadata"].setdefault("labels", {})
    if not spec["uri"] and "cloud" in spec:
        spec["uri"] = f"cloud://{spec['cloud']}"
    if not spec["uri"] and "mcp" in spec:
        spec["uri"] = _STDIO
    if spec["uri"].startswith(_AWS_CONSOLES):
        spec.setdefault("cloud", "AWS")
    labels[ORIGIN_LABEL] = labels.get(ORIGIN_LABEL) or "dynamic"
    if server.has(MCP) and spec["uri"].startswith(_MCP_SCHEMES):
        app["sub_kind"] = "mcp"
        if server.has(_SINCE_SUB_KIND_LABEL):
            labels[SUB_KIND_LABEL] = "mcp"


def _check(app: Mapping[str, Any]) -> None:
    name, spec = app["metadata"]["name"], app["spec"]
    if not spec["uri"]:
        raise Rejected(f'app "{name}" URI is empty')
    if spec.get("cloud", "AWS") not in _CLOUDS:
        raise Rejected(f'app "{name}" has unexpected Cloud value "{spec["cloud"]}"')
    if spec.get("public_addr", "").startswith(_RESERVED_PREFIX):
        raise Rejected(
            f'app "{_RESERVED_PREFIX}" DNS prefix found in "{spec["public_addr"]}" public_url is '
            "reserved for internal usage"
        )
    claims = spec.get("rewrite", {}).get("jwt_claims", "none")
    if claims not in _JWT_CLAIMS:
        raise Rejected(f'app "{name}" has unexpected JWT rewrite value "{claims}"')
    if app.get("sub_kind") == "mcp" and spec["uri"].startswith(_STDIO):
        for field in ("command", "run_as_host_user"):
            if field not in spec.get("mcp", {}):
                raise Rejected(f"MCP server \"{name}\" is missing '{field}'")
