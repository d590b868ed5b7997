"""Join tokens: what Teleport fills in and refuses, method by method.

Source: api/types/provisioning.go `CheckAndSetDefaults` in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from provisioner.cluster.teleport._base import (
    SYSTEM_ROLES,
    Server,
    check_backend_key,
    check_metadata,
)
from provisioner.errors import Rejected


def complete(_server: Server, token: dict[str, Any]) -> None:
    """Fill in what is not there and refuse what Teleport refuses. Raises Rejected."""
    check_metadata(token["metadata"])
    spec = token["spec"]
    _check_roles(spec)
    spec["join_method"] = spec["join_method"] or ("ec2" if "allow" in spec else "token")
    _check_method(spec)
    check_backend_key("tokens", token["metadata"]["name"])


def _check_roles(spec: dict[str, Any]) -> None:
    if not spec["roles"]:
        raise Rejected("provisioning token is missing roles")
    by_lower = {role.lower(): role for role in SYSTEM_ROLES}
    spec["roles"] = [by_lower.get(role.strip().lower(), role) for role in spec["roles"]]
    for role in spec["roles"]:
        if role not in SYSTEM_ROLES:
            raise Rejected(f"role {role} is not registered")
        if spec["roles"].count(role) > 1:
            raise Rejected(f'duplicate role "{role}"')
    if "Bot" in spec["roles"] and "bot_name" not in spec:
        raise Rejected('token with role "Bot" must set bot_name')
    if "bot_name" in spec and "Bot" not in spec["roles"]:
        raise Rejected('can only set bot_name on token with role "Bot"')


_FIRST_METHODS: Final = ("azure", "circleci", "gcp", "github", "gitlab", "kubernetes")


def _check_method(spec: dict[str, Any]) -> None:
    method = spec["join_method"]
    if method == "token":
        if "allow" in spec:
            raise Rejected('allow rules are not compatible with the "token" join method')
    elif method in ("ec2", "iam"):
        _check_aws(spec, method)
    elif method not in _CHECKS and method not in _NEEDED:
        raise Rejected(f'unknown join method "{method}"')
    elif method not in spec:
        raise Rejected(_block_missing(method))
    else:
        _CHECKS.get(method, _check_by_table)(spec[method], method)


def _block_missing(method: str) -> str:
    """Return the refusal of a method without its block; the older ones are worded otherwise."""
    if method not in _FIRST_METHODS:
        return f'spec.{method}: must be configured for the join method "{method}"'
    article = "" if method in ("github", "circleci") else "the "
    block = "cirleci" if method == "circleci" else method  # Teleport's own slip
    return f'"{block}" configuration must be provided for {article}join method "{method}"'


def _check_aws(spec: dict[str, Any], method: str) -> None:
    if "allow" not in spec:
        raise Rejected(f'the "{method}" join method requires defined token allow rules')
    refused = ("aws_arn",) if method == "ec2" else ("aws_role", "aws_regions")
    enough = ("aws_account", "aws_role") if method == "ec2" else ("aws_account", "aws_arn")
    for rule in spec["allow"]:
        for name in refused:
            if name in rule:
                raise Rejected(
                    f'the "{method}" join method does not support the "{name}" parameter'
                )
        if not any(name in rule for name in enough):
            # Teleport names ec2 here whatever the method is.
            raise Rejected(
                f'allow rule for "ec2" join method must set "{enough[0]}" or "{enough[1]}"'
            )
    if method == "ec2":
        spec.setdefault("aws_iid_ttl", "5m0s")


def _check_github(block: dict[str, Any], _method: str) -> None:
    if "allow" not in block:
        raise Rejected('the "github" join method requires at least one token allow rule')
    for rule in block["allow"]:
        if not rule.keys() & {"repository", "repository_owner", "sub"}:
            raise Rejected(
                'allow rule for "github" must include at least one of "repository", '
                '"repository_owner" or "sub"'
            )
    if "/" in block.get("enterprise_server_host", ""):
        raise Rejected("'spec.github.enterprise_server_host' should not contain the scheme or path")
    if "enterprise_server_host" in block and "enterprise_slug" in block:
        raise Rejected(
            "'spec.github.enterprise_server_host' and `spec.github.enterprise_slug` cannot both "
            "be set"
        )


def _check_gitlab(block: dict[str, Any], _method: str) -> None:
    if "allow" not in block:
        raise Rejected('the "gitlab" join method requires defined gitlab allow rules')
    for rule in block["allow"]:
        if not rule.keys() & {"sub", "namespace_path", "project_path", "ci_config_ref_uri"}:
            raise Rejected(
                'the "gitlab" join method requires allow rules with at least one of '
                "['sub', 'project_path', 'namespace_path', 'ci_config_ref_uri'] to ensure "
                "security."
            )
    if "/" in block.setdefault("domain", "gitlab.com"):
        raise Rejected("'spec.gitlab.domain' should not contain the scheme or path")


def _check_kubernetes(block: dict[str, Any], _method: str) -> None:
    if "allow" not in block:
        raise Rejected("spec.kubernetes:\n\tallow: at least one rule must be set")
    for number, rule in enumerate(block["allow"]):
        account = rule.get("service_account", "")
        where = f"spec.kubernetes:\n\tallow[{number}].service_account: name of service account"
        if not account:
            raise Rejected(f"{where} must be set")
        if account.count(":") != 1:
            raise Rejected(
                f'{where} should be in format "namespace:service_account", got "{account}" instead'
            )
    kind, keys = block.setdefault("type", "in_cluster"), block.get("static_jwks")
    refusal = ""
    if kind not in ("in_cluster", "static_jwks"):
        # Teleport lists its join methods here, where it means these types.
        refusal = f'type: must be one of (in_cluster, static_jwks), got "{kind}"'
    elif kind == "in_cluster" and keys is not None:
        refusal = 'static_jwks: must not be set when type is "in_cluster"'
    elif kind == "static_jwks" and keys is None:
        refusal = 'static_jwks: must be set when type is "static_jwks"'
    elif kind == "static_jwks" and "jwks" not in (keys or {}):
        refusal = 'static_jwks.jwks: must be set when type is "static_jwks"'
    if refusal:
        raise Rejected(f"spec.kubernetes:\n\t{refusal}")


def _check_bound_keypair(block: dict[str, Any], _method: str) -> None:
    onboarding = block["onboarding"]
    if onboarding is None:
        raise Rejected(
            "spec.bound_keypair: failed validation\n\tspec.bound_keypair.onboarding is required"
        )
    if not onboarding.keys() & {"registration_secret", "initial_public_key"}:
        raise Rejected(
            "spec.bound_keypair: failed validation\n\tat least one of [initial_join_secret, "
            "initial_public_key] is required in spec.bound_keypair.onboarding"
        )
    recovery = block.setdefault("recovery", {"limit": 0, "mode": ""})
    recovery["limit"] = recovery["limit"] or 1


def _check_by_table(block: dict[str, Any], method: str) -> None:
    """Hold a block against `_NEEDED`: some rule at least, and in each one of the fields."""
    fields, refusal = _NEEDED[method]
    if "allow" not in block:
        raise Rejected(f'the "{method}" join method requires at least one token allow rule')
    for number, rule in enumerate(block["allow"]):
        if not rule.keys() & set(fields):
            raise Rejected(refusal.format(f'the "{method}" join method', number))


_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "azure": (
        ("subscription",),
        "{0} requires azure allow rules with non-empty subscription",
    ),
    "gcp": (
        ("project_ids",),
        "{0} requires gcp allow rules with at least one project ID",
    ),
    "circleci": (
        ("project_id", "context_id"),
        'allow rule for "circleci" must include at least "project_id" or "context_id"',
    ),
    "spacelift": (
        ("space_id", "caller_id"),
        "allow[{1}]: at least one of ['space_id', 'caller_id'] must be set",
    ),
    "tpm": (
        ("ek_public_hash", "ek_certificate_serial"),
        "allow[{1}]: at least one of ['ek_public_hash', 'ek_certificate_serial'] must be set",
    ),
    "terraform_cloud": (
        ("organization_id", "organization_name"),
        "allow[{1}]: one of ['organization_id', 'organization_name'] must be set",
    ),
    "bitbucket": (
        ("workspace_uuid", "repository_uuid"),
        "allow[{1}]: at least one of ['workspace_uuid', 'repository_uuid'] must be set",
    ),
    "azure_devops": (
        ("sub", "project_name", "project_id"),
        "allow[{1}]: at least one of ['sub', 'project_name', 'project_id'] must be set",
    ),
    "oracle": (("tenancy",), "allow[{1}]: tenancy must be set"),
}
_CHECKS: Final[Mapping[str, Callable[[dict[str, Any], str], None]]] = {
    "github": _check_github,
    "gitlab": _check_gitlab,
    "kubernetes": _check_kubernetes,
    "bound_keypair": _check_bound_keypair,
}
