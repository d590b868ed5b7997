"""Labels as people write them, and as they read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

OF_TOOLS: Final = ("provisioner/", "teleport.dev/", "teleport.internal/")
"""Labels that Teleport or this tool writes begin with these."""

_MOST: Final = 3


def written(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that people write, in the order of their names."""
    return {name: labels[name] for name in sorted(labels) if not name.startswith(OF_TOOLS)}


def listed(labels: Mapping[str, str]) -> str:
    """Return labels on a line: `env: dev, team: ml`, or `none`."""
    return ", ".join(f"{name}: {labels[name] or repr('')}" for name in sorted(labels)) or "none"


def told_apart(sets: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return a line for each of several sets of labels, without those of tools where that is enough."""
    short = tuple(listed(written(labels)) for labels in sets)
    return short if len(set(short)) == len(short) else tuple(map(listed, sets))


def alternatives(texts: Iterable[str]) -> str:
    """Return different texts as a choice, the first few of them: `env: dev; or env: prod`."""
    each = tuple(dict.fromkeys(texts))
    more = f"; and {len(each) - _MOST:,} more" if len(each) > _MOST else ""
    return "; or ".join(each[:_MOST]) + more
