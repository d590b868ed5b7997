"""The lines of a site that problems show, without what may be a secret in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from provisioner import source
from provisioner.errors import Place, Problem
from provisioner.source import Document, Step
from provisioner.values import Plain

Path = tuple[Step, ...]

_SECRET_KEYS: Final = frozenset(
    {"registration_secret", "initial_join_secret", "password", "secret"}
)


def excerpted(
    problems: Iterable[Problem], document: Document, unknown: Iterable[Path] = ()
) -> tuple[Problem, ...]:
    """Return the problems with the lines they point at; headers, secrets and unknown keys starred.

    `unknown` are the paths of keys that no site has: a mistyped key may hold anything.
    """
    found = tuple(problems)
    if not found:
        return ()
    hidden: defaultdict[tuple[str, int], list[Place]] = defaultdict(list)
    for path in (*unknown, *_secrets(document.value, ())):
        place = document.place(path)
        hidden[place.file, place.line].append(place)
    return tuple(
        replace(problem, excerpt=_excerpt(document, at, hidden.get((at.file, at.line), ())))
        if (at := problem.at)
        else problem
        for problem in found
    )


def is_secret(path: Path) -> bool:
    """Whether what stands at `path` is, or may be, a secret by its key."""
    last, below = path[-1:], path[-2:-1]
    if last == ("headers",) or below == ("headers",):
        return True  # not a list, or not a mapping in it: nobody knows what was meant
    return last[:1] == ("value",) if path[-3:-2] == ("headers",) else last[0] in _SECRET_KEYS


def _secrets(value: Plain, path: Path) -> Iterator[Path]:
    is_header_list = path[-1:] == ("headers",) and isinstance(value, list)
    is_header = path[-2:-1] == ("headers",) and isinstance(value, dict)
    if path and is_secret(path) and not is_header_list and not is_header:
        yield path
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _secrets(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _secrets(child, (*path, index))


def _excerpt(document: Document, at: Place, hidden: Iterable[Place]) -> str:
    """Return the line at `at`, starred in full before it is cut to the width of a message."""
    files = document.layers or (document,)
    line = next((layer.line(at.line) for layer in files if layer.file == at.file), "")
    for place in hidden:
        start, end = place.column - 1, max(place.end - 1, place.column)
        line = line[:start] + "*" * (end - start) + line[end:]
    return source.excerpt(line, at)
