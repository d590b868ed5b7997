"""`tools.lock.yaml`: the tools of each MCP server as somebody has read and approved them.

Of each tool the whole definition is kept, since all of it reaches the model, and a hash of it.
Schemas stand in the file as JSON, which is what they are: no number and no depth of theirs can
then be beyond a reader of YAML.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from provisioner.errors import Place, Problem
from provisioner.text import source
from provisioner.text.scalars import YAML
from provisioner.text.source import Document, Step
from provisioner.values import EMPTY, Body, Plain, canonical_json, freeze, sha256, thaw

FILE: Final = "tools.lock.yaml"
CODES: Final = {
    "PV060": "lock that is not as provision writes it",
    "PV061": "lock of another version",
    "PV062": "pinned tool that is not what its hash says",
    "PV063": "pinned schema that is not JSON",
}
PARTS: Final = {
    "title": "title",
    "description": "description",
    "input_schema": "inputSchema",
    "output_schema": "outputSchema",
    "annotations": "annotations",
}
"""What a definition is made of besides its name: as the lock spells it, and as MCP does."""

_SCHEMAS: Final = frozenset({"input_schema", "output_schema"})
_VERSION: Final = 1
_HEAD: Final = f"""\
# Written by `provision tools pull`. Read a change here as you would read code: what a tool says
# of itself is what a model is told.
version: {_VERSION}
servers:"""
_HINT: Final = "do not edit it by hand: provision tools pull, of all servers, writes it anew"
_SUSPECT: Final = re.compile(r"[^\x20-\x7e\n]")
_SEEN: Final = frozenset("LNPS")  # letters, numbers, punctuation, symbols
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")  # letters that look like nothing


class Tool(Struct, frozen=True):
    """A tool by its name, and what its server says of it, in MCP's spelling and without the name."""

    name: str
    definition: Body

    @property
    def sha256(self) -> str:
        """The hash of the canonical JSON of the definition, name included."""
        return sha256({"name": self.name, **self.definition})


class Pin(Struct, frozen=True):
    """The tools of one server at one moment.

    `complete` says that these are all; else it is what the reader was allowed to see. `source` is
    where they were read, `pinned_at` when (RFC 3339, UTC).
    """

    complete: bool
    source: str
    pinned_at: str
    tools: Mapping[str, Tool] = EMPTY

    def says(self) -> Plain:
        """Return all of it but the time, to be compared."""
        hashes = {name: tool.sha256 for name, tool in self.tools.items()}
        return self.complete, self.source, hashes


class Lock(Struct, frozen=True):
    """The pins by their servers; `document` is what they were read from."""

    pins: Mapping[str, Pin] = EMPTY
    document: Document | None = None

    def place(self, server: str) -> Place | None:
        """Return where the pin of a server stands."""
        return self.document.key_place(("servers", server)) if self.document else None


class Changed(Struct, frozen=True):
    """A tool whose definition is another one; `parts` of it differ, as `PARTS` calls them."""

    before: Tool
    after: Tool
    parts: tuple[str, ...]


