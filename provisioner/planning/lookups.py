"""Values that a site only refers to: which live ones are theirs, and which of them cannot be had here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from provisioner.change import Change
from provisioner.checks.rules.elsewhere import UNCOMPARED, UNWRITABLE
from provisioner.cluster.references import (
    Doubt,
    Reference,
    Resolve,
    named,
    recognised,
    references,
)
from provisioner.cluster.resource import Resource
from provisioner.errors import Problem, Unresolved


def recognise(
    live: Iterable[Resource], wanted: Iterable[Resource], resolve: Resolve
) -> tuple[tuple[Resource, ...], tuple[Problem, ...]]:
    """Return what is live, each value that a reference of `wanted` leads to as that reference.

    The problems say which values could not be compared.
    """
    referring = {each.key: each for each in wanted if any(references(each.body))}
    seen: list[Resource] = []
    problems: list[Problem] = []
    for each in live:
        if (ours := referring.get(each.key)) is None:
            seen.append(each)
            continue
        known, doubts = recognised(each, ours, resolve)
        seen.append(known)
        problems += (_doubted(ours, doubt) for doubt in doubts)
    return tuple(seen), tuple(problems)


def lacking(changes: Iterable[Change], resolve: Resolve) -> Iterator[Problem]:
    """Yield what these changes would write, and what cannot be had here."""
    for change, header, reference, error in _lacking(changes, resolve):
        yield Problem(
            UNWRITABLE.code,
            UNWRITABLE.severity,
            f"header {header} of {change.key} cannot be written from here: {error.message}",
            f"apply where {named(reference)} is to be had",
            change.at,
            entry=f"mcp_servers.{change.key.name}",
        )


def require(changes: Iterable[Change], resolve: Resolve) -> None:
    """Let changes pass whose values can be had. Raises Unresolved with all that cannot."""
    found = [
        (f"header {header} of {change.key}: {error.message}", error.hint)
        for change, header, _, error in _lacking(changes, resolve)
    ]
    if found:
        raise Unresolved(
            "\n".join(message for message, _ in found),
            hint="\n".join(dict.fromkeys(hint for _, hint in found if hint)),
        )


def as_wanted(changes: Iterable[Change], wanted: Iterable[Resource]) -> tuple[Change, ...]:
    """Return adoptions as if they wrote what the site has, for `require`.

    What is live is what they write. But where nobody can say whether that is what the site refers
    to, nobody could say later who moved.
    """
    bodies = {each.key: each.body for each in wanted}
    return tuple(replace(change, write=bodies[change.key]) for change in changes)


def _lacking(
    changes: Iterable[Change], resolve: Resolve
) -> Iterator[tuple[Change, str, Reference, Unresolved]]:
    for change in changes:
        for header, reference in references(change.write):
            try:
                resolve(reference)
            except Unresolved as error:
                yield change, header, reference, error


def _doubted(wanted: Resource, doubt: Doubt) -> Problem:
    taken = "it was written from there, and is taken for the same" if doubt.assumed else (
        "it is taken for another one"
    )  # fmt: skip
    return Problem(
        UNCOMPARED.code,
        UNCOMPARED.severity,
        f"nobody can tell here whether header {doubt.header} of {wanted.key} is what "
        f"{named(doubt.reference)} says: {doubt.error.message}; {taken}",
        doubt.error.hint,
        wanted.at,
        entry=f"mcp_servers.{wanted.key.name}",
    )
