"""The roles a new Teleport 18 Enterprise cluster is born with, as documents to be written.

Source: lib/services/presets.go in github.com/gravitational/teleport 18.0.0; `mcp-user` as
`tctl get role/mcp-user` prints it since 18.2.1.
"""

from __future__ import annotations

from typing import Any, Final

from provisioner.cluster.teleport._base import FIRST, Version
from provisioner.values import Body, freeze

TYPE_LABEL: Final = "teleport.internal/resource-type"

_RO: Final = ["list", "read"]
_RW: Final = ["list", "create", "read", "update", "delete"]
_EVERYTHING: Final = {"*": "*"}
_EDITED: Final = (
    "user role bot crown_jewel db_object_import_rule oidc saml github oidc_request saml_request "
    "github_request cluster_audit_config cluster_auth_preference auth_connector cluster_name "
    "cluster_networking_config session_recording_config external_audit_storage ui_config "
    "trusted_cluster remote_cluster token connection_diagnostic db database_certificate installer "
    "device db_service instance login_rule saml_idp_service_provider user_group plugin "
    "okta_import_rule okta_assignment lock integration billing cluster_alert access_list node "
    "discovery_config security_report audit_query access_graph server_info access_monitoring_rule "
    "app_server vnet_config bot_instance access_graph_settings spiffe_federation notification "
    "static_host_user user_task aws_identity_center contact workload_identity autoupdate_version "
    "autoupdate_config autoupdate_agent_rollout git_server workload_identity_x509_revocation "
    "health_check_config sigstore_policy workload_identity_x509_issuer_override "
    "workload_identity_x509_issuer_override_csr"
)
_EDITED_OTHERWISE: Final = {
    "device": [*_RW, "create_enroll_token", "enroll"],
    **dict.fromkeys(("db_service", "instance", "autoupdate_agent_rollout"), _RO),
    **{key: [*_RW, "use"] for key in ("integration", "security_report", "audit_query")},
}
_TERRAFORMED: Final = (
    "access_list app cluster_auth_preference cluster_maintenance_config cluster_networking_config "
    "db device github login_rule node oidc okta_import_rule role saml session_recording_config "
    "token trusted_cluster user bot installer access_monitoring_rule dynamic_windows_desktop "
    "static_host_user workload_identity git_server autoupdate_config autoupdate_version "
    "health_check_config"
)
_REQUESTED: Final = ["access", "group-access", "aws-ic-access"]


def _rules(resources: str, verbs: list[str]) -> list[dict[str, Any]]:
    return [{"resources": [name], "verbs": verbs} for name in resources.split()]


def _role(
    name: str, description: str, allow: dict[str, Any], version: str = "v7", **options: object
) -> Body:
    role: Body = freeze(
        {
            "kind": "role",
            "version": version,
            "metadata": {
                "name": name,
                "description": description,
                "labels": {TYPE_LABEL: "preset"},
            },
            "spec": {"allow": allow, "options": options},
        }
    )
    return role


