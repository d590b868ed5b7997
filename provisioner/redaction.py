"""Excerpts of a site without what may be a secret in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from provisioner.errors import Place, Problem
from provisioner.source import Document, Step
from provisioner.values import Plain

Path = tuple[Step, ...]

_SECRET_KEYS: Final = frozenset(
    {"registration_secret", "initial_join_secret", "password", "secret"}
)


def redacted(
    problems: Iterable[Problem], document: Document, unknown: Iterable[Path]
) -> tuple[Problem, ...]:
    """Return the problems, the values of headers, secrets and unknown keys starred out.

    `unknown` are the paths of keys that no site has: a mistyped key may hold anything.
    """
    places = [document.place(path) for path in (*unknown, *_secrets(document.value, ()))]
    return tuple(_starred(problem, places) for problem in problems)


def _secrets(value: Plain, path: Path) -> Iterator[Path]:
    """Yield the paths of all values that are, or may be, secrets by their key."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key in _SECRET_KEYS or (key == "value" and path[-2:-1] == ("headers",)):
                yield (*path, key)
            else:
                yield from _secrets(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _secrets(child, (*path, index))


def _starred(problem: Problem, places: Iterable[Place]) -> Problem:
    at, line = problem.at, problem.excerpt
    if at is None or not line:
        return problem
    for place in places:
        if (place.file, place.line) == (at.file, at.line):
            start, end = place.column - 1, max(place.end - 1, place.column)
            line = line[:start] + "*" * (end - start) + line[end:]
    return replace(problem, excerpt=line)
