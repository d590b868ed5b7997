"""A directory of rendered files that is ours as far as its manifest says, and no further."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provisioner import files
from provisioner.errors import FileError

MANIFEST: Final = ".provision-manifest.json"
_OURS: Final = ("roles", "apps", "bots", "tokens", "tbot", "clients")


@dataclass(frozen=True, slots=True)
class Difference:
    """How a directory differs from what it should hold: relative paths, each list sorted."""

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.extra)


def compare(root: Path, wanted: Mapping[str, str]) -> Difference:
    """Say how `root` differs from `wanted` (relative path -> text). Writes nothing.

    Extra is what an earlier manifest lists, and any other file in the directories that we render
    to: whoever applies `roles/*.yaml` would apply it too. Raises FileError.
    """
    missing, changed = [], []
    for name, text in wanted.items():
        path = files.below(root, *name.split("/"))
        if not path.exists():
            missing.append(name)
        elif files.read_bytes(path) != text.encode():
            changed.append(name)
    extra = {*_listed(root), *_found(root)} - wanted.keys()
    present = [name for name in extra if files.below(root, *name.split("/")).exists()]
    return Difference(tuple(sorted(missing)), tuple(sorted(changed)), tuple(sorted(present)))


def write(root: Path, wanted: Mapping[str, str]) -> Difference:
    """Bring `root` to `wanted` and return what was different.

    Only files of the manifest are removed; the manifest is widened before anything is written and
    narrowed last, so that an interrupt at any point leaves nothing that a second run would not
    find. Raises FileError.
    """
    before = _listed(root)
    difference = compare(root, wanted)
    if not difference and before == frozenset(wanted):
        return difference
    _record(root, before | wanted.keys())
    for name in (*difference.missing, *difference.changed):
        path = files.below(root, *name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, wanted[name].encode())
    for name in before & frozenset(difference.extra):
        files.below(root, *name.split("/")).unlink(missing_ok=True)
    _record(root, frozenset(wanted))
    return difference


def _record(root: Path, names: frozenset[str]) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{root}: {error.strerror}") from error
    manifest = {"format_version": "1.0", "files": sorted(names)}
    files.write(root / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def _listed(root: Path) -> frozenset[str]:
    path = root / MANIFEST
    if not path.exists():
        return frozenset()
    try:
        listed = json.loads(files.read_bytes(path))["files"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{path}: this is not a manifest of provision",
            hint="render to another directory, or remove the file if the directory is ours",
        ) from error
    return frozenset(name for name in listed if isinstance(name, str))


def _found(root: Path) -> Iterator[str]:
    for directory in _OURS:
        for path in (root / directory).rglob("*"):
            if not path.is_dir():
                yield path.relative_to(root).as_posix()


__all__ = ["MANIFEST", "Difference", "compare", "write"]
