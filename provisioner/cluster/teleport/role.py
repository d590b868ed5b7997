"""Roles: what Teleport fills in and refuses.

Sources: api/types/role.go `CheckAndSetDefaults`, lib/services/role.go
`ValidateRoleName`, lib/auth/auth_with_roles.go `validateRole` in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisioner.cluster.teleport._base import (
    SYSTEM_ROLES,
    WILDCARD,
    Server,
    check_backend_key,
    check_metadata,
)
from provisioner.errors import Rejected

DOWNGRADED_LABEL: Final = "teleport.internal/downgraded"

_CHECKED_SELECTORS: Final = (
    "node",
    "app",
    "kubernetes",
    "db",
    "windows_desktop",
    "group",
    "workload_identity",
)
_NO_WILDCARD: Final = {
    "logins": "wildcard matcher is not allowed in logins",
    "aws_role_arns": "wildcard matcher is not allowed in aws_role_arns",
    "azure_identities": "wildcard matcher is not allowed in allow.azure_identities",
    "gcp_service_accounts": "wildcard matcher is not allowed in allow.gcp_service_accounts",
    "db_roles": "wildcard is not allowed in allow.database_roles",
}
_FILLED_IN: Final = {
    "cert_format": "standard",
    "max_session_ttl": "30h0m0s",
    "enhanced_recording": ("command", "network"),
    "record_session": {"default": "best_effort", "desktop": True},
    "desktop_clipboard": True,
    "desktop_directory_sharing": True,
    "create_desktop_user": False,
    "create_db_user": False,
    "ssh_file_copy": True,
}
_ANY_VERB: Final = ("v3", "v4", "v5", "v6")  # versions that know no verbs
_LEGACY_IDP: Final = {"saml": {"enabled": True}}


def complete(_server: Server, role: dict[str, Any]) -> None:
    """Fill in what is not there and refuse what Teleport refuses. Raises Rejected."""
    check_metadata(role["metadata"])
    _fill_in(role)
    _check(role)


def _fill_in(role: dict[str, Any]) -> None:
    options = role["spec"]["options"]
    if options.get("max_session_ttl", "").startswith("-"):
        del options["max_session_ttl"]
    for name, value in _FILLED_IN.items():
        options.setdefault(name, value)
    allow, version = role["spec"]["allow"], role["version"]
    if version != "v8":
        options.setdefault("idp", _LEGACY_IDP)
    if version == "v3":
        _fill_in_selectors(allow)
    if version in _ANY_VERB:
        for side in (allow, role["spec"]["deny"]):
            for resource in side.get("kubernetes_resources", ()):
                resource.setdefault("verbs", [WILDCARD])
    if "kubernetes_labels" in allow or "kubernetes_labels_expression" in allow:
        _fill_in_kubernetes(allow, version)


def _fill_in_selectors(allow: dict[str, Any]) -> None:
    """Before v4, a selector that is not there selects everything."""
    names = ["app_labels", "kubernetes_labels", "db_labels"]
    if allow.get("logins"):
        names.append("node_labels")
    for name in names:
        allow.setdefault(name, {WILDCARD: WILDCARD})


def _fill_in_kubernetes(allow: dict[str, Any], version: str) -> None:
    everything = {"name": WILDCARD, "namespace": WILDCARD, "verbs": [WILDCARD]}
    default = {
        "v6": None,
        "v7": {"kind": WILDCARD, **everything},
        "v8": {"kind": WILDCARD, **everything, "api_group": WILDCARD},
    }.get(version, {"kind": "pod", **everything})
    if default is not None:
        allow.setdefault("kubernetes_resources", [default])


def _check(role: Mapping[str, Any]) -> None:
    """Raise Rejected for what is refused once all defaults stand."""
    options, allow = role["spec"]["options"], role["spec"]["allow"]
    for event in options["enhanced_recording"]:
        if event not in ("command", "disk", "network"):
            raise Rejected(f"invalid value for role option enhanced_recording: {event}")
    if options.get("lock", "strict") not in ("strict", "best_effort"):
        raise Rejected(f"invalid value for role option lock: {options['lock']}")
    for name, refusal in _NO_WILDCARD.items():
        if WILDCARD in allow.get(name, ()):
            raise Rejected(refusal)
    for name in _CHECKED_SELECTORS:
        if allow.get(f"{name}_labels", {}).get(WILDCARD, WILDCARD) != WILDCARD:
            raise Rejected("selector *:<val> is not supported")
    _check_rules(role)
    _check_dynamic_denials(role)
    _check_at_the_door(role)


def _check_rules(role: Mapping[str, Any]) -> None:
    for side in ("allow", "deny"):
        conditions = role["spec"][side]
        for number, rule in enumerate(conditions.get("rules", ())):
            missing = [name for name in ("resources", "verbs") if name not in rule]
            if missing:
                what = (
                    "missing resources to match" if missing[0] == "resources" else "missing verbs"
                )
                raise Rejected(f"failed to process '{side}' rule {number}: {what}")
        impersonate = conditions.get("impersonate", {})
        if "users" in impersonate and "roles" not in impersonate:
            raise Rejected(
                "please set both impersonate.users and impersonate.roles for user impersonation"
            )


def _check_dynamic_denials(role: Mapping[str, Any]) -> None:
    """Refuse what tctl itself refuses (tool/tctl/common/resource_command.go `createRole`)."""
    deny = role["spec"]["deny"]
    selectors = [value for name, value in deny.items() if name.endswith("_labels")]
    if any(key.startswith("dynamic/") for labels in selectors for key in labels):
        raise Rejected(
            f'existing role "{role["metadata"]["name"]}" has labels with the "dynamic/" prefix in '
            'its deny rules. This is not recommended due to the volatility of "dynamic/" labels '
            "and is not allowed for new roles"
        )


def _check_at_the_door(role: Mapping[str, Any]) -> None:
    """Raise Rejected for what the server refuses although the document is well formed."""
    metadata = role["metadata"]
    reason = metadata.get("labels", {}).get(DOWNGRADED_LABEL)
    if reason:
        raise Rejected(
            f"refusing to upsert role because {DOWNGRADED_LABEL} label is set with reason "
            f'"{reason}"'
        )
    if role["version"] == "v8" and "idp" in role["spec"]["options"]:
        raise Rejected("idp option is only supported in role version 7 and below")
    if metadata["name"] in SYSTEM_ROLES:
        raise Rejected(f"reserved role: {metadata['name']}")
    check_backend_key("roles", metadata["name"], "/params")
