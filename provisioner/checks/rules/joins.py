"""Rules about joins and how long identities live: tbot and Teleport do other than was meant.

Sources: api/types/provisioning.go and api/proto/teleport/legacy/types/types.proto (`ProvisionTokenV2`)
in github.com/gravitational/teleport; lib/tbot/config there, for `DefaultRenewInterval` and what tbot
refuses; lib/services/role.go, `AdjustSessionTTL`, for what becomes of a certificate's life.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from provisioner.checks.rules._base import LONGEST_LIFE, Finding, Path, Rule
from provisioner.site.joins import BlockJoin, KubernetesJoin
from provisioner.site.model import Identity, Site
from provisioner.text import units

_RENEWAL: Final = "20m"
_DEFAULT_LIMIT: Final = "30h"
"""What a role that says nothing limits certificates to: `MaxCertDuration` in api/defaults."""

_TOKEN_PATH: Final = (19, 0, 0)
"""The first release whose change log can name `token_path`; none of 18.0 to 18.9 does.

Source: https://github.com/gravitational/teleport/pull/64766.
"""

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
            if isinstance(join, BlockJoin):
                yield from _ignored(("bots", name, "join", index), name, join)


def _ignored(path: Path, bot: str, join: BlockJoin) -> Iterator[Finding]:
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


class _Limit(NamedTuple):
    """How long a role lets the identity of a bot live at most, and where that is said."""

    path: Path
    bot: str
    role: str
    longest: str
    said_at: tuple[Path, ...]

    def __str__(self) -> str:
        default = "" if self.said_at else " (the default of `max_session_ttl`)"
        return f"role {self.role} ends its identity after {self.longest}{default}"

    def is_below(self, duration: str) -> bool:
        """Whether less is granted than `duration`."""
        return units.nanoseconds(self.longest, calendar=True) < units.nanoseconds(duration)


def _ended_by_role(site: Site) -> Iterator[Finding]:
    for limit, identity, oneshot in _limits(site):
        interval = identity.renewal_interval or _RENEWAL
        if not oneshot and limit.is_below(interval):
            yield Finding(
                limit.path,
                f"bot {limit.bot}: {limit}, and tbot renews it every {interval}: in between there "
                "is none",
                "renew more often (identity: credential_ttl and renewal_interval), or let the "
                "role last longer",
                related=limit.said_at,
            )


def _shortened_by_role(site: Site) -> Iterator[Finding]:
    for limit, identity, oneshot in _limits(site):
        asked, interval = identity.credential_ttl, identity.renewal_interval
        is_gone = not oneshot and interval is not None and limit.is_below(interval)
        if asked and not is_gone and limit.is_below(asked):
            yield Finding(
                ("bots", limit.bot, "identity", "credential_ttl"),
                f"bot {limit.bot}: {limit}, not after the {asked} that are asked for",
                f"ask for {limit.longest} or less, or give the role a longer max_session_ttl",
                related=limit.said_at or (limit.path,),
            )


def _limits(site: Site) -> Iterator[tuple[_Limit, Identity, bool]]:
    """Yield what each role of the site does to each identity, and whether tbot writes it once."""
    for name, bot in site.bots.items():
        for index, role in enumerate(bot.roles) if bot.identity else ():
            if (longest := _longest(site, role)) and bot.identity:
                said = ("roles", role, "options", "max_session_ttl")
                says = "max_session_ttl" in site.roles[role].options
                limit = _Limit(
                    ("bots", name, "roles", index), name, role, longest, (said,) if says else ()
                )
                yield limit, bot.identity, bool(bot.tbot and bot.tbot.oneshot)


def _longest(site: Site, role: str) -> str:
    """Return the lifetime that a role grants at most, "" where nobody can say."""
    if role not in site.roles:
        return ""
    limit = site.roles[role].options.get("max_session_ttl", _DEFAULT_LIMIT)
    try:
        return limit if isinstance(limit, str) and units.nanoseconds(limit, calendar=True) else ""
    except ValueError:  # which another rule tells
        return ""


def _too_long(site: Site) -> Iterator[Finding]:
    for name, bot in site.bots.items():
        asked = bot.identity.credential_ttl if bot.identity else None
        if asked and units.nanoseconds(asked) > units.nanoseconds(LONGEST_LIFE):
            yield Finding(
                ("bots", name, "identity", "credential_ttl"),
                f"bot {name}: Teleport issues nothing for longer than {LONGEST_LIFE}, and tbot does "
                f"not start with an identity of {asked}",
                f"write {LONGEST_LIFE} or less",
            )


def _unknown_to_tbot(site: Site) -> Iterator[Finding]:
    version = site.teleport.version
    is_new = version is not None and units.version(version) >= _TOKEN_PATH
    for name, bot in site.bots.items() if not is_new else ():
        for index, join in enumerate(bot.join):
            if isinstance(join, KubernetesJoin) and join.token_path is not None:
                yield Finding(
                    ("bots", name, "join", index, "token_path"),
                    f"bot {name}: a tbot before 19 may not know token_path, and drops in silence "
                    "what it does not know: it would look for the token in another place",
                    "set KUBERNETES_TOKEN_PATH in tbot's environment as well, which every tbot "
                    'knows; or say teleport: {version: "19.0"}',
                    on_key=True,
                )


RULES: Final = (
    Rule("PV184", "error", "key that a join method does not have", _ignored_key),
    Rule("PV185", "error", "identity that ends before its renewal", _ended_by_role),
    Rule("PV186", "error", "identity that lives longer than Teleport issues", _too_long),
    Rule("PV187", "warning", "identity that a role ends earlier", _shortened_by_role),
    Rule("PV188", "warning", "key that older tbots do not know", _unknown_to_tbot),
)
