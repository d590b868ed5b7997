"""A directory of rendered files that is ours as far as its manifest says, and no further."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.errors import FileError
from provisioner.system import files
from provisioner.system.exposure import target
from provisioner.system.remains import is_unfinished, remove
from provisioner.values import Plain

MANIFEST: Final = ".provision-manifest.json"
_FORMAT: Final = "1.0"
_OURS: Final = ("roles", "apps", "bots", "tokens", "tbot", "clients")


class Difference(Struct, frozen=True):
    """How a directory differs from what it should hold: relative paths, each list sorted.

    `stale` is what we wrote once and want no longer, `extra` what stands beside it and is not ours.
    """

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.stale or self.extra)


def compare(root: Path, wanted: Mapping[str, str]) -> Difference:
    """Say how `root` differs from `wanted` (relative path -> text). Writes nothing.

    Files that are not ours count in the directories that we render to: whoever applies
    `roles/*.yaml` would apply them too. Raises FileError.
    """
    with _explained(root):
        return _compare(root, wanted, _listed(root))


def write(root: Path, wanted: Mapping[str, str]) -> Difference:
    """Bring `root` to `wanted` and return what was different; `extra` is left alone.

    Only files of the manifest are removed; the manifest is widened before anything is written and
    narrowed last, so that an interrupt at any point leaves nothing that a second run would not
    find. Where a file that is not ours has a name of ours and says something else, nothing is
    written. A `root` that is a link which somebody else has put where anybody may is not followed.
    Raises FileError.
    """
    with _explained(root):
        target(root)
        for path in filter(is_unfinished, _all(root)):
            remove(_path(root, path.relative_to(root).as_posix()))
        before = _listed(root)
        difference = _compare(root, wanted, before)
        if not difference and before == frozenset(wanted):
            return difference
        _require_ours(root, [name for name in difference.changed if name not in before])
        _record(root, before | wanted.keys())
        for name in (*difference.missing, *difference.changed):
            path = _path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, wanted[name].encode())
        for name in difference.stale:
            _path(root, name).unlink(missing_ok=True)
        _record(root, frozenset(wanted))
        return difference


def _compare(root: Path, wanted: Mapping[str, str], listed: frozenset[str]) -> Difference:
    missing, changed = [], []
    for name, text in wanted.items():
        path = _path(root, name)
        if not path.exists():
            missing.append(name)
        elif files.read_bytes(path) != text.encode():
            changed.append(name)
    stale = [name for name in listed - wanted.keys() if _path(root, name).exists()]
    extra = frozenset(_found(root)) - listed - wanted.keys()
    return Difference(*(tuple(sorted(names)) for names in (missing, changed, stale, extra)))


def _require_ours(root: Path, foreign: Sequence[str]) -> None:
    if foreign:
        others = f", and {len(foreign) - 1} more" if foreign[1:] else ""
        raise FileError(
            f"{root / foreign[0]}: is there, says something else and is not ours{others}",
            hint="render to another directory, or remove what you do not want to keep",
        )


def _path(root: Path, name: str) -> Path:
    return files.below(root, *name.split("/"))


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn what the system says of a directory into a FileError that names it."""
    try:
        yield
    except OSError as error:
        raise FileError(
            f"{error.filename or root}: {error.strerror}",
            hint="make room for a directory there, or name another one with -o",
        ) from error


def _record(root: Path, names: frozenset[str]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    manifest = {"format_version": _FORMAT, "files": sorted(names)}
    files.write(_path(root, MANIFEST), (json.dumps(manifest, indent=2) + "\n").encode())


def _listed(root: Path) -> frozenset[str]:
    path = _path(root, MANIFEST)
    if not path.exists():
        return frozenset()
    try:
        return _names(json.loads(files.read_bytes(path)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{path}: this is not a manifest of provision",
            hint="render to another directory, or remove the file if the directory is ours",
        ) from error


def _names(manifest: Plain) -> frozenset[str]:
    names = manifest["files"]
    if not isinstance(names, list) or manifest["format_version"] != _FORMAT:
        raise ValueError(manifest)
    return frozenset(name for name in names if isinstance(name, str))


def _found(root: Path) -> Iterator[str]:
    """Yield what stands in our directories, but for what a write that was killed has left there."""
    for path in _all(root):
        if not is_unfinished(path):
            yield path.relative_to(root).as_posix()


def _all(root: Path) -> Iterator[Path]:
    for directory in _OURS:
        yield from (path for path in (root / directory).rglob("*") if not path.is_dir())


__all__ = ["MANIFEST", "Difference", "compare", "write"]
