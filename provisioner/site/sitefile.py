"""A site from its files: what it includes, then what it extends, every value with its own place.

Includes are resolved first and hold collections only, so no name can stand in two of them. The
overlay comes after: maps merge deep, lists and scalars replace, null removes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from provisioner.errors import FileError, Place, Problem
from provisioner.system import files
from provisioner.text import source
from provisioner.text.source import Document
from provisioner.values import Plain

COLLECTIONS: Final = ("mcp_servers", "roles", "bots", "tests")
CODES: Final = {
    "PV050": "file that cannot be read",
    "PV051": "include that matches nothing",
    "PV052": "included file with more than collections",
    "PV053": "one name in two files",
    "PV054": "extends itself",
    "PV055": "path out of the repository",
}
_DEEPEST: Final = 8  # how many overlays may stand on each other


class _Reading(Struct):
    """One reading of a site: where its repository begins, and what was found wrong."""

    root: Path
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, code: str, message: str, hint: str, at: Place, *related: Place) -> None:
        """Take note of a problem in a file that will be in the result."""
        self.problems.append(Problem(code, "error", message, hint, at, related))

    def reject(self, document: Document, message: str, at: Place) -> None:
        """Take note of why an included file is left out, with the line that nobody else has."""
        hint = f"only collections can stand in it: {', '.join(COLLECTIONS)}"
        excerpt = document.excerpt(at)
        self.problems.append(Problem("PV052", "error", message, hint, at, excerpt=excerpt))


def load(path: Path, data: bytes | None = None) -> tuple[Document | None, tuple[Problem, ...]]:
    """Read a site file with all that it includes and extends; with `data`, as if it held that.

    Returns what `source.load` returns. Raises FileError when `path` itself cannot be read; what is
    wrong with the others is a problem at the line that names them.
    """
    reading = _Reading(files.repository(path))
    data = files.read_bytes(path) if data is None else data
    document = _extended(path, data, reading, (files.real(path),))
    return document, tuple(reading.problems)


def _extended(
    path: Path,
    data: bytes,
    reading: _Reading,
    chain: tuple[Path, ...],
    named: Place | None = None,
) -> Document | None:
    document, problems = source.load(data, str(path))
    reading.problems += problems
    if document is None or not isinstance(document.value, dict):
        return document
    if named is not None:
        document = replace(document, how="extends", named=named)
    whole = _with_includes(path, document, reading)
    base = document.value.get("extends")
    if not isinstance(base, str):
        return whole
    below = _base(path, base, document.place(("extends",)), reading, chain)
    return source.overlay(whole, below) if below is not None else whole


def _base(
    path: Path, name: str, at: Place, reading: _Reading, chain: tuple[Path, ...]
) -> Document | None:
    target = _inside(path.parent / name, at, reading)
    if target is None:
        return None
    if files.real(target) in chain or len(chain) > _DEEPEST:
        reading.refuse("PV054", f"{name} extends itself in the end", "break the circle", at)
        return None
    data = _read(target, at, reading)
    if data is None:
        return None
    return _extended(target, data, reading, (*chain, files.real(target)), at)


def _with_includes(path: Path, document: Document, reading: _Reading) -> Document:
    patterns = document.value.get("include")
    if not isinstance(patterns, list):
        return document
    parts = [document]
    for index, pattern in enumerate(patterns):
        if isinstance(pattern, str):
            at = document.place(("include", index))
            parts += _included(path, pattern, at, reading)
    _refuse_twins(parts, reading)
    _refuse_nothing(parts if "extends" not in document.value else parts[1:], reading)
    return source.overlay(*parts)


def _included(path: Path, pattern: str, at: Place, reading: _Reading) -> Iterator[Document]:
    found = sorted(files.matching(path.parent, pattern))
    if not found:
        reading.refuse("PV051", f"no file matches {pattern}", "remove it, or correct the path", at)
    for name in found:
        target = _inside(name, at, reading)
        data = _read(target, at, reading) if target else None
        if target is None or data is None:
            continue
        document, problems = source.load(data, str(target))
        reading.problems += problems
        if document is not None and _holds_collections(document, reading):
            yield replace(document, how="include", named=at)


def _holds_collections(document: Document, reading: _Reading) -> bool:
    if document.value is None:
        return False
    if not isinstance(document.value, dict):
        reading.reject(document, "an included file is a mapping", document.place(()))
        return False
    others = document.value.keys() - set(COLLECTIONS)
    for key in others:
        message = f"`{key}` cannot stand in an included file"
        reading.reject(document, message, document.key_place((key,)))
    return not others


def _refuse_twins(parts: Sequence[Document], reading: _Reading) -> None:
    first: dict[tuple[str, str], Document] = {}
    for part in parts:
        for path in _entries(part.value):
            other = first.setdefault(path, part)
            if other is not part:
                reading.refuse(
                    "PV053",
                    f"`{path[1]}` stands in two files",
                    "keep one of them",
                    part.key_place(path),
                    other.key_place(path),
                )


def _refuse_nothing(parts: Sequence[Document], reading: _Reading) -> None:
    """Refuse null for a collection: laid over what other files say, it would take all of it away."""
    for part in parts:
        for name in COLLECTIONS:
            if name in part.value and part.value[name] is None:
                message = f"{name}: expected a mapping, found null"
                hint = "a key without a value is null; `{}` means none"
                reading.refuse("PV042", message, hint, part.place((name,)))


def _entries(value: Plain) -> Iterator[tuple[str, str]]:
    for collection in COLLECTIONS:
        entries = value.get(collection)
        if isinstance(entries, dict):
            yield from ((collection, name) for name in entries)


def _inside(path: Path, at: Place, reading: _Reading) -> Path | None:
    """Return `path` if it stays inside the repository of the site."""
    if files.real(path).is_relative_to(reading.root):
        return path
    reading.refuse(
        "PV055", f"{path} is outside of the site's repository", "keep the files together", at
    )
    return None


def unreadable(path: Path, error: FileError) -> Problem:
    """Return as a problem that the site at `path` itself cannot be read, for where others are judged too."""
    said = error.message.removeprefix(f"{path}: ")
    return Problem("PV050", "error", said, error.hint, Place(str(path)))


def _read(path: Path, at: Place, reading: _Reading) -> bytes | None:
    try:
        return files.read_bytes(path)
    except FileError as error:
        reading.refuse("PV050", error.message, error.hint, at)
        return None
