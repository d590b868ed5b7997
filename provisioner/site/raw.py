"""The raw `spec:` of roles and apps: which paths the site has words for, and what of a spec is left.

What the schema has no word for goes through raw. What it has a word for does not: there is one way
to say a thing, so that the rules, which read words, see all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from provisioner.values import EMPTY, Body, Plain, canonical_json, is_mapping

Path = tuple[str, ...]

WORDS: Final[Mapping[str, Mapping[Path, Path]]] = {
    "role": {
        ("allow", "app_labels"): ("app_labels",),
        ("allow", "app_labels_expression"): ("app_labels_expression",),
        ("allow", "mcp", "tools"): ("tools",),
        ("deny", "app_labels"): ("deny", "app_labels"),
        ("deny", "app_labels_expression"): ("deny", "app_labels_expression"),
        ("deny", "mcp", "tools"): ("deny", "tools"),
        ("options",): ("options",),
    },
    "app": {
        ("uri",): ("uri",),
        ("mcp", "command"): ("command",),
        ("mcp", "args"): ("args",),
        ("mcp", "run_as_host_user"): ("run_as_host_user",),
        ("rewrite", "headers"): ("headers",),
        ("insecure_skip_verify",): ("insecure_skip_verify",),
    },
}
"""By kind, where in a document's `spec` stands what the site says with a word: path, and the word's path."""


def said_twice(kind: str, spec: Body) -> Iterator[tuple[Path, Path]]:
    """Yield the paths in a raw spec for which the site has words, and the words."""
    for path, word in WORDS[kind].items():
        if at(spec, path[:-1]).get(path[-1]) is not None:
            yield path, word


def at(value: Plain, path: Path) -> Body:
    """Return the mapping at `path`, empty where there is none."""
    for name in path:
        value = value.get(name) if is_mapping(value) else None
    return value if is_mapping(value) else EMPTY


def without(spec: Body, *names: str) -> Body:
    """Return a mapping without some of its names."""
    return {name: value for name, value in spec.items() if name not in names}


def lost(spec: Plain, found: Plain, path: str = "spec") -> Iterator[str]:
    """Yield the dotted paths of what a raw spec says and a whole spec does not."""
    if is_mapping(spec):
        inside = found if is_mapping(found) else EMPTY
        for name, value in spec.items():
            yield from lost(value, inside.get(name), f"{path}.{name}")
    elif spec is not None and canonical_json(spec) != canonical_json(found):
        yield path
