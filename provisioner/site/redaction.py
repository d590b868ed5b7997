"""The lines of a site that problems show, without what may be a secret in them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from provisioner.errors import Place, Problem
from provisioner.text import source
from provisioner.text.source import Document, Step
from provisioner.values import Plain

Path = tuple[Step, ...]

_STARS: Final = "***"
_REFERENCES: Final = {
    "env": re.compile(r"[A-Z_][A-Z0-9_]*"),
    "file": re.compile(r"/\S*"),
    "prefix": re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19} "),
}
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
    layers = document.layers or (document,)
    hidden: defaultdict[tuple[str, int], list[Place]] = defaultdict(list)
    for place in (
        *(document.place(path) for start in unknown for path in _below(document, start)),
        *(layer.place(path) for layer in layers for path in _secrets(layer.value, ())),
    ):
        hidden[place.file, place.line].append(place)
    files = {layer.file: layer for layer in layers}
    return tuple(
        replace(problem, excerpt=_excerpt(files[at.file], at, hidden.get((at.file, at.line), ())))
        if (at := problem.at) and at.file in files
        else problem
        for problem in found
    )


def concealed(value: Plain, path: Path) -> Plain:
    """Return the value at a path of a site with stars in the place of what may be a secret."""
    if _is_secret(value, path):
        return _STARS
    if isinstance(value, dict):
        return {key: concealed(child, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [concealed(child, (*path, index)) for index, child in enumerate(value)]
    return value


def _below(document: Document, path: Path) -> Iterator[Path]:
    """Yield a path, and the paths of all that stands below it."""
    value = document.value
    for step in path:
        value = value[step]
    yield from _paths(value, path)


def _paths(value: Plain, path: Path) -> Iterator[Path]:
    yield path
    for key, child in value.items() if isinstance(value, dict) else ():
        yield from _paths(child, (*path, key))
    for index, child in enumerate(value) if isinstance(value, list) else ():
        yield from _paths(child, (*path, index))


def _secrets(value: Plain, path: Path) -> Iterator[Path]:
    """Yield the paths of all values that are, or may be, secrets by where they stand."""
    if _is_secret(value, path):
        yield path
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _secrets(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _secrets(child, (*path, index))


def _is_secret(value: Plain, path: Path) -> bool:
    if path[-1:] == ("headers",):
        return not isinstance(value, list)  # nobody knows what was meant
    if path[-2:-1] == ("headers",):
        return not isinstance(value, dict)
    if path[-3:-2] == ("headers",):
        return path[-1] == "value" and not isinstance(value, dict)
    if path[-4:-3] == ("headers",):
        return not _is_plain_reference(value, path[-1])
    return path[-1:] != () and path[-1] in _SECRET_KEYS and not isinstance(value, dict | list)


def _is_plain_reference(value: Plain, word: Step) -> bool:
    """Whether a word of a reference says what it should, and nothing that may be the value itself."""
    known = _REFERENCES.get(str(word))
    return known is not None and isinstance(value, str) and known.fullmatch(value) is not None


def _excerpt(layer: Document, at: Place, hidden: Iterable[Place]) -> str:
    """Return the line at `at`, starred in full before it is cut to the width of a message."""
    line = layer.line(at.line)
    for place in hidden:
        start, end = place.column - 1, max(place.end - 1, place.column)
        line = line[:start] + "*" * (end - start) + line[end:]
    return source.excerpt(line, at)
