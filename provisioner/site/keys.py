"""What a site file can have at a path, as its JSON Schema says: keys, defaults, and whether anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from provisioner.site.schema import site_schema
from provisioner.text.source import Step
from provisioner.values import Plain

Path = tuple[Step, ...]
Node = Mapping[str, Plain]


def is_known(path: Path) -> bool:
    """Say whether a site can have something at this path."""
    return any(True for _ in _nodes(path))


def keys(path: Path) -> frozenset[str]:
    """Return the keys that a site can have at this path; names of the user's own are not among them."""
    return frozenset(key for node in _nodes(path) for key in node.get("properties", {}))


def default(path: Path) -> Plain:
    """Return what counts where a site says nothing at this path, None where that is nothing."""
    found = (node["default"] for node in _nodes(path) if node.get("default") is not None)
    return next(found, None)


@cache
def _schema() -> Node:
    return site_schema()


def _nodes(path: Path) -> Iterator[Node]:
    """Yield the parts of the schema that are about the value at a path."""
    found = [_schema()]
    for step in path:
        found = [child for node in found for each in _forms(node) for child in _below(each, step)]
    for node in found:
        yield from _forms(node)


def _forms(node: Node) -> Iterator[Node]:
    """Yield a part of the schema and all that it refers to or leaves open."""
    yield node
    if "$ref" in node:
        yield from _forms(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    for word in ("anyOf", "oneOf"):
        for each in node.get(word, ()):
            yield from _forms(each)


def _below(node: Node, step: Step) -> Iterator[Node]:
    if isinstance(step, int):
        if isinstance(items := node.get("items"), dict):
            yield items
        return
    if step in node.get("properties", {}):
        yield node["properties"][step]
        return
    patterns = node.get("patternProperties", {})
    yield from (each for pattern, each in patterns.items() if re.search(pattern, step))
    rest = node.get("additionalProperties")
    if rest is True:
        yield {}
    elif isinstance(rest, dict):
        yield rest