_FORWARDING: Final = {"local": {"enabled": True}, "remote": {"enabled": True}}
_EDITOR: Final = {
    "rules": [
        {"resources": [name], "verbs": _EDITED_OTHERWISE.get(name, _RW)} for name in _EDITED.split()
    ]
}
_ACCESS: Final = {
    "logins": ["{{internal.logins}}"],
    "windows_desktop_logins": ["{{internal.windows_logins}}"],
    "kubernetes_users": ["{{internal.kubernetes_users}}"],
    "kubernetes_groups": ["{{internal.kubernetes_groups}}"],
    "aws_role_arns": ["{{internal.aws_role_arns}}"],
    "azure_identities": ["{{internal.azure_identities}}"],
    "gcp_service_accounts": ["{{internal.gcp_service_accounts}}"],
    "db_names": ["{{internal.db_names}}"],
    "db_users": ["{{internal.db_users}}"],
    "db_roles": ["{{internal.db_roles}}"],
    "github_permissions": [{"orgs": ["{{internal.github_orgs}}"]}],
    "mcp": {"tools": ["{{internal.mcp_tools}}"]},
    "kubernetes_resources": [{"kind": "*", "namespace": "*", "name": "*", "verbs": ["*"]}],
    **{
        f"{kind}_labels": _EVERYTHING
        for kind in ("node", "app", "kubernetes", "windows_desktop", "db", "db_service")
    },
    "rules": [
        *_rules("event", _RO),
        {
            "resources": ["session"],
            "verbs": ["read", "list"],
            "where": "contains(session.participants, user.metadata.name)",
        },
        *_rules("instance cluster_maintenance_config", _RO),
    ],
}
_AUDITOR: Final = {
    "rules": [
        *_rules("session event session_tracker cluster_alert instance", _RO),
        *_rules("security_report audit_query", [*_RO, "use"]),
        *_rules("bot_instance notification", _RO),
    ]
}
_TRUSTED_DEVICE: Final = {
    "logins": ["{{internal.logins}}"],
    "node_labels": _EVERYTHING,
    "kubernetes_groups": [
        "{{internal.kubernetes_groups}}",
        "system:masters",
        "developers",
        "viewers",
    ],
    "kubernetes_labels": _EVERYTHING,
    "db_labels": _EVERYTHING,
    "db_names": ["*"],
    "db_users": ["*"],
}
_TERRAFORM: Final = {
    **{f"{kind}_labels": _EVERYTHING for kind in ("app", "db", "node", "windows_desktop")},
    "rules": _rules(_TERRAFORMED, _RW),
}
_MCP_USER: Final = {
    "app_labels": {"teleport.internal/app-sub-kind": "mcp"},
    "mcp": {"tools": ["*"]},
}
_PRESETS: Final[tuple[tuple[Version, Body], ...]] = (
    (
        FIRST,
        _role(
            "access",
            "Access cluster resources",
            _ACCESS,
            ssh_port_forwarding=_FORWARDING,
            forward_agent=True,
            record_session={"desktop": True},
        ),
    ),
    (
        FIRST,
        _role(
            "editor",
            "Edit cluster configuration",
            _EDITOR,
            ssh_port_forwarding=_FORWARDING,
            forward_agent=True,
            record_session={"desktop": False},
        ),
    ),
    (
        FIRST,
        _role(
            "auditor",
            "Review cluster events and replay sessions",
            _AUDITOR,
            record_session={"desktop": False},
        ),
    ),
    (
        FIRST,
        _role(
            "reviewer",
            "Review access requests",
            {"review_requests": {"preview_as_roles": _REQUESTED, "roles": _REQUESTED}},
        ),
    ),
    (
        FIRST,
        _role("requester", "Request all resources", {"request": {"search_as_roles": _REQUESTED}}),
    ),
    (
        FIRST,
        _role(
            "group-access",
            "Have access to all user groups",
            {"group_labels": _EVERYTHING, "rules": _rules("user_group", _RO)},
        ),
    ),
    (
        FIRST,
        _role(
            "device-admin",
            "Administer trusted devices",
            {"rules": _rules("device", [*_RW, "create_enroll_token", "enroll"])},
        ),
    ),
    (
        FIRST,
        _role("device-enroll", "Enroll trusted devices", {"rules": _rules("device", ["enroll"])}),
    ),
    (
        FIRST,
        _role(
            "require-trusted-device",
            "Require trusted device to access resources",
            _TRUSTED_DEVICE,
            device_trust_mode="required",
        ),
    ),
    (
        FIRST,
        _role(
            "wildcard-workload-identity-issuer",
            "Issue workload identities",
            {
                "workload_identity_labels": _EVERYTHING,
                "rules": _rules("workload_identity", _RO),
            },
        ),
    ),
    (FIRST, _role("terraform-provider", "Default Terraform provider role", _TERRAFORM)),
    ((18, 2, 1), _role("mcp-user", "Access to MCP servers", _MCP_USER, version="v8")),
)


def presets(version: Version) -> tuple[Body, ...]:
    """Return the roles that a new cluster of this release makes for itself."""
    return tuple(role for since, role in _PRESETS if version >= since)
