"""How a bot's tbot joins the cluster: one model a join method, told apart by `method`.

Methods whose rules are few and well known are typed; the others are passed on as a block, and
`OTHERS` says which keys a rule of theirs needs at least one of. A secret never stands in a site: the
method `token`, whose token's name is the secret, is given as the path of a file on the machine.
What only the machine needs, such as where it finds its proof, is no part of the token: `ON_MACHINE`.

Source: api/types/provisioning.go and lib/tbot/bot/onboarding in github.com/gravitational/teleport;
https://goteleport.com/docs/reference/deployment/join-methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from provisioner.schema.kinds import Integer, Matching
from provisioner.schema.records import Many, Told
from provisioner.site.fields import (
    Directory,
    Duration,
    EnvironmentName,
    Filled,
    Name,
    Strict,
    Time,
)
from provisioner.values import EMPTY, Plain


class JoinBase(Strict, frozen=True):
    """What every join has: a name for its token, by default BOT-METHOD."""

    name: Name | None = None


class GithubAllow(Strict, frozen=True):
    """Which workflow runs may join; all keys that are given must match."""

    repository: Filled | None = None
    repository_owner: Filled | None = None
    sub: Filled | None = None
    workflow: Filled | None = None
    environment: Filled | None = None
    actor: Filled | None = None
    ref: Filled | None = None
    ref_type: Filled | None = None
    enterprise: Filled | None = None
    enterprise_id: Filled | None = None


class GithubJoin(JoinBase, frozen=True, kw_only=True):
    """GitHub Actions."""

    method: Literal["github"]
    allow: tuple[GithubAllow, ...]
    enterprise_server_host: Filled | None = None
    enterprise_slug: Filled | None = None
    static_jwks: Filled | None = None


class GitlabAllow(Strict, frozen=True):
    """Which GitLab jobs may join; all keys that are given must match."""

    sub: Filled | None = None
    project_path: Filled | None = None
    namespace_path: Filled | None = None
    ci_config_ref_uri: Filled | None = None
    ref: Filled | None = None
    ref_type: Filled | None = None
    pipeline_source: Filled | None = None
    environment: Filled | None = None
    user_login: Filled | None = None
    user_id: Filled | None = None
    user_email: Filled | None = None
    ref_protected: bool | None = None
    environment_protected: bool | None = None
    ci_config_sha: Filled | None = None
    deployment_tier: Filled | None = None
    project_visibility: Filled | None = None


class GitlabJoin(JoinBase, frozen=True, kw_only=True):
    """GitLab CI; `domain` is gitlab.com unless it is an instance of your own.

    `token_env_var_name` is the variable of the job that holds GitLab's token: TBOT_GITLAB_JWT.
    """

    method: Literal["gitlab"]
    allow: tuple[GitlabAllow, ...]
    domain: Filled | None = None
    static_jwks: Filled | None = None
    token_env_var_name: EnvironmentName | None = None


class KubernetesAllow(Strict, frozen=True):
    """Which service account may join: NAMESPACE:NAME."""

    service_account: Annotated[
        str,
        Matching(
            r"^[a-z0-9.-]{1,253}:[a-z0-9.-]{1,253}$",
            "a service account is NAMESPACE:NAME",
            "write agents:claude for the account claude in the namespace agents",
        ),
    ]


class StaticJwks(Strict, frozen=True):
    """The cluster's public keys, for clusters that Teleport cannot reach."""

    jwks: Filled


class KubernetesJoin(JoinBase, frozen=True, kw_only=True):
    """A service account of the cluster that Teleport runs in, or of one whose keys are given.

    `token_path` is where the pod has the service account's token.
    """

    method: Literal["kubernetes"]
    allow: tuple[KubernetesAllow, ...]
    type: Literal["in_cluster", "static_jwks"] | None = None
    static_jwks: StaticJwks | None = None
    token_path: Directory | None = None


class IamAllow(Strict, frozen=True):
    """Which AWS identities may join."""

    aws_account: Filled | None = None
    aws_arn: Filled | None = None


