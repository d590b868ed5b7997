"""A document becomes a typed site, or every problem it has, each at its place.

pydantic finds what is wrong, `wording` says it, this module points at it. What failed is cut out,
or replaced by a stand-in, and the rest is read again, so that one wrong type does not hide a
dangling name further down.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from provisioner.errors import Problem
from provisioner.site.fields import Map
from provisioner.site.model import Bot, Role, Server, Site
from provisioner.site.wording import called, described
from provisioner.text.diagnostics import told
from provisioner.text.source import Document
from provisioner.values import Plain, nothing

Loc = tuple[str | int, ...]


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
    broken: frozenset[Loc] = frozenset()
    unknown: frozenset[Loc] = frozenset()


class _Loose(Site):
    """A site whose entries may have bad names, so that what is in them can still be judged."""

    mcp_servers: Map[str, Server] = Field(default_factory=nothing)
    roles: Map[str, Role] = Field(default_factory=nothing)
    bots: Map[str, Bot] = Field(default_factory=nothing)


def decode(document: Document) -> Decoded:
    """Read `document` as a site. Raises nothing: problems are in the result."""
    if not isinstance(document.value, dict):
        found = "empty" if document.value is None else called(document.value)
        message = f"a site file is a mapping, and this one is {found}"
        hint = "begin with `version: 1`, or run `provision init`"
        return Decoded(None, None, (Problem("PV042", "error", message, hint, document.place(())),))
    site, errors = _validate(Site, document.value)
    if site is not None:
        return Decoded(site, site, ())
    return Decoded(
        None,
        _what_is_left(document.value, errors),
        tuple(told(errors, lambda error: error["type"], lambda error: _problem(error, document))),
        broken=frozenset(error["loc"][:_ENTRY] for error in errors),
        unknown=frozenset(
            _path(error["loc"], document.value)
            for error in errors
            if error["type"] == "extra_forbidden"
        ),
    )


def _validate(kind: type[Site], value: Plain) -> tuple[Site | None, list[ErrorDetails]]:
    try:
        return kind.model_validate(value), []
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=True)


# --- the rest of a broken site ---------------------------------------------------------------

_STAND_INS: Final[Mapping[Loc, Plain]] = {
    ("version",): 1,
    ("site",): "unnamed",
    ("teleport",): {"proxy": "unnamed.invalid:443"},
    ("teleport", "proxy"): "unnamed.invalid:443",
}
_STAND_INS_IN_ENTRIES: Final[Mapping[Loc, Plain]] = {
    ("identity",): {"path": "/"},
    ("identity", "path"): "/",
    ("clients", "format"): "command",
    ("clients", "format", "name"): "command",
    ("clients", "format", "custom"): "own.txt.j2",
}
"""What takes the place of what failed in an entry, by its keys: a rule about it would say it again."""
_ENTRY: Final = 2  # steps from the top to an entry of a collection
_METHOD: Final = 4  # where a join method stands in bots.NAME.join.INDEX.METHOD.KEY
_ROUNDS: Final = 4  # cutting can uncover at most a missing key per level


def _what_is_left(value: Plain, errors: Sequence[ErrorDetails]) -> Site | None:
    """Cut what failed until the rest is valid."""
    value = copy.deepcopy(value)
    site: Site | None = None
    found: Sequence[ErrorDetails] = errors
    for _ in range(_ROUNDS):
        # Backwards, so that cutting a list item does not move those still to be cut.
        for error in sorted(found, key=lambda e: [str(p).zfill(9) for p in e["loc"]], reverse=True):
            _cut(value, error)
        site, found = _validate(_Loose, value)
        if site is not None:
            break
    return site


def _cut(value: Plain, error: ErrorDetails) -> None:
    loc = _path(error["loc"], value)
    if len(loc) == _ENTRY and _is_about_key(error["loc"], value):
        return  # the entry has a bad name and no other fault
    keys = tuple(part for part in loc[_ENTRY:] if isinstance(part, str))
    stand_in = _STAND_INS.get(loc) or _STAND_INS_IN_ENTRIES.get(keys)
    if stand_in is not None and error["type"] != "extra_forbidden":
        _put(value, loc, stand_in)
        return
    if error["type"] == "missing":
        loc = loc[:-1]
    parent = _at(value, loc[:-1])
    if not loc or not _holds(parent, loc[-1]):
        return
    if len(loc) <= _ENTRY and error["type"] in ("dict_type", "model_type"):
        parent[loc[-1]] = {}  # it exists, whatever it says: references to it are not dangling
    else:
        del parent[loc[-1]]


def _put(value: Plain, loc: Loc, stand_in: Plain) -> None:
    parent = _at(value, loc[:-1])
    if isinstance(parent, dict):
        parent[loc[-1]] = copy.deepcopy(stand_in)


def _path(loc: Loc, value: Plain) -> Loc:
    """Return pydantic's location as a path into the file.

    It marks keys, puts the method into the way of a join, and knows one join as a list of one.
    """
    path = loc[:-1] if _is_about_key(loc, value) else loc
    if path[2:3] != ("join",) or len(path) <= _METHOD - 1:
        return path
    is_list = isinstance(_at(value, path[:3]), list)
    return (*path[: _METHOD if is_list else _METHOD - 1], *path[_METHOD + 1 :])


def _is_about_key(loc: Loc, value: Plain) -> bool:
    """Whether pydantic's location means a key, and not what stands under a key `[key]`."""
    return loc[-1:] == ("[key]",) and not _holds(_at(value, loc[:-1]), "[key]")


def _at(value: Plain, loc: Loc) -> Plain:
    for part in loc:
        if not _holds(value, part):
            return None
        value = value[part]
    return value


def _holds(value: Plain, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _problem(error: ErrorDetails, document: Document) -> Problem:
    loc = error["loc"]
    path = _path(loc, document.value)
    problem = described(error, path)
    is_key = problem.code == "PV040" or _is_about_key(loc, document.value)
    if error["type"] == "missing":
        return replace(problem, at=document.key_place(path[:-1]))
    return replace(problem, at=document.key_place(path) if is_key else document.place(path))
