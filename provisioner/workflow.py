"""What happens when one types `plan`: load -> render -> read -> plan -> judge -> apply -> read back.

Each function does one step with the last one's result and can be tested alone. Nothing here prints;
the shell above shows what comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from provisioner.applying import execution
from provisioner.applying.gate import gate
from provisioner.change import Adoption, ClusterInfo, Inputs, Key, Plan, TestResult
from provisioner.checks import severity
from provisioner.checks.acceptance import Test
from provisioner.checks.alone import judge_alone, raised, told
from provisioner.cluster.port import Cluster, Scope, WritableCluster
from provisioner.cluster.references import Resolving
from provisioner.cluster.resource import Resource, resource
from provisioner.effort import Kept, Phase, Tell, unheard
from provisioner.errors import Place, Problem, SiteError
from provisioner.events import Event
from provisioner.planning import lookups
from provisioner.planning.adoption import adoption
from provisioner.planning.compare import carried
from provisioner.planning.desired import Declared, Desired, Excepting
from provisioner.planning.inputs import inputs
from provisioner.planning.plan import plan
from provisioner.rendering.render import Rendered, render
from provisioner.site import formats, sitefile
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.site.redaction import excerpted
from provisioner.site.subtract import matcher
from provisioner.system.lookup import look_up
from provisioner.templating.templates import Templates
from provisioner.text.source import Document
from provisioner.tools import pinned
from provisioner.tools.lock import Lock
from provisioner.values import EMPTY

_LAST: Final = Place("\U0010ffff")
"""Where problems without a place are told: after all others."""

READ: Final = ("role", "bot", "app", "app_server")
_SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "roles": ("role",),
    "mcp_servers": ("app",),
    "bots": ("bot", "token"),
}


class Checked(Struct, frozen=True):
    """A site file as far as it can be judged alone; `site` is None while it has errors.

    `tests` are what its access tests come to, once it can be rendered.
    """

    site: Site | None
    document: Document | None
    problems: tuple[Problem, ...]
    lock: Lock = field(default_factory=Lock)
    tests: tuple[TestResult, ...] = ()


class Prepared(Struct, frozen=True):
    """A site without errors, and all that it renders to."""

    site: Site
    document: Document
    warnings: tuple[Problem, ...]
    rendered: Rendered
    inputs: Inputs
    lock: Lock = field(default_factory=Lock)

    @property
    def inventory(self) -> pinned.Inventory:
        """The tools of every server, as the site or its lock has them; None where not all are known."""
        return pinned.inventory(self.site, self.lock)


class Seen(Struct, frozen=True):
    """A cluster as it was found, as far as a site is concerned, and what could not be told of it."""

    info: ClusterInfo
    live: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()


def check(path: Path, data: bytes | None = None) -> Checked:
    """Read and judge a site file, or `data` as if it stood there.

    Raises FileError; whatever is wrong inside is in the result.
    """
    document, problems = sitefile.load(path, data)
    if document is None:
        return Checked(None, None, problems)
    decoded = decode(document)
    lock, unusable = pinned.load(path)
    site = decoded.partial and pinned.filled(decoded.partial, lock)
    found = [*problems, *decoded.problems]
    if decoded.partial is not None and site is not None:
        found += pinned.unequal(decoded.partial, lock, document.place)
        judged = (
            (rule, finding)
            for rule, finding in severity.judged(site, severity.findings(site))
            if rule.severity == "error" or finding.path[:2] not in decoded.broken
        )
        found += told(judged, document)
    found.sort(key=lambda problem: problem.at or _LAST)
    ordered = (*excerpted(found, document, decoded.unknown), *unusable)
    failed = decoded.site is None or any(problem.severity == "error" for problem in ordered)
    return Checked(None if failed else site, document, ordered, lock)


def examine(path: Path, templates: Templates, tell: Tell = unheard) -> Checked:
    """Check a site file, render it, and hold its access tests against the site alone.

    Raises FileError; whatever is wrong with the site or its templates is in the result.
    """
    tell(Phase("checking the site"))
    checked = check(path)
    if checked.site is None or checked.document is None:
        return checked
    try:
        prepared = _prepared(checked, path, templates, tell)
        _ = prepared.rendered.files  # whatever fails is found here, not when it is written
    except SiteError as error:
        return Checked(None, checked.document, error.problems)
    tell(Phase("testing access"))
    alone = judge_alone(
        prepared.site,
        prepared.document,
        prepared.rendered.resources,
        _tests(prepared),
        prepared.lock,
    )
    found = sorted((*checked.problems, *alone.problems), key=lambda problem: problem.at or _LAST)
    failed = any(problem.severity == "error" for problem in found)
    site = None if failed else checked.site
    return Checked(site, checked.document, tuple(found), checked.lock, alone.tests)


def _tests(prepared: Prepared) -> tuple[Test, ...]:
    locate = prepared.document.key_place
    return tuple(
        Test(name, says, locate(("tests", name))) for name, says in prepared.site.tests.items()
    )


def prepare(path: Path, templates: Templates, tell: Tell = unheard) -> Prepared:
    """Check a site file and render it. Raises FileError, and SiteError with every problem."""
    tell(Phase("checking the site"))
    prepared = _prepared(check(path), path, templates, tell)
    resources, lock = prepared.rendered.resources, prepared.lock
    if errors := raised(prepared.site, prepared.document, resources, lock):
        raise SiteError((*prepared.warnings, *errors))
    return prepared


def _prepared(checked: Checked, path: Path, templates: Templates, tell: Tell) -> Prepared:
    if checked.site is None or checked.document is None:
        raise SiteError(checked.problems)
    tell(Phase("rendering"))
    brought = formats.read(checked.site, checked.document, path.parent)
    templates = templates.also(brought.texts, brought.paths)
    rendered = render(checked.site, templates, checked.document.key_place)
    made_from = inputs(checked.document, templates, checked.lock)
    return Prepared(
        checked.site, checked.document, checked.problems, rendered, made_from, checked.lock
    )


def make_plan(
    prepared: Prepared,
    cluster: Cluster,
    *,
    prune: bool,
    only: Collection[Key] = (),
    tell: Tell = unheard,
) -> Plan:
    """Read the cluster and plan. Raises WrongVersion before it reads, and ClusterError."""
    tell(Phase("reading the cluster"))
    seen = look(prepared, cluster, prune=prune)
    tell(Phase("planning"))
    for kept in _left_alone(prepared, seen):
        tell(kept)
    return plan_for(prepared, seen, prune=prune, only=only)


def _left_alone(prepared: Prepared, seen: Seen) -> Iterator[Kept]:
    """Yield which options of our live roles stay, though the site does not say them."""
    wanted = {resource.key: resource for resource in prepared.rendered.resources}
    for live in seen.live:
        ours = wanted.get(live.key) if live.owner == prepared.site.site else None
        if ours is not None and (names := carried(ours, live)):
            yield Kept(str(live.key), tuple(sorted(names)))


def look(prepared: Prepared, cluster: Cluster, *, prune: bool) -> Seen:
    """Read what a plan needs to know. Raises WrongVersion before it reads, and ClusterError."""
    info = cluster.info()
    gate(info, prepared.site)
    found = map(resource, cluster.read(scope(prepared, prune=prune)))
    return Seen(info, *lookups.recognise(found, prepared.rendered.resources, look_up))


def plan_for(prepared: Prepared, seen: Seen, *, prune: bool, only: Collection[Key] = ()) -> Plan:
    """Plan from what was seen. Raises WrongVersion for a copy downgraded for an older tctl."""
    made = plan(_desired(prepared), seen.live, seen.info, prune=prune, only=only)
    found = (*made.problems, *seen.problems, *lookups.lacking(made.changes, look_up))
    unmet = excerpted(severity.adjusted(prepared.site, found), prepared.document)
    return replace(made, problems=(*prepared.warnings, *unmet), inputs=prepared.inputs)


def make_adoption(
    prepared: Prepared, cluster: Cluster, wish: Adoption, tell: Tell = unheard
) -> Plan:
    """Read the cluster and plan to mark resources as ours. Raises WrongVersion and ClusterError."""
    tell(Phase("reading the cluster"))
    seen = look(prepared, cluster, prune=False)
    tell(Phase("planning"))
    made = adoption(_desired(prepared), seen.live, seen.info, wish)
    doubts = excerpted(severity.adjusted(prepared.site, seen.problems), prepared.document)
    return replace(made, problems=(*prepared.warnings, *doubts), inputs=prepared.inputs)


def carry_out(
    made: Plan,
    prepared: Prepared,
    cluster: WritableCluster,
    *,
    pauses: Sequence[float] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Apply a judged plan and read back what became of it.

    Raises what `execution` does, and Unresolved where a value to be written is not to be had here.
    """
    changes = made.changes
    if made.adoption is not None:
        changes = lookups.as_wanted(changes, prepared.rendered.resources)
        replan = partial(make_adoption, prepared, cluster, made.adoption)
    else:
        replan = partial(make_plan, prepared, cluster, prune=made.prune, only=made.only)
    lookups.require(changes, look_up)
    resolving = Resolving(cluster, look_up)
    return execution.carry_out(made, resolving, replan, pauses=pauses, sleep=sleep)