class IamJoin(JoinBase, frozen=True, kw_only=True):
    """An AWS identity."""

    method: Literal["iam"]
    allow: tuple[IamAllow, ...]


class Onboarding(Strict, frozen=True):
    """How the first key of a bound keypair gets known; a registration secret is never in a site."""

    initial_public_key: Filled
    must_register_before: Time | None = None


class Recovery(Strict, frozen=True):
    """How often, and how strictly, a bound keypair may join again."""

    limit: Annotated[int, Integer(least=0)] | None = None
    mode: Literal["standard", "relaxed", "insecure"] | None = None


class BoundKeypairJoin(JoinBase, frozen=True, kw_only=True):
    """A keypair that stays on the machine; its token remembers state and is never rewritten."""

    method: Literal["bound_keypair"]
    onboarding: Onboarding
    recovery: Recovery | None = None
    rotate_after: Time | None = None


class SecretJoin(JoinBase, frozen=True, kw_only=True):
    """A token whose name is the secret: made elsewhere, known to the machine alone."""

    method: Literal["token"]
    token_path: Directory


OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    "azure": ("subscription",),
    "azure_devops": ("project_id", "project_name", "sub"),
    "bitbucket": ("workspace_uuid", "repository_uuid"),
    "circleci": ("project_id", "context_id"),
    "env0": ("organization_id", "project_id", "project_name"),
    "gcp": ("project_ids",),
    "oracle": ("tenancy",),
    "spacelift": ("space_id", "caller_id"),
    "terraform_cloud": ("organization_id", "organization_name"),
    "tpm": ("ek_public_hash", "ek_certificate_serial"),
}


class BlockJoin(JoinBase, frozen=True, kw_only=True):
    """Any other method: its rules and the further keys of its block, as Teleport's docs write them."""

    method: str
    allow: tuple[Mapping[Filled, Plain], ...]
    config: Mapping[Filled, Plain] = EMPTY


class AzureJoin(BlockJoin, frozen=True, kw_only=True):
    """A managed identity of Azure; `client_id` says which, on a machine that has several."""

    method: Literal["azure"]
    client_id: Filled | None = None


class TerraformJoin(BlockJoin, frozen=True, kw_only=True):
    """A run of HCP Terraform; `audience_tag` is the TAG of TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG."""

    method: Literal["terraform_cloud"]
    audience_tag: (
        Annotated[
            str,
            Matching(
                r"^[A-Za-z0-9_]{1,64}$",
                "a tag is letters, digits and underscores: it ends the name of an environment variable",
                "write TAG where the workspace sets TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG",
            ),
        ]
        | None
    ) = None


class OtherJoin(BlockJoin, frozen=True, kw_only=True):
    """A method of which a machine needs to know no more."""

    method: Literal[
        "azure_devops", "bitbucket", "circleci", "env0", "gcp", "oracle", "spacelift", "tpm"
    ]


Join = Annotated[
    GithubJoin
    | GitlabJoin
    | KubernetesJoin
    | IamJoin
    | BoundKeypairJoin
    | SecretJoin
    | AzureJoin
    | TerraformJoin
    | OtherJoin,
    Told("method"),
]

ON_MACHINE: Final[Mapping[str, tuple[str, str]]] = {
    "azure": ("azure", "client_id"),
    "gitlab": ("gitlab", "token_env_var_name"),
    "kubernetes": ("kubernetes", "token_path"),
    "terraform_cloud": ("terraform", "audience_tag"),
}
"""What tbot alone is told, by method: the block of its `onboarding`, and the key there and here."""


Joins = Annotated[tuple[Join, ...], Many(dict, "a way to join, or a list of them")]
"""One way to join, or a list of them."""


def token_name(bot: str, join: Join) -> str:
    """Return the name of the token of one join of a bot."""
    return join.name or f"{bot}-{join.method.replace('_', '-')}"


__all__ = ["ON_MACHINE", "OTHERS", "Directory", "Duration", "Join", "Joins", "token_name"]
