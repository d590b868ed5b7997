"""What two values have in common, to prove that an edit changed what it should and nothing else."""

from __future__ import annotations

from provisioner.text.splice._base import Path
from provisioner.values import Plain


def at(value: Plain, path: Path) -> Plain:
    """Return what stands at `path`, None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without(value: Plain, path: Path) -> Plain:
    """Return `value` without what stands at `path` and the parents that this leaves empty."""
    if not path or not isinstance(value, dict):
        return {}
    below = without(value.get(path[0], {}), path[1:])
    rest = dict(value)
    rest.pop(path[0], None)
    return rest | {path[0]: below} if below else rest
