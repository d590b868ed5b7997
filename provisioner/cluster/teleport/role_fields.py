"""The fields of a role, struct by struct, and how tctl reads them.

Sources: api/proto/teleport/legacy/types/types.proto `RoleV6` with its json tags, and
lib/services/role.go `UnmarshalRoleV6` in github.com/gravitational/teleport.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from provisioner.cluster.teleport._base import (
    MCP,
    METADATA,
    TRUTHS,
    Decode,
    Field,
    Server,
    boolean,
    duration,
    embedded,
    integer,
    labels,
    listing,
    option,
    struct,
    text,
    texts,
)
from provisioner.errors import Rejected
from provisioner.values import Body, Plain

_VERSIONS: Final = ("v3", "v4", "v5", "v6", "v7", "v8")
_STRICT: Final = (18, 8, 0)  # since then tctl refuses unknown fields (pull request 66360)
_LABELLED: Final = (
    "node app cluster kubernetes db db_service windows_desktop group workload_identity"
)
_TEXT_LISTS: Final = (
    "logins kubernetes_groups kubernetes_users db_names db_users db_roles aws_role_arns "
    "windows_desktop_logins host_groups host_sudoers azure_identities gcp_service_accounts desktop_groups"
)
_HARDWARE_KEYS: Final = (
    "hardware_key",
    "hardware_key_touch",
    "hardware_key_pin",
    "hardware_key_touch_and_pin",
)


def _require_session_mfa(server: Server, value: Plain, path: str) -> Plain:
    """Decode a truth value, or the name or number of a hardware key policy."""
    policies = (False, True, *_HARDWARE_KEYS)
    if value in (None, "") or (isinstance(value, str) and value in policies):
        return value or None
    if isinstance(value, int) and 0 <= value < len(policies):
        return policies[value] or None
    if isinstance(value, str) and value.lower() in TRUTHS:
        return boolean(server, value, path)
    raise Rejected(f"RequireMFAType invalid value {value}")


def _database_user_mode(_server: Server, value: Plain, _path: str) -> Plain:
    if value not in (None, "", "off", "keep", "best_effort_drop"):
        raise Rejected(f"invalid database user mode {value}")
    return value or None


def _host_user_mode(_server: Server, value: Plain, _path: str) -> Plain:
    if value in (None, ""):
        return None
    mode = "off" if value is False else "insecure-drop" if value == "drop" else value
    if mode not in ("off", "keep", "insecure-drop"):
        raise Rejected(f"invalid host user mode {value}")
    return mode


_KUBERNETES_RESOURCE: Final = struct(
    {"kind": text, "namespace": text, "name": text, "verbs": texts, "api_group": text}
)
_CLAIMS: Final = listing(
    struct({"claim": Field(text, ""), "value": Field(text, ""), "roles": texts})
)
_CONDITIONS: Final = struct(
    {
        **dict.fromkeys(_TEXT_LISTS.split(), texts),
        **{f"{name}_labels": labels for name in _LABELLED.split()},
        **{f"{name}_labels_expression": text for name in _LABELLED.split()},
        "mcp": Field(struct({"tools": texts}), since=MCP),
        "rules": listing(
            struct({"resources": texts, "verbs": texts, "where": text, "actions": texts})
        ),
        "impersonate": struct({"users": texts, "roles": texts, "where": text}),
        "request": struct(
            {
                "roles": texts,
                "claims_to_roles": _CLAIMS,
                "annotations": labels,
                "thresholds": listing(
                    struct({"name": text, "filter": text, "approve": integer, "deny": integer})
                ),
                "suggested_reviewers": texts,
                "search_as_roles": texts,
                "max_duration": duration,
                "kubernetes_resources": listing(struct({"kind": text, "api_group": text})),
                "reason": struct({"mode": text}),
            }
        ),
        "review_requests": struct(
            {"roles": texts, "claims_to_roles": _CLAIMS, "where": text, "preview_as_roles": texts}
        ),
        "kubernetes_resources": listing(_KUBERNETES_RESOURCE),
        "db_permissions": listing(
            struct({"permissions": Field(texts, None), "match": Field(labels, None)})
        ),
        "require_session_join": listing(
            struct(
                {
                    "name": Field(text, ""),
                    "filter": Field(text, ""),
                    "kinds": Field(texts, None),
                    "count": Field(integer, 0),
                    "modes": Field(texts, None),
                    "on_leave": Field(text, ""),
                }
            )
        ),
        "join_sessions": listing(
            struct(
                {
                    "name": Field(text, ""),
                    "roles": Field(texts, None),
                    "kinds": Field(texts, None),
                    "modes": Field(texts, None),
                }
            )
        ),
        "spiffe": listing(struct({"path": text, "dns_sans": texts, "ip_sans": texts})),
        "account_assignments": listing(struct({"permission_set": text, "account": text})),
        "github_permissions": listing(struct({"orgs": texts})),
    }
)
_RECORDING: Final = struct({"default": text, "desktop": Field(option, None), "ssh": text})
_PORT: Final = struct({"enabled": option})
_OPTIONS: Final = struct(
    {
        "forward_agent": Field(boolean, empty=False),
        "max_session_ttl": duration,
        "port_forwarding": option,
        "ssh_port_forwarding": struct({"local": _PORT, "remote": _PORT}),
        "cert_format": text,
        "client_idle_timeout": duration,
        "disconnect_expired_cert": boolean,
        "enhanced_recording": texts,
        "permit_x11_forwarding": boolean,
        "max_connections": integer,
        "max_kubernetes_connections": integer,
        "max_sessions": integer,
        "request_access": text,
        "request_prompt": text,
        "lock": text,
        "record_session": _RECORDING,
        "desktop_clipboard": option,
        "desktop_directory_sharing": option,
        "cert_extensions": listing(
            struct(
                {
                    "type": Field(text, "ssh"),
                    "mode": Field(text, "extension"),
                    "name": Field(text, ""),
                    "value": Field(text, ""),
                }
            )
        ),
        "create_host_user": option,
        "create_host_user_mode": _host_user_mode,
        "create_host_user_default_shell": text,
        "create_desktop_user": option,
        "create_db_user": option,
        "create_db_user_mode": _database_user_mode,
        "pin_source_ip": Field(boolean, empty=False),
        "ssh_file_copy": option,
        "require_session_mfa": _require_session_mfa,
        "device_trust_mode": text,
        "idp": struct(
            {"saml": Field(struct({"enabled": Field(option, None)}), None)},
        ),
        "mfa_verification_interval": integer,
        "web_terminal_clipboard_mode": Field(text, since=(18, 8, 3)),
    }
)
_ROLE: Final[Decode] = struct(
    {
        "kind": text,
        "sub_kind": text,
        "version": text,
        "metadata": embedded(struct(METADATA)),
        "spec": embedded(
            struct(
                {
                    "options": embedded(_OPTIONS),
                    "allow": embedded(_CONDITIONS),
                    "deny": embedded(_CONDITIONS),
                }
            )
        ),
    }
)


def read(server: Server, body: Body) -> dict[str, Any]:
    """Return the fields of a role document. Raises Rejected."""
    version = body.get("version")
    if version not in _VERSIONS:
        raise Rejected(f'role version "{version or ""}" is not supported')
    if server.has(_STRICT):
        return read_strictly(server, body)
    role: dict[str, Any] = _ROLE(server, body, "")
    return role


def read_strictly(server: Server, body: Body) -> dict[str, Any]:
    """Return the fields of a role document, of which all must be known. Raises Rejected."""
    role: dict[str, Any] = _ROLE(replace(server, strict=True), body, "")
    return role


def check_types(server: Server, body: Body) -> None:
    """Raise Rejected where a field of a role holds a value of another type."""
    _ROLE(server, body, "")
