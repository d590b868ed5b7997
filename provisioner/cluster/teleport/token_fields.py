"""The fields of a join token, method by method, and how tctl reads them.

Source: api/proto/teleport/legacy/types/types.proto `ProvisionTokenV2` with its json tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisioner.cluster.teleport._base import (
    METADATA,
    Decode,
    Field,
    Server,
    duration,
    embedded,
    integer,
    labels,
    listing,
    option,
    struct,
    text,
    texts,
    time,
)
from provisioner.errors import Rejected
from provisioner.values import Body


def _rules(fields: str, **others: Decode) -> Decode:
    return listing(struct({**dict.fromkeys(fields.split(), text), **others}))


_GITHUB_RULE: Final = "sub repository repository_owner workflow environment actor ref ref_type enterprise enterprise_id"
_GITLAB_RULE: Final = (
    "sub ref ref_type namespace_path project_path pipeline_source environment user_login user_id "
    "user_email ci_config_sha ci_config_ref_uri deployment_tier project_visibility"
)
_METHODS: Final[Mapping[str, Decode]] = {
    "github": struct(
        {
            "allow": _rules(_GITHUB_RULE),
            "enterprise_server_host": text,
            "enterprise_slug": text,
            "static_jwks": text,
        }
    ),
    "gitlab": struct(
        {
            "allow": _rules(_GITLAB_RULE, ref_protected=option, environment_protected=option),
            "domain": text,
            "static_jwks": text,
        }
    ),
    "kubernetes": struct(
        {
            "allow": _rules("service_account"),
            "type": text,
            "static_jwks": struct({"jwks": text}),
        }
    ),
    "bound_keypair": struct(
        {
            "onboarding": Field(
                struct(
                    {
                        "initial_public_key": text,
                        "registration_secret": text,
                        "must_register_before": time,
                    }
                ),
                None,
            ),
            "recovery": struct({"limit": Field(integer, 0), "mode": Field(text, "")}),
            "rotate_after": time,
        }
    ),
    "azure": struct({"allow": _rules("subscription", resource_groups=texts)}),
    "gcp": struct(
        {"allow": _rules("", project_ids=texts, locations=texts, service_accounts=texts)}
    ),
    "circleci": struct({"allow": _rules("project_id context_id"), "organization_id": text}),
    "spacelift": struct(
        {"allow": _rules("space_id caller_id caller_type scope"), "hostname": text}
    ),
    "tpm": struct(
        {
            "allow": _rules("description ek_public_hash ek_certificate_serial"),
            "ekcert_allowed_cas": texts,
        }
    ),
    "terraform_cloud": struct(
        {
            "allow": _rules(
                "organization_id organization_name project_id project_name workspace_id "
                "workspace_name run_phase"
            ),
            "audience": text,
            "hostname": text,
        }
    ),
    "bitbucket": struct(
        {
            "allow": _rules(
                "workspace_uuid repository_uuid deployment_environment_uuid branch_name"
            ),
            "audience": text,
            "identity_provider_url": text,
        }
    ),
    "azure_devops": struct(
        {
            "allow": _rules(
                "sub project_name pipeline_name project_id definition_id repository_uri "
                "repository_version repository_ref"
            ),
            "organization_id": Field(text, ""),
        }
    ),
    "oracle": struct({"allow": _rules("tenancy", parent_compartments=texts, regions=texts)}),
}
_TOKEN: Final[Decode] = struct(
    {
        "kind": text,
        "version": text,
        "metadata": embedded(struct(METADATA)),
        "spec": embedded(
            struct(
                {
                    "roles": Field(texts, None),
                    "allow": _rules("aws_account aws_role aws_arn", aws_regions=texts),
                    "aws_iid_ttl": duration,
                    "join_method": Field(text, ""),
                    "bot_name": text,
                    "suggested_labels": labels,
                    "suggested_agent_matcher_labels": labels,
                    **_METHODS,
                }
            )
        ),
    }
)


def read(server: Server, body: Body) -> dict[str, Any]:
    """Return the fields of a token document. Raises Rejected."""
    version = body.get("version")
    if not version:  # then it is read as a token of v1, whose name stands elsewhere
        raise Rejected("missing parameter Name")
    if version != "v2":
        raise Rejected(f"server resource version {version} is not supported")
    token: dict[str, Any] = _TOKEN(server, body, "")
    return token
