"""Who holds which role: grants to bots that are not ours, and what a plan leaves behind.

A bot that exists without our label is somebody else's: only its roles are applied. Teleport never
checks that a bot's roles exist, and one missing role fails all of the bot's certificates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from provisioner.change import Change, Key, Op
from provisioner.cluster.resource import Resource, without_labels
from provisioner.planning.compare import conflict, differences
from provisioner.values import Body, freeze


def foreign_bot(
    live: Resource, wanted: Resource | None, ours: frozenset[str], *, prune: bool
) -> Iterator[Change]:
    """Yield what happens to a bot of somebody else: at most one change, and notes.

    `wanted` is what the site says of it, if anything; `ours` are the roles that are ours to give.
    A role of ours that the site does not grant to it is an orphaned grant: only `prune` takes it.
    Bots of other sites keep their roles: there, the roles in the file are the whole set.
    """
    if wanted is not None and (claimed := _claims(wanted, live)):
        yield conflict(
            wanted,
            live,
            f"the bot is not ours, and the site says more of it than roles: {', '.join(claimed)}",
            f"provision adopt {live.key}, or remove these keys",
        )
        return
    held = frozenset(live.roles)
    granted = frozenset(wanted.roles) if wanted is not None else frozenset()
    if live.owner is not None:
        if wanted is not None and granted - held:
            yield conflict(
                wanted,
                live,
                f"the bot belongs to site {live.owner}, which would take the role away again",
                f"grant it there, with the role under external_roles, or: "
                f"provision adopt {live.key} --from-site {live.owner}",
            )
        return
    extra = (held & ours) - granted
    if extra and not prune:
        yield Change(
            Op.ORPHAN,
            live.key,
            at=wanted.at if wanted else None,
            reason=f"holds {', '.join(sorted(extra))}, which the site does not grant to it",
            hint="--prune revokes it",
        )
    target = (held | granted) - (extra if prune else frozenset())
    if target != held:
        yield _with_roles(live, wanted, target, Op.REVOKE if held - target else Op.GRANT)


def dangling(bots: Mapping[str, tuple[str, ...]], existing: frozenset[str]) -> Iterator[Change]:
    """Yield a note for every bot that will name a role that does not exist."""
    for name, roles in sorted(bots.items()):
        if missing := sorted(set(roles) - existing):
            yield Change(
                Op.DANGLING,
                Key("bot", name),
                reason=f"names {_roles(missing)} that {'do' if missing[1:] else 'does'} not exist: "
                "tbot gets no certificate at all for it",
                hint="create the role, or remove it from the bot",
            )


def still_held(changes: Iterable[Change], bots: Mapping[str, tuple[str, ...]]) -> Iterator[Change]:
    """Yield a conflict for every role to be deleted that a bot will still name."""
    for change in changes:
        if change.op is Op.DELETE and change.key.kind == "role":
            holders = sorted(name for name, roles in bots.items() if change.key.name in roles)
            if holders:
                yield Change(
                    Op.CONFLICT,
                    change.key,
                    reason=f"it cannot be deleted: bot {', '.join(holders)} still "
                    f"{'name' if holders[1:] else 'names'} it",
                    hint="take the role from the bot first, or keep the role",
                )


def refused_by_dangling(change: Change, missing: frozenset[str]) -> Change:
    """Return `change` on a bot's roles as a conflict when the bot will name a missing role.

    `tctl bots update` looks up every role of the resulting set and refuses them all for one.
    """
    broken = sorted(set(roles_of(change.after)) & missing)
    if change.op not in (Op.GRANT, Op.REVOKE) or not broken:
        return change
    return replace(
        change,
        op=Op.CONFLICT,
        reason=f"the bot names {_roles(broken)} that does not exist, so Teleport refuses any update",
        hint="create the missing role, or take it from the bot",
    )


def roles_of(form: Body) -> tuple[str, ...]:
    """Return the roles in the canonical body of a bot."""
    return tuple(form.get("spec", {}).get("roles", ()))


def _claims(wanted: Resource, live: Resource) -> list[str]:
    """Return the paths, roles apart, at which the site says something else than is live.

    Where the site is silent, a bot of somebody else may have what it likes; a default or a set of
    traits that the site spells out is not silence.
    """
    said = without_labels(wanted.form, "provisioner/")
    spelled = tuple(f"spec.{name}" for name in wanted.body.get("spec", {}))
    return [
        field.path
        for field in differences("bot", live.form, said)
        if (field.after is not None or field.path.startswith(spelled))
        and field.path != "spec.roles"
    ]


def _with_roles(live: Resource, wanted: Resource | None, roles: frozenset[str], op: Op) -> Change:
    spec = {**live.form.get("spec", {}), "roles": sorted(roles)}
    after: Body = freeze({**live.form, "spec": spec})
    return Change(
        op,
        live.key,
        before=live.form,
        after=after,
        live=live.body,
        fields=differences("bot", live.form, after),
        at=wanted.at if wanted else None,
        cause="site",
    )


def _roles(names: list[str]) -> str:
    return f"{'roles' if names[1:] else 'role'} {', '.join(names)}"