def scope(prepared: Prepared, *, prune: bool) -> Scope:
    """Return what to read: tokens only where the site renders some, or may delete some."""
    site = prepared.site
    tokens = frozenset(r.key.name for r in prepared.rendered.resources if r.key.kind == "token")
    may_prune = prune and site.manages("bots")
    kinds = (*READ, "token") if tokens or may_prune else READ
    external = (Key("role", name) for name in site.external_roles)
    needs = frozenset((*(each.key for each in prepared.rendered.resources), *external))
    return Scope(kinds, site.site, tokens, needs)


def _desired(prepared: Prepared) -> Desired:
    site, at = prepared.site, prepared.document
    return Desired(
        site=site.site,
        file=at.file,
        resources=prepared.rendered.resources,
        kinds=tuple(
            kind
            for collection, kinds in _SCOPES.items()
            if site.manages(collection)
            for kind in kinds
        ),
        external_roles={
            name: at.place(("external_roles", index))
            for index, name in enumerate(site.external_roles)
        },
        servers={
            name: Declared(
                None if server.labels is EMPTY else server.labels,
                at.key_place(("mcp_servers", name)),
            )
            for name, server in site.mcp_servers.items()
        },
        tools=prepared.inventory,
        tests=_tests(prepared),
        exceptions={
            name: Excepting(matcher(role), at.key_place(("roles", name, "except_tools")))
            for name, role in site.roles.items()
            if role.except_tools
        },
    )
