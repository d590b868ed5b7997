"""YAML edited in place: only what is said changes, every other byte stays.

A path leads through mappings by key and through lists by `Item`. Every edit is read back, in a long
text with what stands near it: the entry must be there and everything else say what it said, or the
edit is refused. Comments outside
the entry are never touched; in an entry that is changed, those beside what stays stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

from provisioner.text.splice import Edit, SpliceError, Trace, least
from provisioner.text.yamledit._base import Item, Node, Step, alike, keys_of, may_say, plain, same
from provisioner.text.yamledit._base.window import far_from
from provisioner.text.yamledit._edit import Document, Members
from provisioner.values import Plain

__all__ = [
    "Item", "Step", "get", "item_where", "part", "put", "put_all", "remove", "remove_all", "trace"
]  # fmt: skip

_Path = tuple[Step, ...]
_Test = Callable[[Node | None], bool]


def item_where(conditions: Mapping[str, Plain]) -> Item:
    """Return the item whose values by dotted path, such as `destination.path`, are these."""

    def test(item: Plain) -> bool:
        return all(_at(item, path) == value for path, value in conditions.items())

    return Item(", ".join(f"{path}: {value}" for path, value in conditions.items()), test)


def get(text: str, path: Sequence[Step], default: Plain = None) -> Plain:
    """Return the value at `path`, `default` where nothing is. Raises SpliceError."""
    found = _document(text).find(path)
    return plain(found[-1].node) if len(found) > len(path) else default


def part(text: str, keys: Collection[str], words: Collection[str]) -> Plain:
    """Return what a document that is a mapping says by `keys`, and what any other one says.

    Of the lists, items in which none of `words` stands may be left out. Raises SpliceError.
    """
    root = _document(text).root
    if root is None or root.kind != "map":
        return plain(root) if root else None
    return {
        entry.key.text: _some(entry.value, words)
        for entry in root.entries
        if entry.key and entry.key.text in keys
    }


def _some(node: Node, words: Collection[str]) -> Plain:
    if node.kind != "list":
        return plain(node)
    return [plain(entry.value) for entry in node.entries if may_say(entry, words)]


def put(text: str, path: Sequence[Step], value: Plain) -> str:
    """Return `text` with `value` at `path`; of what stands there only what differs is changed.

    Missing parents are made, and a list's item that is not there goes to its end. A text where
    `path` has this value already comes back as it is. Raises SpliceError if the text is broken,
    if `path` meets other kinds of values, or if the edit cannot be proven; TypeError or ValueError
    if YAML cannot say the value, or if it is not the item that `path` names.
    """
    return put_all(text, path[:-1], {path[-1]: value})


def put_all(text: str, path: Sequence[Step], entries: Mapping[Step, Plain]) -> str:
    """Return `text` with all of `entries` in what `path` leads to, as `put` does it, in one pass."""
    for step, value in entries.items():
        if isinstance(step, Item) and not step.test(value):
            raise ValueError(f"the value is not the item {step}")
    document = _document(text)
    found = document.find(path)
    depth = len(found) - 1
    if depth == len(path) and not found[depth].node.is_blank:
        edits = document.alter(found[depth], _members(document, path, entries))
        return _proven(document, edits, {(*path, step): _says(entries[step]) for step in entries})
    new = _collected(entries)
    if not found:
        depth, edits = 0, document.begin(_nested(path, new))
    elif found[depth].node.is_blank:
        edits = document.replace(found[depth], _nested(path[depth:], new))
    else:
        edits = document.add(found[depth], path[depth], _nested(path[depth + 1 :], new))
        depth += 1
    return _proven(document, edits, {tuple(path[:depth]): _says(_nested(path[depth:], new))})


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
    return remove_all(text, path[:-1], {path[-1]: trace})


def remove_all(text: str, path: Sequence[Step], traces: Mapping[Step, Trace | None]) -> str:
    """Return `text` without the steps of `traces` in what `path` leads to, in one pass."""
    document = _document(text)
    found = document.find(path)
    level = len(path)
    ways = [way for step in traces if len(document.find(way := (*path, step))) == level + 2]
    if len(found) <= level or not ways:
        return text
    was = least(traces.values()) or Trace(level)
    while level > max(was.depth, 0) and document.holds_only(found[level], len(ways)):
        ways, level = [tuple(path[:level])], level - 1
    parent = found[level]
    if was.depth < 0 and level == 0 and document.is_all(parent, len(ways), was.text or ""):
        return document.after([(0, len(document.text), was.text or "")])
    spots = [document.find(way)[-1] for way in ways]
    for spot in spots:
        document.require_unshared(spot.node)
    empty = was.text if level == was.depth else None
    edits = document.alter(parent, {}, sorted(spot.at for spot in spots), empty)
    if empty is not None and len(parent.node.entries) == len(ways):
        return _proven(document, edits, {tuple(path[:level]): _is_blank})
    return _proven(document, edits, dict.fromkeys(ways, _is_gone))


def _members(document: Document, path: Sequence[Step], entries: Mapping[Step, Plain]) -> Members:
    """Return `entries` by the keys or indices that they have, or will have, at `path`."""
    spot = document.find(path)[-1]
    keys = keys_of(spot.node)
    members: dict[str | int, Plain] = {}
    for step, value in entries.items():
        found = document.find((*path, step))
        if len(found) > len(path) + 1:
            members[keys[found[-1].at]] = value
        else:
            members[step if isinstance(step, str) else len(keys) + len(members)] = value
    return members


def _collected(entries: Mapping[Step, Plain]) -> Plain:
    """Return the mapping, or the list, that has `entries` and nothing else."""
    texts = {step: value for step, value in entries.items() if isinstance(step, str)}
    return texts if len(texts) == len(entries) else list(entries.values())


def _says(value: Plain) -> _Test:
    return lambda node: same(node, value)


def _is_blank(node: Node | None) -> bool:
    return node is None or node.is_blank


def _is_gone(node: Node | None) -> bool:
    return node is None


def _proven(document: Document, edits: Sequence[Edit], tests: Mapping[_Path, _Test]) -> str:
    """Return the text after `edits`, if it passes the `tests` by path and says all else as before."""
    after = document.after(edits)
    whole: list[Edit] = []
    if not edits or any(
        _is_proven(document, edits, cuts, tests) for cuts in (far_from(edits, document), whole)
    ):
        return after
    raise document.unproven(next((spots[-1] for spots in map(document.find, tests) if spots), None))


def _is_proven(
    document: Document, edits: Sequence[Edit], cuts: Sequence[Edit], tests: Mapping[_Path, _Test]
) -> bool:
    """Whether the edits do what they shall, as far as it is seen without what is cut."""
    try:
        old = Document(document.after(cuts)) if cuts else document
        new = Document(document.after([*edits, *cuts]))
        nodes = {path: (_node(old, path), _node(new, path)) for path in tests}
    except SpliceError:
        return False
    but = {id(node) for pair in nodes.values() for node in pair if node}
    is_right = all(test(nodes[path][1]) for path, test in tests.items())
    return is_right and alike(old.root, new.root, but)


def _node(document: Document, path: _Path) -> Node | None:
    found = document.find(path)
    return found[-1].node if len(found) > len(path) else None


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


@lru_cache(maxsize=2)  # a file, and what is merged into it
def _document(text: str) -> Document:
    """Return `text`, read: whoever edits a file asks several things of it first."""
    return Document(text)
