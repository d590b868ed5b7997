"""A cluster written down: entries are made, put into the text, and proven, until all that is left holds.

An entry stays only if the site with it has no error there, and if rendering it gives the live
document again. So whatever is written plans to nothing once it is adopted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.checks import severity
from provisioner.cluster.references import trusted
from provisioner.cluster.resource import Resource, equal
from provisioner.errors import Problem, SiteError
from provisioner.importing.choice import Choice, Left
from provisioner.importing.entries import Entry, Inexpressible, called, entry_of
from provisioner.importing.insertion import lines_of, with_entries
from provisioner.planning.compare import anybodys, differences
from provisioner.rendering.render import render
from provisioner.site import sitefile
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.templating.templates import Templates
from provisioner.text.source import Document
from provisioner.tools import pinned

_SHOWN: Final = 5
_DOWNGRADED: Final = "teleport.internal/downgraded"

SitePath = tuple[str | int, ...]
Reasons = dict[SitePath, tuple[str, str]]
"""Why entries cannot stay, and the cure, by their paths in the site."""


class Target(Struct, frozen=True):
    """A site to write into, without errors: its path, its text, what it says, and whether it is new."""

    path: Path
    text: str
    site: Site
    is_new: bool

    @property
    def present(self) -> frozenset[Key]:
        """What the site names already."""
        there = (("role", self.site.roles), ("app", self.site.mcp_servers), ("bot", self.site.bots))
        return frozenset(Key(kind, name) for kind, entries in there for name in entries)


class Imported(Struct, frozen=True):
    """The text of a site with all that could be written down, and what could not, with the reasons."""

    text: str
    written: tuple[Entry, ...]
    left: tuple[Left, ...]


def write_down(
    target: Target, choice: Choice, roles: Iterable[str], templates: Templates
) -> Imported:
    """Return the text of `target` with what was chosen; `roles` are the names of all that live.

    Raises SiteError where an entry spoils what the site said before, and SpliceError.
    """
    left: list[Left] = []
    known, taken = frozenset((*roles, *target.site.roles)), set(_variables(target.site))
    entries = list(_entries(choice.chosen, known, taken, left))
    while entries:
        text = with_entries(target.text, target.site, entries, is_new=target.is_new)
        reasons = _reasons(target, text, entries, templates)
        if not reasons:
            return Imported(text, tuple(entries), tuple(left))
        left += [
            Left(entry.key, *reasons[entry.path]) for entry in entries if entry.path in reasons
        ]
        entries = [entry for entry in entries if entry.path not in reasons]
    return Imported(target.text, (), tuple(left))


def _variables(site: Site) -> Iterator[str]:
    """Yield the variables that headers of the site are read from."""
    for server in site.mcp_servers.values():
        for header in server.app.headers if server.app else ():
            if header.value.env:
                yield header.value.env


def _entries(
    chosen: Iterable[Resource], roles: frozenset[str], taken: set[str], left: list[Left]
) -> Iterator[Entry]:
    """Yield what can be said at all; add what cannot to `left`."""
    for live in chosen:
        try:
            entry = entry_of(live, taken)
            _require_whole(live, roles)
        except Inexpressible as error:
            left.append(Left(called(live.key), error.message, error.hint))
        else:
            yield entry


def _require_whole(live: Resource, roles: frozenset[str]) -> None:
    """Raise Inexpressible for what is not, in the cluster, what it should be."""
    if _DOWNGRADED in live.labels:
        raise Inexpressible(
            "the cluster serves it in a form downgraded for an older tctl",
            hint="use a tctl of the cluster's own major version",
        )
    held = live.roles if live.key.kind == "bot" else ()
    gone = sorted(role for role in held if role not in roles)
    if gone:
        raise Inexpressible(
            f"it names roles that do not exist: {', '.join(gone[:_SHOWN])}",
            hint=f"create them, or take them from it: tctl bots update {live.key.name} --set-roles",
        )


def _reasons(
    target: Target, text: str, entries: Sequence[Entry], templates: Templates
) -> Mapping[SitePath, tuple[str, str]]:
    """Return which of the entries in `text` cannot stay. Raises SiteError for anything else that is wrong."""
    document, problems = sitefile.load(target.path, text.encode())
    if document is None or problems:
        raise SiteError(problems)
    decoded = decode(document)
    reasons = _undecodable(document, decoded.broken, decoded.problems, entries)
    if decoded.partial is not None:
        lock, _ = pinned.load(target.path)
        site = pinned.filled(decoded.partial, lock)
        reasons |= _against_rules(site, document, entries)
        if decoded.site is not None and not reasons:
            reasons |= _unequal(site, document, entries, templates)
    if decoded.site is None and not reasons:
        raise SiteError(decoded.problems)
    return reasons


def _undecodable(
    document: Document,
    broken: Iterable[SitePath],
    problems: Sequence[Problem],
    entries: Iterable[Entry],
) -> Reasons:
    reasons: Reasons = {}
    spoiled = set(broken)
    for entry in entries:
        if entry.path in spoiled:
            line = document.key_place(entry.path).line
            end = line + len(lines_of(entry))
            found = [each for each in problems if each.at and line <= each.at.line < end]
            reasons[entry.path] = (found[0].message, "") if found else ("it breaks the schema", "")
    return reasons


def _against_rules(site: Site, document: Document, entries: Iterable[Entry]) -> Reasons:
    """Return which entries break a rule of the site. Raises SiteError where others do."""
    ours = {entry.path for entry in entries}
    reasons: Reasons = {}
    others: list[Problem] = []
    for rule, finding in severity.judged(site, severity.findings(site)):
        if rule.severity != "error":
            continue
        blamed = [path[:2] for path in (finding.path, *finding.related) if path[:2] in ours]
        if blamed:
            reasons[blamed[0]] = (f"{finding.message} ({rule.code})", finding.cure)
        else:
            at = document.place(finding.path)
            others.append(Problem(rule.code, "error", finding.message, finding.cure, at))
    if others and not reasons:
        raise SiteError(tuple(others))
    return reasons


def _unequal(
    site: Site, document: Document, entries: Iterable[Entry], templates: Templates
) -> Reasons:
    """Return which entries do not come to the live document when they are rendered."""
    rendered = {each.key: each for each in render(site, templates, document.key_place).resources}
    reasons: Reasons = {}
    for entry in entries:
        if entry.live.key.kind == "app_server":
            continue  # of what others serve, a site says the labels alone
        wanted = rendered[entry.key]
        one, two = anybodys(trusted(entry.live, wanted)), anybodys(wanted)
        if not equal(one, two):
            paths = [field.path for field in differences(entry.key.kind, one, two)]
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            reasons[entry.path] = (f"a site cannot say its {', '.join(paths[:_SHOWN])}{more}", "")
    return reasons
