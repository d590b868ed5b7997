"""Rules about joins, identities and tbot: what tbot ignores, dies of, or is refused for.

Sources: api/types/provisioning.go and lib/tbot/config/config.go in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from provisioner.checks.rules._base import Finding, Path, Rule
from provisioner.site.fields import Strict
from provisioner.site.joins import (
    OTHERS,
    BlockJoin,
    GithubJoin,
    GitlabJoin,
    IamJoin,
    Join,
    KubernetesJoin,
    SecretJoin,
    token_name,
)
from provisioner.site.model import Identity, Site
from provisioner.text import units
from provisioner.values import Plain

_NEEDS_ONE_OF: Final[dict[type, tuple[str, ...]]] = {
    GithubJoin: ("repository", "repository_owner", "sub"),
    GitlabJoin: ("sub", "project_path", "namespace_path", "ci_config_ref_uri"),
    IamJoin: ("aws_account", "aws_arn"),
}
_DEFAULT_STORAGE: Final = "/var/lib/teleport/bot"
_SECRETS: Final = ("registration_secret", "initial_join_secret")


def _nowhere(site: Site) -> Iterator[Finding]:
    for path, bot, identity in _identities(site):
        if (identity.path is None) == (identity.kubernetes_secret is None):
            yield Finding(
                path,
                f"bot {bot}: an identity has either a path or a kubernetes_secret",
                "add path: /opt/machine-id" if identity.path is None else "keep one of them",
                on_key=True,
            )


def _odd_reader(site: Site) -> Iterator[Finding]:
    for path, bot, identity in _identities(site):
        for index, reader in enumerate(identity.readers):
            if (reader.user is None) == (reader.group is None):
                yield Finding(
                    (*path, "readers", index),
                    f"bot {bot}: a reader is either a user or a group",
                    "write {user: NAME} or {group: NAME}",
                )


def _directory_only(site: Site) -> Iterator[Finding]:
    for path, bot, identity in _identities(site):
        for key in ("readers", "symlinks", "acls"):
            if identity.kubernetes_secret is not None and getattr(identity, key):
                yield Finding(
                    (*path, key),
                    f"bot {bot}: {key} is about a directory, the identity is a Kubernetes secret",
                    "remove it",
                    on_key=True,
                )


def _half_lifetime(site: Site) -> Iterator[Finding]:
    for path, bot, identity in _identities(site):
        if (identity.credential_ttl is None) != (identity.renewal_interval is None):
            given = "credential_ttl" if identity.credential_ttl else "renewal_interval"
            other = "renewal_interval" if identity.credential_ttl else "credential_ttl"
            yield Finding(
                (*path, given),
                f"bot {bot}: tbot takes credential_ttl and renewal_interval only together",
                f"add {other}, or leave both out",
                on_key=True,
            )


def _expires_before_renewal(site: Site) -> Iterator[Finding]:
    for path, bot, identity in _identities(site):
        ttl, interval = identity.credential_ttl, identity.renewal_interval
        if ttl and interval and units.nanoseconds(ttl) < units.nanoseconds(interval):
            yield Finding(
                (*path, "credential_ttl"),
                f"bot {bot}: the identity would expire after {ttl}, before its renewal every {interval}",
                "renew at least twice within the lifetime",
            )


def _shared_directory(site: Site) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for path, bot, identity in _identities(site):
        if identity.path is None:
            continue
        other = first.setdefault(identity.directory, bot)
        if other != bot:
            yield Finding(
                (*path, "path"),
                f"bot {bot}: its identity stands where that of bot {other} does: on one machine "
                "they would overwrite each other",
                "give each bot a directory of its own",
                related=(("bots", other, "identity", "path"),),
            )


def _in_storage(site: Site) -> Iterator[Finding]:
    for path, name, identity in _identities(site):
        tbot = site.bots[name].tbot
        storage = (tbot.storage if tbot and tbot.storage else _DEFAULT_STORAGE).rstrip("/")
        if identity.path is not None and identity.directory == storage:
            yield Finding(
                (*path, "path"),
                f"bot {name}: this is tbot's own storage, which nobody else may read",
                "give the identity a directory of its own",
            )


def _rule_without_subject(site: Site) -> Iterator[Finding]:
    for path, bot, join in _joins(site):
        wanted = (
            OTHERS[join.method] if isinstance(join, BlockJoin) else _NEEDS_ONE_OF.get(type(join))
        )
        for index, rule in enumerate(getattr(join, "allow", ())):
            keys = _said(rule)
            if wanted and not keys & set(wanted):
                yield Finding(
                    (*path, "allow", index),
                    f"bot {bot}: Teleport refuses a rule of {join.method} that says none of "
                    f"{', '.join(wanted)}",
                    f"add {wanted[0]}",
                )


def _said(rule: Strict | Mapping[str, Plain]) -> set[str]:
    """Return the keys of a rule that say something; null says nothing."""
    said = rule.said() if isinstance(rule, Strict) else rule
    return {key for key, value in said.items() if value is not None}


def _no_rules(site: Site) -> Iterator[Finding]:
    for path, bot, join in _joins(site):
        if getattr(join, "allow", None) == ():
            yield Finding(
                (*path, "allow"),
                f"bot {bot}: join method {join.method} needs at least one rule, or nobody could join",
                "say who may join",
            )


def _two_enterprises(site: Site) -> Iterator[Finding]:
    for path, bot, join in _joins(site):
        if isinstance(join, GithubJoin) and join.enterprise_server_host and join.enterprise_slug:
            yield Finding(
                (*path, "enterprise_slug"),
                f"bot {bot}: enterprise_server_host and enterprise_slug exclude each other",
                "the host is for a server of your own, the slug for GitHub Enterprise Cloud",
                on_key=True,
            )


def _jwks_by_type(site: Site) -> Iterator[Finding]:
    for path, bot, join in _joins(site):
        if isinstance(join, KubernetesJoin) and (join.type == "static_jwks") != bool(
            join.static_jwks
        ):
            yield Finding(
                path,
                f"bot {bot}: static_jwks and type: static_jwks go together",
                "add the one that is missing, or leave both out inside the cluster",
            )


def _secret_in_block(site: Site) -> Iterator[Finding]:
    for path, bot, join in _joins(site):
        for key in _SECRETS:
            if isinstance(join, BlockJoin) and key in join.config:
                yield Finding(
                    (*path, "config", key),
                    f"bot {bot}: {key} is a secret, and a site is read by many",
                    "give it to the machine alone",
                    on_key=True,
                )


def _same_token(site: Site) -> Iterator[Finding]:
    names = Counter(_token(bot, join) for _, bot, join in _joins(site))
    for path, bot, join in _joins(site):
        if names[_token(bot, join)] > 1 and not isinstance(join, SecretJoin):
            yield Finding(
                path,
                f"bot {bot}: more than one join comes to the token name {token_name(bot, join)}",
                "give each of them a name",
            )


def _memory_and_secret(site: Site) -> Iterator[Finding]:
    for path, name, join in _joins(site):
        tbot = site.bots[name].tbot
        if isinstance(join, SecretJoin) and tbot and tbot.storage == "memory" and not tbot.oneshot:
            yield Finding(
                ("bots", name, "tbot", "storage"),
                f"bot {name}: a token joins once; with its state in memory, tbot cannot come back "
                "after a restart",
                "keep the state in a directory",
                related=(path,),
            )


def _token(bot: str, join: Join) -> str:
    return "" if isinstance(join, SecretJoin) else token_name(bot, join)


def _joins(site: Site) -> Iterator[tuple[Path, str, Join]]:
    for name, bot in site.bots.items():
        for index, join in enumerate(bot.join):
            yield ("bots", name, "join", index), name, join


def _identities(site: Site) -> Iterator[tuple[Path, str, Identity]]:
    for name, bot in site.bots.items():
        if bot.identity is not None:
            yield ("bots", name, "identity"), name, bot.identity


RULES: Final = (
    Rule("PV170", "error", "identity nowhere, or in two places", _nowhere, firm=True),
    Rule("PV171", "error", "reader that is not one", _odd_reader, firm=True),
    Rule("PV172", "error", "directory setting on a Kubernetes secret", _directory_only, firm=True),
    Rule("PV173", "error", "half a lifetime", _half_lifetime, firm=True),
    Rule("PV174", "error", "expires before its renewal", _expires_before_renewal, firm=True),
    Rule("PV175", "warning", "two bots in one directory", _shared_directory),
    Rule("PV176", "error", "identity in tbot's storage", _in_storage),
    Rule("PV177", "error", "join rule without a subject", _rule_without_subject, firm=True),
    Rule("PV178", "error", "join without rules", _no_rules, firm=True),
    Rule("PV179", "error", "two kinds of GitHub Enterprise", _two_enterprises, firm=True),
    Rule("PV180", "error", "static_jwks without its type", _jwks_by_type, firm=True),
    Rule("PV181", "error", "secret in the site", _secret_in_block, firm=True),
    Rule("PV182", "error", "two joins, one token", _same_token, firm=True),
    Rule("PV183", "error", "single-use token and state in memory", _memory_and_secret, firm=True),
)
