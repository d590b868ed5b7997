"""Rules about joins and identities that nothing refuses: tbot and Teleport do other than was meant.

Sources: api/types/provisioning.go and api/proto/teleport/legacy/types/types.proto (`ProvisionTokenV2`)
in github.com/gravitational/teleport; lib/tbot/config there, for `DefaultRenewInterval`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from provisioner.checks.rules._base import Finding, Path, Rule
from provisioner.site.joins import OtherJoin
from provisioner.site.model import Site
from provisioner.text import units

_RENEWAL: Final = "20m"

# What a rule of each method can say, and what its block can say besides.
_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "azure": ("subscription resource_groups", ""),
    "azure_devops": (
        (
            "sub project_name pipeline_name project_id definition_id repository_uri "
            "repository_version repository_ref"
        ),
        "organization_id",
    ),
    "bitbucket": (
        "workspace_uuid repository_uuid deployment_environment_uuid branch_name",
        "audience identity_provider_url",
    ),
    "circleci": ("project_id context_id", "organization_id"),
    "env0": (
        (
            "organization_id project_id project_name template_id template_name environment_id "
            "environment_name workspace_name deployment_type deployer_email env0_tag"
        ),
        "",
    ),
    "gcp": ("project_ids locations service_accounts", ""),
    "oracle": ("tenancy parent_compartments regions instances", ""),
    "spacelift": ("space_id caller_id caller_type scope", "hostname enable_glob_matching"),
    "terraform_cloud": (
        (
            "organization_id organization_name project_id project_name workspace_id workspace_name "
            "run_phase"
        ),
        "audience hostname",
    ),
    "tpm": ("description ek_public_hash ek_certificate_serial", "ekcert_allowed_cas"),
}


def _ignored_key(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        for index, join in enumerate(bot.join):
            if isinstance(join, OtherJoin):
                yield from _ignored(("bots", name, "join", index), name, join)


def _ignored(path: Path, bot: str, join: OtherJoin) -> Iterator[Finding]:
    of_rules, of_block = (tuple(words.split()) for words in _KEYS[join.method])
    said = [((*path, "allow", number), rule, of_rules) for number, rule in enumerate(join.allow)]
    for place, keys, known in [*said, ((*path, "config"), join.config, of_block)]:
        for key in keys:
            if key not in known and "secret" not in key:  # those have a rule of their own
                yield Finding(
                    (*place, key),
                    f"bot {bot}: {join.method} has no {key}, as far as is known here, and Teleport "
                    "drops in silence what it does not know: more may join than was meant",
                    f"it has {', '.join(known) or 'no such keys at all'}",
                    on_key=True,
                    word=key,
                    known=known,
                )


def _ended_by_role(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        if bot.identity is None or (bot.tbot and bot.tbot.oneshot):
            continue
        interval = bot.identity.renewal_interval or _RENEWAL
        for index, role in enumerate(bot.roles):
            limit = _limit(site, role)
            if limit and units.nanoseconds(limit, calendar=True) < units.nanoseconds(interval):
                yield Finding(
                    ("bots", name, "roles", index),
                    f"bot {name}: role {role} ends its identity after {limit}, and tbot renews it "
                    f"every {interval}: in between there is none",
                    "renew more often (identity: credential_ttl and renewal_interval), or let the "
                    "role last longer",
                    related=(("roles", role, "options", "max_session_ttl"),),
                )


def _limit(site: Site, role: str) -> str:
    """Return the lifetime that a role of the site grants at most, "" where it says none."""
    limit = site.roles[role].options.get("max_session_ttl") if role in site.roles else None
    try:
        return limit if isinstance(limit, str) and units.nanoseconds(limit, calendar=True) else ""
    except ValueError:  # which another rule tells
        return ""


RULES: Final = (
    Rule("PV184", "error", "key that a join method does not have", _ignored_key),
    Rule("PV185", "error", "identity that ends before its renewal", _ended_by_role),
)
