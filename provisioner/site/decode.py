"""A document becomes a typed site, or every problem it has, each at its place.

`schema` finds what is wrong, `wording` says it, this module points at it. What failed is cut out,
or replaced by a stand-in, and the rest is read again, so that one wrong type does not hide a
dangling name further down.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from provisioner.errors import Problem
from provisioner.schema.faults import MAPPING, Fault, Path, Wrong
from provisioner.schema.records import read
from provisioner.site.model import Bot, Role, Server, Site
from provisioner.site.wording import called, described
from provisioner.text.diagnostics import told
from provisioner.text.source import Document
from provisioner.values import EMPTY, Plain


class Decoded(Struct, frozen=True):
    """What came of a document.

    `site` is None when there are problems that forbid its use; `partial` is what could be read in
    any case, for the rules to judge, or None when nothing could. `broken` are the entries with
    problems: what is missing there may just be what could not be read. `unknown` are
    the paths of the keys that no site has.
    """

    site: Site | None
    partial: Site | None
    problems: tuple[Problem, ...]
    broken: frozenset[Path] = frozenset()
    unknown: frozenset[Path] = frozenset()


class _Loose(Site, frozen=True, kw_only=True):
    """A site whose entries may have bad names, so that what is in them can still be judged."""

    mcp_servers: Mapping[str, Server] = EMPTY
    roles: Mapping[str, Role] = EMPTY
    bots: Mapping[str, Bot] = EMPTY


def decode(document: Document) -> Decoded:
    """Read `document` as a site. Raises nothing: problems are in the result."""
    if not isinstance(document.value, dict):
        found = "empty" if document.value is None else called(document.value)
        message = f"a site file is a mapping, and this one is {found}"
        hint = "begin with `version: 1`, or run `provision init`"
        return Decoded(None, None, (Problem("PV042", "error", message, hint, document.place(())),))
    site, faults = _read(Site, document.value)
    if site is not None:
        return Decoded(site, site, ())
    return Decoded(
        None,
        _what_is_left(document.value, faults),
        tuple(
            told(
                faults,
                lambda fault: f"{fault.kind} {fault.message}",
                lambda fault: _problem(fault, document),
            )
        ),
        broken=frozenset(fault.path[:_ENTRY] for fault in faults),
        unknown=frozenset(fault.path for fault in faults if fault.kind == "unknown"),
    )


def _read(kind: type[Site], value: Plain) -> tuple[Site | None, Sequence[Fault]]:
    try:
        return read(kind, value), ()
    except Wrong as wrong:
        return None, wrong.faults


# --- the rest of a broken site ---------------------------------------------------------------

_STAND_INS: Final[Mapping[Path, Plain]] = {
    ("version",): 1,
    ("site",): "unnamed",
    ("teleport",): {"proxy": "unnamed.invalid:443"},
    ("teleport", "proxy"): "unnamed.invalid:443",
}
_STAND_INS_IN_ENTRIES: Final[Mapping[Path, Plain]] = {
    ("identity",): {"path": "/"},
    ("identity", "path"): "/",
    ("clients", "format"): "command",
    ("clients", "format", "name"): "command",
    ("clients", "format", "custom"): "own.txt.j2",
}
"""What takes the place of what failed in an entry, by its keys: a rule about it would say it again."""
_ENTRY: Final = 2  # steps from the top to an entry of a collection
_ROUNDS: Final = 4  # cutting can uncover at most a missing key per level


def _what_is_left(value: Plain, faults: Sequence[Fault]) -> Site | None:
    """Cut what failed until the rest is valid."""
    value = copy.deepcopy(value)
    site: Site | None = None
    for _ in range(_ROUNDS):
        # Backwards, so that cutting a list item does not move those still to be cut.
        for fault in sorted(faults, key=lambda f: [str(p).zfill(9) for p in f.path], reverse=True):
            _cut(value, fault)
        site, faults = _read(_Loose, value)
        if site is not None:
            break
    return site


def _cut(value: Plain, fault: Fault) -> None:
    path = fault.path
    if len(path) == _ENTRY and fault.kind == "name" and fault.on_key:
        return  # the entry has a bad name and no other fault
    keys = tuple(part for part in path[_ENTRY:] if isinstance(part, str))
    stand_in = _STAND_INS.get(path) or _STAND_INS_IN_ENTRIES.get(keys)
    if stand_in is not None and fault.kind != "unknown":
        _put(value, path, stand_in)
        return
    if fault.kind == "missing":
        path = path[:-1]
    parent = _at(value, path[:-1])
    if not path or not _holds(parent, path[-1]):
        return
    if len(path) <= _ENTRY and fault.kind == "type" and fault.message == MAPPING:
        parent[path[-1]] = {}  # it exists, whatever it says: references to it are not dangling
    else:
        del parent[path[-1]]


def _put(value: Plain, path: Path, stand_in: Plain) -> None:
    parent = _at(value, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = copy.deepcopy(stand_in)


def _at(value: Plain, path: Path) -> Plain:
    for part in path:
        if not _holds(value, part):
            return None
        value = value[part]
    return value


def _holds(value: Plain, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _problem(fault: Fault, document: Document) -> Problem:
    problem, path = described(fault), fault.path
    if fault.kind == "missing":
        return replace(problem, at=document.key_place(path[:-1]))
    place = document.key_place if fault.on_key else document.place
    return replace(problem, at=place(path))
