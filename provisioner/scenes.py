"""What the `access` commands look at: the site alone, the cluster as it is, or before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from provisioner.applying.gate import gate
from provisioner.change import ClusterInfo, Key, Op, Plan
from provisioner.checks.worlds import site_world
from provisioner.cluster.port import Cluster, Scope
from provisioner.cluster.resource import Resource, resource
from provisioner.planning.impact import Inventory, live_world
from provisioner.planning.state import State, outcome, state
from provisioner.rbac.inquiry import Scene
from provisioner.workflow import READ, Prepared, look, plan_for

_ALONE: Final = "Judged on the site alone: roles and bots of others are not in it. --live evaluates the cluster."


def of_site(prepared: Prepared) -> Scene:
    """Return what the site says by itself; roles of others are told, and count for nothing."""
    rendered = {r.key.name for r in prepared.rendered.resources if r.key.kind == "role"}
    lacking = {
        name: missing
        for name, bot in prepared.site.bots.items()
        if (missing := tuple(role for role in bot.roles if role not in rendered))
    }
    return Scene(
        name=f"{prepared.document.file} alone",
        world=site_world(prepared.site, prepared.rendered.resources),
        notes=(_ALONE,),
        lacking=lacking,
        so="is not in this site, and counts for nothing here",
        lifetimes=dict(_lifetimes(prepared)),
    )


def of_cluster(cluster: Cluster, inventory: Inventory) -> Scene:
    """Return the cluster as it is. Raises WrongVersion before it reads, and ClusterError."""
    info = cluster.info()
    gate(info)
    live = state(resource(body) for body in cluster.read(Scope(READ)))
    return _live(live, inventory, _named(info))


def before_and_after(prepared: Prepared, cluster: Cluster) -> tuple[Scene, Scene]:
    """Return the cluster as it is, and as it will be when the site is applied. Raises as planning."""
    seen = look(prepared, cluster, prune=False)
    made = plan_for(prepared, seen, prune=False)
    live = state(seen.live)
    tools = prepared.inventory.get
    before = _live(live, tools, _named(seen.info))
    after = _live(outcome(live, made.changes), tools, f"after an apply of {made.file}")
    lifetimes = dict(_lifetimes(prepared))
    then = replace(after, notes=tuple(_stopped(made)), lifetimes=lifetimes)
    return replace(before, lifetimes=lifetimes), then


def _lifetimes(prepared: Prepared) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the bots whose tbot the site configures, with how often it renews, and for how long."""
    for name, bot in prepared.site.bots.items():
        identity = bot.identity
        if identity and identity.renewal_interval and identity.credential_ttl:
            yield name, (identity.renewal_interval, identity.credential_ttl)


def _live(live: State, inventory: Inventory, name: str) -> Scene:
    return Scene(
        name,
        live_world(live, inventory),
        lacking=dict(_dangling(live.known)),
        so="does not exist: so it gets no certificate, and may do nothing",
    )


def _dangling(known: Mapping[Key, Resource]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for bot in (each for key, each in known.items() if key.kind == "bot"):
        missing = tuple(role for role in bot.roles if Key("role", role) not in known)
        if missing:
            yield bot.key.name, missing


def _stopped(made: Plan) -> Iterator[str]:
    """Say so where the plan could not be applied, so that what is told about it will not come."""
    if (
        any(problem.severity == "error" for problem in made.problems)
        or any(note.op is Op.CONFLICT for note in made.notes)
        or any(test.state != "passed" and not test.was_failing for test in made.tests)
    ):
        yield f"As it stands, an apply would be refused: provision plan {made.file}"


def _named(info: ClusterInfo) -> str:
    return str(info)
