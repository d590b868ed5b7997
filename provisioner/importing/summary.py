"""What an import wrote, what it did not and why, and what comes next: for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from provisioner.importing.choice import Left
from provisioner.importing.entries import COLLECTIONS, Entry
from provisioner.planning.compare import manager
from provisioner.site.model import Site
from provisioner.text.terminal import plural, visible

_SHOWN: Final = 8
_CALLED: Final = {"role": "role", "app": "MCP server", "bot": "bot"}


def summary(
    written: Sequence[Entry], left: Iterable[Left], other_apps: int, site: Site
) -> Iterator[str]:
    """Yield the lines of a summary; `site` is the one that was written into, as it was."""
    counts = [
        plural(number, _CALLED[kind])
        for kind in COLLECTIONS
        if (number := sum(entry.key.kind == kind for entry in written))
    ]
    yield f"Imported {', '.join(counts) or 'nothing'}."
    yield from _static(written)
    yield from _referred(written)
    yield from _in_scope(written, site)
    yield from _left(left)
    if other_apps:
        yield f"left out: {plural(other_apps, 'app')} that {_are(other_apps)}"


def next_steps(written: Iterable[Entry], site: str) -> Iterator[tuple[str, ...]]:
    """Yield the arguments of each `provision adopt` that takes over what was written."""
    mine = [entry for entry in written if entry.live.key.kind != "app_server"]
    foreign = [(entry.live.owner or "", entry) for entry in mine if entry.live.owner != site]
    nobodys = [entry for owner, entry in foreign if not owner]
    named = [str(entry.key) for entry in nobodys if manager(entry.live)]
    if len(named) < len(nobodys):
        yield ("--all",)
    if named:
        yield tuple(named)
    for other in sorted({owner for owner, _ in foreign if owner}):
        yield (*(str(e.key) for owner, e in foreign if owner == other), "--from-site", other)


def _static(written: Iterable[Entry]) -> Iterator[str]:
    names = [entry.key.name for entry in written if entry.live.key.kind == "app_server"]
    if names:
        yield f"without `app:`, since an agent's own configuration has it: {_listed(names)}"


def _referred(written: Iterable[Entry]) -> Iterator[str]:
    """Yield what has to be set before the plan can compare it; the value itself is nowhere here."""
    for entry in written:
        for header, variable in entry.referred:
            name = visible(header)
            yield f"a secret: header {name} of {entry.key} is read from {variable}: set it to the value of now"


def _in_scope(written: Iterable[Entry], site: Site) -> Iterator[str]:
    new = {name for entry in written if not site.manages(name := str(entry.path[0]))}
    if new:
        yield f"now in the scope of the site: {', '.join(sorted(new))}"
    if any(entry.key.kind == "bot" for entry in written):
        yield "not in the cluster, for you to add: join, identity, tbot and clients of bots"


def _left(left: Iterable[Left]) -> Iterator[str]:
    """Yield a line for each reason, with what it is about, and the cure."""
    ordered = sorted(left, key=lambda each: (each.reason, each.hint, each.key))
    for (reason, hint), group in groupby(ordered, key=lambda each: (each.reason, each.hint)):
        yield f"left out: {_listed(str(each.key) for each in group)}: {visible(reason)}"
        if hint:
            yield f"  = {visible(hint)}"


def _listed(names: Iterable[str]) -> str:
    listed = [visible(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _are(number: int) -> str:
    return "is no MCP server" if number == 1 else "are no MCP servers"
