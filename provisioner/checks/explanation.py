"""Where the values of a site come from: every file that says one of them, and what becomes of that.

A value is said by the site itself, by what it includes or extends, by the lock beside it, or by
nobody, and then the default counts. What an upper file replaces or removes is told as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from provisioner.errors import Place, ProvisionError
from provisioner.site import keys
from provisioner.site.redaction import concealed
from provisioner.site.wording import dotted
from provisioner.text.source import Document, Step
from provisioner.tools.lock import Lock
from provisioner.values import Plain

Path = tuple[Step, ...]
Fate = Literal["counts", "replaced", "removes", "removed"]
Source = Literal["file", "lock", "default", "removed"]

_ENTRY: Final = 2  # steps from the top to an entry of a collection
_INDEX: Final = re.compile(r"\[(\d+)\]")
_WORD: Final = re.compile(r"[^.\[]+|.+")


class Saying(Struct, frozen=True):
    """What one file says of a value, and what becomes of it.

    `how` says how the site came to that file ("include", "extends", "lock", or "" for the site
    itself), `named` where it is included or extended.
    """

    at: Place
    value: Plain
    fate: Fate
    how: Literal["", "include", "extends", "lock"] = ""
    named: Place | None = None


class Origin(Struct, frozen=True):
    """A value by its path, and all that was said of it, the uppermost first."""

    path: Path
    value: Plain
    source: Source
    said: tuple[Saying, ...] = ()


class _Said(Struct, frozen=True):
    """A value in one layer; `hidden`: what became of it by what an upper layer says further up."""

    layer: Document
    value: Plain
    hidden: Fate | None = None


def explain(document: Document, key: str, lock: Lock) -> tuple[Origin, ...]:
    """Return where the value at `key`, such as `roles.dev.tools`, comes from; of a mapping, each in it.

    Raises ProvisionError where a site cannot have such a key, or where this one has no such entry.
    """
    layers = document.layers or (document,)
    path = _path(key, [layer.value for layer in layers])
    said: Sequence[_Said] = [_Said(layer, layer.value) for layer in layers]
    above: tuple[Saying, ...] = ()
    for number, step in enumerate(path):
        said, further = _below(said, step, path[:number])
        above += further
    found = [*_origins(path, said, above), *_pinned(path, document, lock)]
    is_there = bool(said) or isinstance(_at(document.value, path[:-1]), dict)
    if not found or not (is_there or above):
        raise _nowhere(path, document)
    return tuple(map(_shown, found))


def _path(key: str, values: Sequence[Plain]) -> Path:
    """Return the steps of a dotted path; names may have dots and blanks where one is called so."""
    path: list[Step] = []
    while key:
        index = _INDEX.match(key)
        word = index[0] if index else _name(key, values)
        step: Step = int(index[1]) if index else word
        path.append(step)
        values = [child for value in values for child in _member(value, step)]
        key = key[len(word) :].removeprefix(".")
    return tuple(path)


def _name(key: str, values: Iterable[Plain]) -> str:
    """Return the longest name that a path begins with, or else its first word."""
    names = (name for value in values if isinstance(value, dict) for name in value)
    fitting = (name for name in names if key == name or key.startswith((f"{name}.", f"{name}[")))
    word = _WORD.match(key)
    return max(fitting, key=len, default="") or (word[0] if word else key)


def _member(value: Plain, step: Step) -> Iterator[Plain]:
    if isinstance(value, dict):
        yield from [value[step]] if step in value else []
    elif isinstance(value, list) and isinstance(step, int):
        yield from value[step : step + 1]


def _below(said: Iterable[_Said], step: Step, path: Path) -> tuple[list[_Said], tuple[Saying, ...]]:
    """Return what each layer says one step below `path`, and what it says there that hides others."""
    found: list[_Said] = []
    hiding: list[Saying] = []
    hidden: Fate | None = None
    for each in said:
        fate = each.hidden or hidden
        found += (_Said(each.layer, value, fate) for value in _member(each.value, step))
        if fate is None and not isinstance(each.value, dict):
            hidden = "removed" if each.value is None else "replaced"
            if not isinstance(each.value, list):
                hiding.append(_saying(each, path, "removes" if hidden == "removed" else "counts"))
    return found, tuple(hiding)


def _origins(path: Path, said: Sequence[_Said], above: tuple[Saying, ...]) -> Iterator[Origin]:
    """Yield the origin of a value, or of each value in a mapping; then the defaults of that."""
    seen = [each for each in said if each.hidden is None]
    members = dict.fromkeys(key for mapping in _merged(seen) for key in mapping)
    if not members:
        yield from _origin(path, said, above)
        return
    for key in members:
        below, further = _below(said, key, path)
        yield from _origins((*path, key), below, (*above, *further))
    for key in sorted(keys.keys(path) - members.keys()):
        yield from (each for each in _default((*path, key)) if each.value != [])


def _merged(seen: Iterable[_Said]) -> Iterator[dict[str, Plain]]:
    """Yield the mappings that become one, from the uppermost layer on."""
    for each in seen:
        if not isinstance(each.value, dict):
            return
        yield each.value


def _origin(path: Path, said: Sequence[_Said], above: tuple[Saying, ...]) -> Iterator[Origin]:
    first = next((each for each in said if each.hidden is None), None)
    others = [each for each in said if each is not first]
    removes = first is not None and first.value is None and bool(others)
    fate: Fate = "removed" if removes else "replaced"
    told = [_saying(each, path, each.hidden or fate) for each in others]
    if first is not None:
        told.insert(0, _saying(first, path, "removes" if removes else "counts"))
    if first is not None and not removes:
        yield Origin(path, first.value, "file", (*above, *told))
    elif said:
        yield Origin(path, None, "removed", (*above, *told))
    else:
        yield from _default(path)


def _saying(each: _Said, path: Path, fate: Fate) -> Saying:
    layer = each.layer
    return Saying(layer.key_place(path), each.value, fate, layer.how, layer.named)


def _default(path: Path) -> Iterator[Origin]:
    value = keys.default(path)
    if value is not None:
        yield Origin(path, value, "default")


def _pinned(path: Path, document: Document, lock: Lock) -> Iterator[Origin]:
    """Yield the tools of a server that says none, as the lock has them."""
    server = _at(document.value, path[:_ENTRY])
    is_asked = len(path) == _ENTRY or path[_ENTRY:] == ("tools",)
    if path[:1] != ("mcp_servers",) or not is_asked or not isinstance(server, dict):
        return
    name = str(path[1])
    pin, at = lock.pins.get(name), lock.place(name)
    if pin is not None and at is not None and "tools" not in server:
        tools = sorted(pin.tools)
        said = (Saying(at, tools, "counts", "lock"),)
        yield Origin((*path[:_ENTRY], "tools"), tools, "lock", said)


def _shown(origin: Origin) -> Origin:
    """Return an origin without what may be a secret; what no site has may be anything."""

    def conceal(value: Plain) -> Plain:
        return concealed(value, origin.path) if keys.is_known(origin.path) else "***"

    said = tuple(replace(each, value=conceal(each.value)) for each in origin.said)
    return replace(origin, value=conceal(origin.value), said=said)


def _nowhere(path: Path, document: Document) -> ProvisionError:
    """Say which step of a path leads nowhere, and what there is in its place."""
    for number, step in enumerate(path):
        held = _at(document.value, path[:number])
        entries = [str(key) for key in held] if isinstance(held, dict) else []
        known = keys.keys(path[:number])
        if step not in known and step not in entries:
            where = f" in {dotted(path[:number])}" if number else ""
            close = get_close_matches(str(step), {*known, *entries}, 1)
            names = ", ".join(sorted({*known, *entries})) or "nothing"
            hint = f"did you mean {close[0]}?" if close else f"there is: {names}"
            return ProvisionError(f"there is no `{step}`{where}", hint=hint)
    return ProvisionError(f"{dotted(path)}: the site does not say it, and there is no default")


def _at(value: Plain, path: Path) -> Plain:
    for step in path:
        value = next(_member(value, step), None)
    return value
