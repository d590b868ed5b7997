"""The difference between a site and a cluster, in the order in which it can be made.

Everything here is a function of values: what is desired, what is live, in; a `Plan` out. Nothing
here knows how a cluster is reached, and deleting is planning with less desired.

    level   creates, updates      deletes (backwards)
      0     roles                   8
      1     apps                    7
      2     bots, grants            6
      3     tokens                  5
      4     roles taken from bots
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from provisioner.change import Access, Change, ClusterInfo, Key, Op, Plan, TestResult
from provisioner.checks.acceptance import results
from provisioner.cluster.kinds import KINDS
from provisioner.cluster.resource import Resource
from provisioner.errors import WrongVersion
from provisioner.planning.compare import compare, create, delete, served
from provisioner.planning.desired import Desired, unmet
from provisioner.planning.digests import approval
from provisioner.planning.holdings import (
    dangling,
    foreign_bot,
    refused_by_dangling,
    roles_of,
    still_held,
)
from provisioner.planning.impact import impact, live_world
from provisioner.planning.part import part, require_known
from provisioner.planning.state import State, outcome, state
from provisioner.planning.tokens import allowed
from provisioner.values import sha256

_TAKES: Final = 4
_LAST: Final = 8
_DOWNGRADED: Final = "teleport.internal/downgraded"


def plan(
    desired: Desired,
    live: Iterable[Resource],
    cluster: ClusterInfo,
    *,
    prune: bool = False,
    only: Collection[Key] = (),
) -> Plan:
    """Return the plan that brings `live` to `desired`, or the part of it that `only` names.

    Raises WrongVersion when the cluster serves a downgraded copy of something we manage: writing
    that back would lose what the copy does not show; and Missing for a name that nothing has.
    """
    before = state(live)
    known = before.known
    wanted = {resource.key: resource for resource in desired.resources}
    require_whole(wanted, known)
    found = [
        *_of_the_site(wanted, before, desired.site),
        *_no_longer_in_the_site(wanted, known, desired, prune=prune),
        *_of_others(wanted, known, desired, prune=prune),
    ]
    if only:
        require_known(only, wanted.keys() | known.keys())
        whole, found = found, part(found, only)
        desired = _without_later_servers(desired, whole)
    found = _with_consequences(found, known)
    return finished(frame(desired, cluster, prune=prune, only=only), desired, before, found)


def _without_later_servers(desired: Desired, whole: Iterable[Change]) -> Desired:
    """Take out the servers that the site creates or changes.

    That they are not there yet, or have other labels, is what the rest of the plan is for.
    """
    later = {each.key for each in whole if each.op in (Op.CREATE, Op.UPDATE)}
    servers = {name: s for name, s in desired.servers.items() if Key("app", name) not in later}
    return replace(desired, servers=servers)


def frame(
    desired: Desired, cluster: ClusterInfo, *, prune: bool = False, only: Collection[Key] = ()
) -> Plan:
    """Return a plan of what, for what, without any line yet."""
    return Plan(
        desired.site, desired.file, cluster, prune, scope=desired.kinds, only=tuple(sorted(only))
    )


def finished(begun: Plan, desired: Desired, before: State, found: Iterable[Change]) -> Plan:
    """Return a plan with the changes and notes `found`, in order, and what they do to access."""
    lines = tuple(found)
    changes = tuple(sorted((c for c in lines if not c.op.is_note), key=_position))
    after = outcome(before, changes)
    made = replace(
        begun,
        changes=changes,
        notes=tuple(sorted((c for c in lines if c.op.is_note), key=_note_position)),
        problems=tuple(unmet(desired, before, after, lines)),
        unchanged=_unchanged(desired, lines, begun.only),
        access=impact(before, after, desired.tools.get) if changes else Access(),
        tests=_tested(desired, before, after),
        owned=_owned(desired, before.known),
    )
    return replace(made, digest=f"{_sides(desired, before.known)}-{approval(made)}")


def require_whole(keys: Iterable[Key], known: Mapping[Key, Resource]) -> None:
    """Raise WrongVersion where what is to be written is live, and was shown to us cut down."""
    for key in keys:
        if key in known and _DOWNGRADED in known[key].labels:
            raise WrongVersion(
                f"the cluster serves {key} in a form downgraded for an older tctl",
                hint="use a tctl of the cluster's own major version",
            )


def stage(change: Change) -> int:
    """Return the step at which a change is made; changes of one stage do not need each other."""
    level = KINDS[change.key.kind].level
    if change.op is Op.DELETE:
        return _LAST - level
    if change.key.kind == "bot" and set(roles_of(change.before)) - set(roles_of(change.after)):
        return _TAKES
    return level


def _unchanged(desired: Desired, found: Iterable[Change], only: Collection[Key]) -> int:
    """Return how many resources of the site, or of the part of it, have no line in the plan."""
    told = {line.key for line in found}
    wanted = (resource.key for resource in desired.resources)
    return sum(key not in told and (not only or key in only) for key in wanted)


def _owned(desired: Desired, known: Mapping[Key, Resource]) -> int:
    ours = (key for key, live in known.items() if live.owner == desired.site)
    return sum(key.kind in desired.kinds for key in ours)


def _of_the_site(wanted: Mapping[Key, Resource], before: State, site: str) -> Iterator[Change]:
    for key, resource in wanted.items():
        live = before.known.get(key)
        if live is not None and (key.kind != "bot" or live.owner == site):
            change = compare(resource, live, site)
        elif live is None:
            agents = before.served.get(key.name, ()) if key.kind == "app" else ()
            change = served(resource, agents) or create(resource)
        else:
            continue  # a bot of somebody else: of those only the roles are applied
        if change is not None:
            yield allowed(change, before.known, site) if key.kind == "token" else change


def _no_longer_in_the_site(
    wanted: Mapping[Key, Resource], known: Mapping[Key, Resource], desired: Desired, *, prune: bool
) -> Iterator[Change]:
    for key, live in known.items():
        if key in wanted or key.kind not in desired.kinds or live.owner != desired.site:
            continue
        if prune:
            yield delete(live)
        else:
            yield Change(
                Op.ORPHAN, key, reason="ours, but no longer in the site", hint="--prune deletes it"
            )


def _of_others(
    wanted: Mapping[Key, Resource], known: Mapping[Key, Resource], desired: Desired, *, prune: bool
) -> Iterator[Change]:
    if "bot" not in desired.kinds:
        return
    ours = frozenset(
        [key.name for key in wanted if key.kind == "role" and key not in known]
        + [
            key.name
            for key, live in known.items()
            if key.kind == "role" and live.owner == desired.site
        ]
    )
    for key, live in known.items():
        if key.kind == "bot" and live.owner != desired.site:
            yield from foreign_bot(live, wanted.get(key), ours, prune=prune)


def _with_consequences(found: list[Change], known: Mapping[Key, Resource]) -> list[Change]:
    """Add what the changes leave behind: bots with missing roles, deleted roles still in use."""
    bots = {key.name: live.roles for key, live in known.items() if key.kind == "bot"}
    roles = {key.name for key in known if key.kind == "role"}
    for change in found:
        if change.key.kind == "bot" and not change.op.is_note:
            bots[change.key.name] = roles_of(change.after)
        if change.key.kind == "role" and change.op is Op.CREATE:
            roles.add(change.key.name)
    missing = frozenset(role for held in bots.values() for role in held if role not in roles)
    settled = [refused_by_dangling(change, missing) for change in found]
    return [*settled, *still_held(found, bots), *dangling(bots, frozenset(roles))]


def _position(change: Change) -> tuple[int, str, str]:
    return stage(change), change.key.kind, change.key.name


def _note_position(note: Change) -> tuple[int, str, str]:
    return list(Op).index(note.op), note.key.kind, note.key.name


def _tested(desired: Desired, before: State, after: State) -> tuple[TestResult, ...]:
    if not desired.tests:
        return ()
    old, new = (live_world(live, desired.tools.get) for live in (before, after))
    return results(desired.tests, new, old)


def _sides(desired: Desired, known: Mapping[Key, Resource]) -> str:
    """Return a short hash each of what is desired and of what is live.

    With them a digest that no longer holds tells which of them moved.
    """
    keys = {resource.key for resource in desired.resources}
    site = [desired.site, [resource.text for resource in _sorted(desired.resources)]]
    live = [
        resource.text
        for resource in _sorted(known.values())
        if resource.key.kind in KINDS and (resource.key in keys or resource.owner == desired.site)
    ]
    return f"{sha256(site)[:8]}-{sha256(live)[:8]}"


def _sorted(resources: Iterable[Resource]) -> list[Resource]:
    return sorted(resources, key=attrgetter("key.kind", "key.name"))
