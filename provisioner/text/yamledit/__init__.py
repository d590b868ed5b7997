"""YAML edited in place: only what is said changes, every other byte stays.

A path leads through mappings by key and through lists by `Item`. Every edit is read back: the
entry must be there and everything else say what it said, or the edit is refused. Comments outside
the entry are never touched; in an entry that is changed, those beside what stays stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from provisioner.text.splice import Edit, SpliceError, Trace
from provisioner.text.yamledit._base import Item, Node, Step, alike, plain, same
from provisioner.text.yamledit._edit import Document
from provisioner.values import Plain

__all__ = ["Item", "Step", "get", "item_where", "put", "remove", "trace"]


def item_where(conditions: Mapping[str, Plain]) -> Item:
    """Return the item whose values by dotted path, such as `destination.path`, are these."""

    def test(item: Plain) -> bool:
        return all(_at(item, path) == value for path, value in conditions.items())

    return Item(", ".join(f"{path}: {value}" for path, value in conditions.items()), test)


def get(text: str, path: Sequence[Step], default: Plain = None) -> Plain:
    """Return the value at `path`, `default` where nothing is. Raises SpliceError."""
    found = _document(text).find(path)
    return plain(found[-1].node) if len(found) > len(path) else default


def put(text: str, path: Sequence[Step], value: Plain) -> str:
    """Return `text` with `value` at `path`; of what stands there only what differs is changed.

    Missing parents are made, and a list's item that is not there goes to its end. A text where
    `path` has this value already comes back as it is. Raises SpliceError if the text is broken,
    if `path` meets other kinds of values, or if the edit cannot be proven; TypeError or ValueError
    if YAML cannot say the value, or if it is not the item that `path` names.
    """
    if isinstance(path[-1], Item) and not path[-1].test(value):
        raise ValueError(f"the value is not the item {path[-1]}")
    document = _document(text)
    found = document.find(path)
    depth = len(found) - 1
    if not found:
        depth, edits = 0, document.begin(_nested(path, value))
    elif depth == len(path) or found[depth].node.is_blank:
        edits = document.replace(found[depth], _nested(path[depth:], value))
    else:
        edits = document.add(found[depth], path[depth], _nested(path[depth + 1 :], value))
        depth += 1
    wanted, before = _nested(path[depth:], value), found[depth].node if depth < len(found) else None
    return _proven(document, edits, path[:depth], before, lambda node: same(node, wanted))


def trace(text: str, path: Sequence[Step]) -> Trace:
    """Return what `put` will find on the way to `path`. Raises SpliceError."""
    document = _document(text)
    found = document.find(path)
    if not found:
        return Trace(-1, document.own_text)
    is_blank = len(found) <= len(path) and found[-1].node.is_blank
    return Trace(len(found) - 1, document.source(found[-1]) if is_blank else None)


def remove(text: str, path: Sequence[Step], trace: Trace | None = None) -> str:
    """Return `text` without what stands at `path`, and without the comments on its lines.

    With the `trace` taken before `put`, parents that were made then go too once they are empty,
    and what else is left empty says what it said then, or else `{}` or `[]`. A text without the
    entry comes back as it is. Raises SpliceError.
    """
    document = _document(text)
    found = document.find(path)
    if len(found) <= len(path):
        return text
    was = trace or Trace(len(path) - 1)
    level = len(path)
    while level - 1 > max(was.depth, 0) and document.holds_only(found[level - 1]):
        level -= 1
    parent, entry = found[level - 1], found[level]
    if was.depth < 0 and level == 1 and document.is_all(parent, was.text or ""):
        return document.after([(0, len(document.text), was.text or "")])
    document.require_unshared(entry.node)
    empty = was.text if level - 1 == was.depth else None
    edits = document.take(parent, entry, empty)
    if empty is not None and len(parent.node.entries) == 1:
        return _proven(
            document, edits, path[: level - 1], parent.node, lambda node: not node or node.is_blank
        )
    return _proven(document, edits, path[:level], entry.node, lambda node: not node)


def _proven(
    document: Document,
    edits: list[Edit],
    path: Sequence[Step],
    before: Node | None,
    is_right: Callable[[Node | None], bool],
) -> str:
    """Return the text after `edits`, if it is right about `path` and says all else as before."""
    after = document.after(edits)
    try:
        fresh = Document(after)
        found = fresh.find(path)
        node = found[-1].node if len(found) > len(path) else None
        if is_right(node) and alike(document.root, fresh.root, but=(before, node)):
            return after
    except SpliceError:
        node = None
    raise document.unproven(before)


def _nested(path: Sequence[Step], value: Plain) -> Plain:
    """Return `value` inside the mappings and lists through which `path` leads to it."""
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [value]
    return value


def _at(value: Plain, path: str) -> Plain:
    """Return what a dotted path leads to, None where it leads to nothing."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


@lru_cache(maxsize=1)
def _document(text: str) -> Document:
    """Return `text`, read: whoever edits a file asks several things of it first."""
    return Document(text)