class Drift(Struct, frozen=True):
    """How a server differs from its pin.

    `unseen` are pinned tools that an incomplete reading does not have: gone, or only hidden.
    """

    added: tuple[Tool, ...] = ()
    removed: tuple[Tool, ...] = ()
    changed: tuple[Changed, ...] = ()
    unseen: tuple[Tool, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff(old: Pin, new: Pin) -> Drift:
    """Return how `new` differs from `old`, each list by name."""
    gone = tuple(old.tools[name] for name in sorted(old.tools.keys() - new.tools.keys()))
    both = (
        (old.tools[name], new.tools[name]) for name in sorted(old.tools.keys() & new.tools.keys())
    )
    return Drift(
        added=tuple(new.tools[name] for name in sorted(new.tools.keys() - old.tools.keys())),
        removed=gone if new.complete else (),
        changed=tuple(
            Changed(before, after, tuple(_differing(before, after)))
            for before, after in both
            if before.sha256 != after.sha256
        ),
        unseen=() if new.complete else gone,
    )


def _differing(before: Tool, after: Tool) -> Iterator[str]:
    for part, key in PARTS.items():
        # As JSON: to Python, 1 and true are equal.
        old, new = (canonical_json(tool.definition.get(key)) for tool in (before, after))
        if old != new:
            yield part


# --- writing ---------------------------------------------------------------------------------


def text(lock: Lock) -> str:
    """Return the text of a lock file, the same for the same pins.

    Raises ValueError on what no lock can hold: half a surrogate pair, a name of over 1,000
    characters.
    """
    return "\n".join([_HEAD if lock.pins else f"{_HEAD} {{}}", *_servers(lock), ""])


def _servers(lock: Lock) -> Iterator[str]:
    for server, pin in sorted(lock.pins.items()):
        yield f"  {_key(server)}:"
        yield f"    complete: {YAML.write(pin.complete)}"
        yield f"    source: {_scalar(pin.source)}"
        yield f"    pinned_at: {_scalar(pin.pinned_at)}"
        yield "    tools:" if pin.tools else "    tools: {}"
        for name, tool in sorted(pin.tools.items()):
            yield f"      {_key(name)}:"
            yield from (f"        {line}" for line in _tool(tool))


def _tool(tool: Tool) -> Iterator[str]:
    yield f"sha256: {YAML.write(tool.sha256)}"
    for part, key in PARTS.items():
        value = tool.definition.get(key)
        if value is None:
            continue
        if part not in _SCHEMAS:
            yield f"{part}: {_scalar(thaw(value))}"
            continue
        yield f"{part}: |-"
        written = json.dumps(thaw(value), indent=2, sort_keys=True, ensure_ascii=False)
        yield from (f"  {line}" for line in _SUSPECT.sub(_json, written).split("\n"))


def _key(name: str) -> str:
    return _SUSPECT.sub(_yaml, YAML.key(name))


def _scalar(value: Plain) -> str:
    return _SUSPECT.sub(_yaml, YAML.write(value))


def _yaml(match: re.Match[str]) -> str:
    return match[0] if _is_plain(match[0]) else f"\\U{ord(match[0]):08x}"


def _json(match: re.Match[str]) -> str:
    return match[0] if _is_plain(match[0]) else json.dumps(match[0])[1:-1]


def _is_plain(char: str) -> bool:
    """Whether every reader of the file sees this character, and as what it is."""
    return unicodedata.category(char)[0] in _SEEN and char not in _FILLERS


# --- reading ---------------------------------------------------------------------------------


def read(data: bytes, file: str) -> tuple[Lock | None, tuple[Problem, ...]]:
    """Return the lock, and everything that is wrong with it; it is None when anything is."""
    document, problems = source.load(data, file)
    if document is None or problems:
        return None, problems
    reading = _Reading(document)
    pins = dict(reading.pins())
    if reading.problems:
        return None, tuple(reading.problems)
    return Lock(freeze(pins), document), ()


Path = tuple[Step, ...]
Kinds = Mapping[str, type]

_TOP: Final[Kinds] = {"version": int, "servers": dict}
_PIN: Final[Kinds] = {"complete": bool, "source": str, "pinned_at": str, "tools": dict}
_TOOL: Final[Kinds] = {"sha256": str, "input_schema": str}
_OPTIONAL: Final[Kinds] = {
    "title": str,
    "description": str,
    "output_schema": str,
    "annotations": dict,
}
_NONE: Final[Kinds] = {}
_KINDS: Final = {int: "a number", dict: "a mapping", bool: "true or false", str: "text"}


class _Reading:
    """One reading of a lock, and what was found wrong."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def pins(self) -> Iterator[tuple[str, Pin]]:
        """Yield every server that can be read."""
        top = self.document.value
        if not self._has((), top, _TOP):
            return
        if top["version"] != _VERSION:
            hint = f"this provision writes version {_VERSION}: use a newer one, or pull all servers again"
            self._refuse("PV061", ("version",), "a lock of another version", hint)
            return
        for server, pin in top["servers"].items():
            path = ("servers", server)
            if self._has(path, pin, _PIN):
                tools = dict(self._tools((*path, "tools"), pin["tools"]))
                yield server, Pin(pin["complete"], pin["source"], pin["pinned_at"], freeze(tools))

    def _tools(self, path: Path, tools: Plain) -> Iterator[tuple[str, Tool]]:
        for name, said in tools.items():
            here = (*path, name)
            if self._has(here, said, _TOOL, _OPTIONAL) and (tool := self._tool(here, said)):
                yield name, tool

    def _tool(self, path: Path, said: Mapping[str, Plain]) -> Tool | None:
        name = str(path[-1])
        parts = [part for part in PARTS if part in said]
        try:
            found = {PARTS[p]: json.loads(said[p]) if p in _SCHEMAS else said[p] for p in parts}
            is_whole = sha256({"name": name, **found}) == said["sha256"]
            tool = Tool(name, freeze(found))
        except (ValueError, RecursionError):
            self._refuse("PV063", path, "a schema that is not JSON", _HINT)
            return None
        if not is_whole:
            message = "this tool is not what its hash says"
            self._refuse(
                "PV062",
                path,
                message,
                "take both sides of a merge apart, or pull all servers again",
            )
        return tool

    def _has(self, path: Path, value: Plain, wanted: Kinds, optional: Kinds = _NONE) -> bool:
        """Whether `value` is a mapping of these keys and kinds; say what is wrong if it is not."""
        if not isinstance(value, dict):
            self._refuse("PV060", path, "this should be a mapping", _HINT)
            return False
        before = len(self.problems)
        for key in wanted.keys() - value.keys():
            self._refuse("PV060", path, f"`{key}` is missing", _HINT)
        for key, found in value.items():
            kind = wanted.get(key) or optional.get(key)
            if kind is None:
                self._refuse("PV060", (*path, key), "no lock has this key", _HINT)
            elif type(found) is not kind:
                self._refuse("PV060", (*path, key), f"this should be {_KINDS[kind]}", _HINT)
        return len(self.problems) == before

    def _refuse(self, code: str, path: Path, message: str, hint: str) -> None:
        at = self.document.key_place(path)
        excerpt = self.document.excerpt(at)
        self.problems.append(Problem(code, "error", message, hint, at, excerpt=excerpt))
