"""The lines of a site that problems show, without what may be a secret in them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
        *(place for start in unknown for place in _below(document, start)),
        *(place for layer in layers for place in _secret_places(layer)),
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


def _below(document: Document, path: Path) -> Iterator[Place]:
    """Yield the places of all values below a path, and of the one at it."""
    value = document.value
    for step in path:
        value = value[step]
    for below, leaf in _paths(value, path):
        yield from document.places(below) if leaf else (document.place(below),)


def _paths(value: Plain, path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the path of a value and of all below it, each with whether it is text or a number."""
    children = _children(value)
    yield path, not children
    for step, child in children:
        yield from _paths(child, (*path, step))


def _children(value: Plain) -> Sequence[tuple[Step, Plain]]:
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(enumerate(value)) if isinstance(value, list) else ()


def _secret_places(layer: Document) -> Iterator[Place]:
    """Yield the places of all that is or may be secret, with what is in it; a word alone is a key."""
    for path, value in _secrets(layer.value, ()):
        yield from layer.places(path)
        if value is None:
            yield layer.key_place(path)


def _secrets(value: Plain, path: Path) -> Iterator[tuple[Path, Plain]]:
    """Yield all values that are, or may be, secrets by where they stand, and where that is."""
    if _is_secret(value, path):
        yield path, value
        return
    for step, child in _children(value):
        yield from _secrets(child, (*path, step))


def _is_secret(value: Plain, path: Path) -> bool:
    inside = _in_headers(path)
    if inside is None:
        return path[-1:] != () and path[-1] in _SECRET_KEYS and not isinstance(value, dict | list)
    match inside:
        case ():
            return not isinstance(value, dict | list)
        case (step,):  # nobody knows what was meant by anything but a list of mappings
            return isinstance(step, str) or not isinstance(value, dict)
        case (_, word):
            return word == "value" and not isinstance(value, dict)
        case (_, _, word):
            return not _is_plain_reference(value, word)
    return False


def _in_headers(path: Path) -> Path | None:
    """Return the steps below the last `headers` of a path, None where there are none.

    What stands right below a collection is no header, but an entry that is called so.
    """
    for at in range(len(path) - 1, -1, -1):
        if path[at] == "headers" and at != 1:
            return path[at + 1 :]
    return None


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
