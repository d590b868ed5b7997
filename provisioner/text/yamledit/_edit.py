"""YAML, changed: what there is to say in place of what is said, as edits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Final

from provisioner.text.scalars import YAML
from provisioner.text.splice import Edit, Group, Span, starts_line
from provisioner.text.yamledit._base import (
    Item,
    Node,
    Step,
    column,
    keys_of,
    kind_of,
    same,
)
from provisioner.text.yamledit._base.places import GAP, Places, Spot
from provisioner.text.yamledit._base.style import Style, has_lines, scalar_like, style_of
from provisioner.values import Plain

_COMMENT: Final = re.compile(r"#[^\r\n]*+")
_COMMENT_LINE: Final = re.compile(r"([ \t]*+)#[^\n]*+\n")
_EMPTY: Final = {"map": "{}", "list": "[]"}

Members = Mapping[str | int, Plain]
"""What to set: by key in a mapping, by index in a list."""


class Document(Places):
    """A text with the place of everything in it, and the style in which it is written."""

    @cached_property
    def _style(self) -> Style:
        return style_of(self.text, self.root)

    def is_all(self, spot: Spot, count: int, text: str) -> bool:
        """Whether the root has so many entries, and only white space and `text` stand around them."""
        begin, stop, _ = self._cut_lines(spot.node.start, spot.node.end)
        around = self.text[:begin] + self.text[stop:]
        return self.holds_only(spot, count) and around.strip() == text.strip()

    def begin(self, value: Plain) -> list[Edit]:
        """Return the edit that writes `value` at the end of a text that has none."""
        return self._insert(len(self.text), value, 0)

    def add(self, spot: Spot, step: Step, value: Plain) -> list[Edit]:
        """Return the edits that add an entry to the mapping or list at `spot`."""
        if isinstance(step, Item):
            return self.alter(spot, {len(spot.node.entries): value})
        return self.alter(spot, {step: value})

    def replace(self, spot: Spot, value: Plain) -> list[Edit]:
        """Return the edits that turn what stands at `spot` into `value`.

        Raises SpliceError where that would take something away that other values use.
        """
        node = spot.node
        if same(node, value):
            return []
        self.require_unshared(node)
        if value and not node.is_blank and node.kind == kind_of(value) != "text":
            wanted = value if isinstance(value, Mapping) else dict(enumerate(value))
            removed = [at for at, key in enumerate(keys_of(node)) if key not in wanted]
            return self.alter(spot, wanted, removed)
        if has_lines(value) and not spot.in_flow and not (node.style and node.entries):
            return self._recast(spot, value) if node.entries else self._fill(spot, value)
        if node.entries and not node.style:
            return self._collapse(spot, f" {YAML.write(value)}")
        return [self._swap(node, ("" if node.end > node.start else " ") + scalar_like(node, value))]

    def alter(
        self, spot: Spot, wanted: Members, removed: Collection[int] = (), empty: str | None = None
    ) -> list[Edit]:
        """Return the edits that set what is `wanted` in a collection and take out `removed`.

        `removed` is by index. Where nothing is left, `empty` is written after the colon or dash,
        or else a pair of brackets.
        """
        node = spot.node
        there = {key: at for at, key in enumerate(keys_of(node))}
        added: dict[str | int, Plain] = {
            key: value for key, value in wanted.items() if key not in there
        }
        changed = [(there[key], value) for key, value in wanted.items() if key in there]
        edits = [
            edit for at, value in changed for edit in self.replace(self.child(spot, at), value)
        ]
        values = added if node.kind == "map" else list(added.values())
        if node.style:
            return edits + self._alter_flow(spot, added, removed, empty)
        if len(removed) == len(node.entries) and values:
            return [self._rewrite(node, values)]
        if len(removed) == len(node.entries):
            return self._clear(spot, f" {_EMPTY[node.kind]}" if empty is None else empty)
        edits += [self._cut(node, at, removed) for at in removed]
        if values:
            edits += self._insert(self._tail(node), values, column(self.text, node.start))
        return edits

    def _alter_flow(
        self,
        spot: Spot,
        added: Mapping[str | int, Plain],
        removed: Collection[int],
        empty: str | None,
    ) -> list[Edit]:
        node = spot.node
        if node.style == "?":
            raise self.refusal(node, "this mapping has no brackets of its own")
        ends = [entry.value.end for entry in node.entries]
        starts = [entry.first.start for entry in node.entries]
        spans = list(map(Span, starts, ends, map(self._comma, ends)))
        group = Group(self.text, node.start + 1, node.end - 1, spans, _COMMENT)
        if len(removed) == len(spans) and group.is_bare():
            if not added and empty is not None:
                return [(spot.slot, node.end, empty)]
            values = added if node.kind == "map" else list(added.values())
            return [self._swap(node, YAML.write(values))]
        texts = [
            f"{YAML.key(key)}: {YAML.write(value)}" if isinstance(key, str) else YAML.write(value)
            for key, value in added.items()
        ]
        inset = group.inset(" " * self._style.mapping)
        return group.edits(removed, texts, " " if inset is None else self.newline + inset)

    def _comma(self, offset: int) -> int | None:
        gap = GAP.match(self.text, offset)
        return gap.end() if gap and self.text[gap.end()] == "," else None

    def _swap(self, node: Node, text: str) -> Edit:
        """Return the edit that writes `text` where `node` stands, or stood up to a line break."""
        return (node.start, self.content_end(node), text)

    def _recast(self, spot: Spot, value: Plain) -> list[Edit]:
        """Return the edits that write a block mapping in place of a block list, or the reverse."""
        node = spot.node
        if not starts_line(self.text, node.start):
            return [self._rewrite(node, value)]
        cut = self._cut_lines(node.start, node.end)
        return [cut, *self._insert(cut[0], value, spot.column + self._style.step(value))]

    def _rewrite(self, node: Node, value: Plain) -> Edit:
        return self._swap(node, self._block(value, column(self.text, node.start)))

    def _block(self, value: Plain, indent: int) -> str:
        """Return the lines of `value`, of which all but the first are indented."""
        return (self.newline + " " * indent).join(self._style.lines(value))

    def _fill(self, spot: Spot, value: Plain) -> list[Edit]:
        """Return the edits that write the lines of `value` in place of a scalar or of nothing."""
        node, end = spot.node, self.content_end(spot.node)
        if node is self.root and node.start == node.end:
            return self._insert(self.line_stop(end), value, 0)
        if node is self.root:
            self.require_no_comment(node, end, self.line_stop(end))
            return [self._rewrite(node, value)]
        is_item = self.text[spot.slot - 1] == "-"
        indent = spot.column + (2 if is_item else self._style.step(value))
        if is_item and "#" not in self.text[end : self.line_stop(end)]:
            return [(spot.slot, end, " " + self._block(value, indent))]
        return [(spot.slot, end, ""), *self._insert(self.line_stop(end), value, indent)]

    def _clear(self, spot: Spot, text: str) -> list[Edit]:
        """Return the edits that take out all entries, and write `text` after the colon or dash.

        Comments between the entries stay.
        """
        node = spot.node
        if self.holds_only(spot, len(node.entries)) or not starts_line(self.text, node.start):
            return self._collapse(spot, text)
        cuts = [
            self._cut_lines(self.entry_start(node, at), entry.value.end)
            for at, entry in enumerate(node.entries)
        ]
        if node is not self.root:
            return [(spot.slot, spot.slot, text), *cuts]
        begin = cuts[0][0]
        return [(begin, begin, text.strip() + self.newline if text else ""), *cuts]

    def _collapse(self, spot: Spot, text: str) -> list[Edit]:
        """Return the edits that write `text` after the colon or dash, in place of a collection."""
        node = spot.node
        if node is self.root and not text:
            return [self._cut_lines(node.start, node.end)]
        if node is self.root:
            return [self._swap(node, text.strip())]
        if starts_line(self.text, node.start):
            return [(spot.slot, spot.slot, text), self._cut_lines(node.start, node.end)]
        return [(spot.slot, self.content_end(node), text)]

    def _cut(self, node: Node, at: int, removed: Collection[int]) -> Edit:
        """Return the edit that takes out an entry of a block collection which keeps others."""
        start, end = self.entry_start(node, at), node.entries[at].value.end
        if starts_line(self.text, start):
            return self._cut_lines(start, end)
        # It shares its line with the dash before it: what follows moves up to there, or if that
        # would take a comment along, leaves the dash alone on its line.
        kept = next(other for other in range(at, len(node.entries)) if other not in removed)
        stop = self.entry_start(node, kept)
        if "#" in self.text[end:stop]:
            stop = self.content_end(node.entries[at].value)
        return (start, stop, "")

    def _cut_lines(self, start: int, end: int) -> Edit:
        """Return the edit that takes out the lines from `start` to `end`."""
        return (self.text.rfind("\n", 0, start) + 1, self.line_stop(end), "")

    def _tail(self, node: Node) -> int:
        """Return the offset for a new entry: after the last one and the comments that belong to it."""
        offset, indent = self.line_stop(node.end), column(self.text, node.start)
        while (comment := _COMMENT_LINE.match(self.text, offset)) and len(comment[1]) >= indent:
            offset = comment.end()
        return offset

    def _insert(self, offset: int, value: Plain, indent: int) -> list[Edit]:
        """Return the edit that writes the lines of `value` at `offset`, where a line begins."""
        lines = " " * indent + self._block(value, indent) + self.newline
        return [(offset, offset, lines)]
