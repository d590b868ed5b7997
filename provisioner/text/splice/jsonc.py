"""JSON with comments, edited in place: only what is said changes, every other byte stays.

Read as VS Code reads it: `//` and `/* */` comments and a comma before a closing bracket are
allowed, and the last of several equal keys counts. None of these is ever introduced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final

from provisioner.text.scalars import JSON
from provisioner.text.splice._base import (
    NEVER,
    Edit,
    Group,
    Path,
    Source,
    Trace,
    apply,
    failure,
    indentation,
    least,
    starts_line,
)
from provisioner.text.splice._base.json_fault import COMMENT, HINT
from provisioner.text.splice._base.json_text import Features, Json, Node, is_proven, same
from provisioner.values import Plain

__all__ = ["Features", "features", "get", "put", "put_all", "remove", "remove_all", "trace"]

_NAMES: Final = {"{": "an object", "[": "a list", "": "a single value"}
_EMPTY: Final = {"{": "{}", "[": "[]"}
_BY_HAND: Final = "nothing was changed; make the change by hand"
_LINE_BEGIN: Final = re.compile(rf'[ \t]*+(?:"(?:[^"\\]|\\.)*+"[ \t]*+:[ \t]*+|{NEVER})?+')


def features(text: str) -> Features:
    """Return what beyond strict JSON stands in `text`. Raises SpliceError where it is broken."""
    return _document(text).json.features


def get(text: str, path: Path, default: Plain = None) -> Plain:
    """Return the value at `path`, `default` where nothing is. Raises SpliceError."""
    document = _document(text)
    found = document.find(path)
    return document.json.plain(found[-1]) if len(found) > len(path) else default


def put(text: str, path: Path, value: Plain) -> str:
    """Return `text` with `value` at `path`; of what stands there only what differs is changed.

    Missing parents are made. A text where `path` has this value already comes back as it is.
    Raises SpliceError if the text is broken or a parent is not an object, and TypeError or
    ValueError if JSON cannot say the value.
    """
    return put_all(text, path[:-1], {path[-1]: value})


def put_all(text: str, path: Path, entries: Mapping[str, Plain]) -> str:
    """Return `text` with all of `entries` in the object at `path`, as `put` does it, in one pass."""
    document = _document(text)
    found = document.find(path)
    depth = max(len(found) - 1, 0)
    new = entries
    for key in reversed(path[depth:]):
        new = {key: new}
    if found:
        edits = document.alter(document.require_object(found[-1], path[:depth]), new)
    else:
        edits = document.begin(new)
    said = {(*path, key): value for key, value in entries.items()} or {path: {}}
    return document.proven(edits, said)


def trace(text: str, path: Path) -> Trace:
    """Return what `put` will find on the way to `path`. Raises SpliceError."""
    document = _document(text)
    found = document.find(path)
    if not found:
        return Trace(-1, document.text)
    node = found[-1]
    is_filled = len(found) > len(path) or document.json.members(node)
    return Trace(len(found) - 1, None if is_filled else document.text[node.start : node.end])


def remove(text: str, path: Path, trace: Trace | None = None) -> str:
    """Return `text` without what stands at `path`, duplicates of it included.

    With the `trace` taken before `put`, parents that were made then go too once they are empty.
    Comments around the entry stay. A text without it comes back as it is. Raises SpliceError.
    """
    return remove_all(text, path[:-1], {path[-1]: trace})


def remove_all(text: str, path: Path, traces: Mapping[str, Trace | None]) -> str:
    """Return `text` without the keys of `traces` in the object at `path`, in one pass."""
    document = _document(text)
    found = document.find(path)
    level = len(path)
    keys = {key for key in traces if len(document.find((*path, key))) > level + 1}
    if not keys:
        return text
    gone = [(*path, key) for key in keys]
    was = least(traces.values()) or Trace(level)
    while level > max(was.depth, 0) and document.holds_only(found[level], keys):
        level, keys = level - 1, {path[level - 1]}
    parent = found[level]
    if was.depth < 0 and level == 0 and document.holds_only(parent, keys):
        around = document.text[: parent.start] + document.text[parent.end :]
        if around.strip() == (was.text or "").strip():
            return document.proven([(0, len(document.text), was.text or "")], {}, gone)
    removed = [at for at, member in enumerate(document.json.members(parent)) if member.key in keys]
    empty = (was.text if level == was.depth else None) or ""
    return document.proven(document.alter(parent, {}, removed, empty=empty), {}, gone)


class _Document(Source):
    """A text, the place of everything in it, and the style in which it is written."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.json = Json(self.text)
        self.root = self.json.root

    @cached_property
    def _unit(self) -> str:
        """What one level of indentation adds."""
        units = self._units(self.root) if self.root else ()
        return next((unit for unit in units if unit), "  ")

    def _units(self, node: Node) -> Iterator[str]:
        if "\n" not in self.text[node.start : node.end]:
            return
        members = self.json.members(node)
        if members and starts_line(self.text, start := members[0].start):
            outer, inner = indentation(self.text, node.start), indentation(self.text, start)
            yield inner.removeprefix(outer) if inner.startswith(outer) else ""
        for member in members:
            yield from self._units(member.node)

    @cached_property
    def _is_tight(self) -> bool:
        """Whether the first key and its value have no white space between them."""
        members = self.json.members(self.root) if self.root else ()
        return bool(members) and self.text[members[0].node.start - 1] == ":"

    def find(self, path: Path) -> list[Node]:
        """Return the root and what `path` leads to below it, as far as there is something.

        Raises SpliceError where the path leads through a value that is not an object.
        """
        found = [self.root] if self.root else []
        for depth, key in enumerate(path if found else ()):
            node = self.require_object(found[-1], path[:depth])
            below = self.json.children(node)
            if key not in below:
                break
            found.append(below[key])
        return found

    def require_object(self, node: Node, path: Path) -> Node:
        """Return `node`, which stands at `path`; raises SpliceError unless it is an object."""
        if node.kind == "{":
            return node
        what = f'"{".".join(path)}" is' if path else "the file holds"
        message = f"{what} {_NAMES[node.kind]}, not an object"
        raise failure(self.text, node.start, message, end=node.end, hint=HINT)

    def holds_only(self, node: Node, keys: Collection[str]) -> bool:
        """Whether an object has nothing but `keys` in it, not even a comment."""
        is_only = all(key in keys for key in self.json.children(node))
        return is_only and self._group(node).is_bare()

    def begin(self, value: Mapping[str, Plain]) -> list[Edit]:
        """Return the edit that writes a value at the end of the text, which has none yet."""
        end = len(self.text)
        if self.text and not self.text.endswith("\n"):
            return [(end, end, self.newline + self._write(value, ""))]
        return [(end, end, self._write(value, "") + self.newline)]

    def proven(
        self, edits: Sequence[Edit], wanted: Mapping[Path, Plain], gone: Collection[Path] = ()
    ) -> str:
        """Return the text after `edits`, if it says what is `wanted` by path and all else as before.

        Of what is `gone` nothing may be left. Raises SpliceError.
        """
        if edits and not is_proven(self.json, apply(self.text, edits), wanted, gone):
            start = self.root.start if self.root else 0
            message = "this cannot be edited without a change to something else"
            raise failure(self.text, start, message, hint=_BY_HAND)
        return self.after(edits)

    def alter(
        self,
        node: Node,
        wanted: Mapping[str, Plain] | Mapping[int, Plain],
        removed: Collection[int] = (),
        *,
        empty: str = "",
    ) -> list[Edit]:
        """Return the edits that set what is `wanted` in an object or array and take out `removed`.

        Where nothing is left, not even a comment, `empty` is written, or else the brackets alone.
        """
        if not wanted and not removed:
            return []
        group = self._group(node)
        there = self.json.children(node)
        added = {key: value for key, value in wanted.items() if key not in there}
        if len(removed) == len(group.members) and group.is_bare():
            items = list(added.values()) if node.kind == "[" else added
            text = self._write(items, self._inset(node)) if added else empty or _EMPTY[node.kind]
            return [(node.start, node.end, text)]
        kept = [(there[key], value) for key, value in wanted.items() if key in there]
        edits = [edit for child, value in kept for edit in self._replace(child, value)]
        inset = group.inset(self._unit)
        texts = [self._item(key, value, inset) for key, value in added.items()]
        return edits + group.edits(removed, texts, self._lead(inset))

    def _replace(self, node: Node, value: Plain) -> list[Edit]:
        """Return the edits that turn what `node` says into `value`."""
        wanted: Mapping[str, Plain] | Mapping[int, Plain]
        if node.kind == "{" and isinstance(value, Mapping):
            wanted = value
        elif node.kind == "[" and isinstance(value, list | tuple):
            wanted = dict(enumerate(value))
        elif not node.kind and same(self.json.plain(node), value):
            return []
        else:
            return [(node.start, node.end, self._write(value, self._inset(node)))]
        members = self.json.members(node)
        removed = [at for at, member in enumerate(members) if member.key not in wanted]
        return self.alter(node, wanted, removed)

    def _group(self, node: Node) -> Group:
        spans = [member.span for member in self.json.members(node)]
        return Group(self.text, node.start + 1, node.end - 1, spans, COMMENT)

    def _inset(self, node: Node) -> str | None:
        """Return the indentation for the lines of what stands at `node`, None where it has one line.

        It has lines of its own if it begins one, alone or after its key.
        """
        begin = self.text.rfind("\n", 0, node.start) + 1
        if not _LINE_BEGIN.fullmatch(self.text, begin, node.start):
            return None
        return indentation(self.text, node.start)

    def _lead(self, inset: str | None) -> str:
        """Return what stands before a member: a line break and `inset`, or for None a space."""
        if inset is None:
            return "" if self._is_tight else " "
        return self.newline + inset

    def _item(self, key: str | int, value: Plain, inset: str | None) -> str:
        """Return a member of an object or, by index, of an array."""
        written = self._write(value, inset)
        if isinstance(key, int):
            return written
        return f"{JSON.key(key)}:{'' if inset is None and self._is_tight else ' '}{written}"

    def _write(self, value: Plain, inset: str | None) -> str:
        """Return `value` as JSON whose last line is indented by `inset`, on one line for None."""
        if not isinstance(value, Mapping | list | tuple) or not value:
            return JSON.write(value)
        inner = None if inset is None else inset + self._unit
        opening, closing = "{}" if isinstance(value, Mapping) else "[]"
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        lead = self._lead(inner)
        items = f",{lead}".join(self._item(key, item, inner) for key, item in pairs)
        if inset is None:
            return opening + items + closing
        return opening + lead + items + self.newline + inset + closing


@lru_cache(maxsize=2)  # a file, and what is merged into it
def _document(text: str) -> _Document:
    """Return `text`, read: whoever edits a file asks several things of it first."""
    return _Document(text)
