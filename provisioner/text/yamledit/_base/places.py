"""Where the values of a YAML text stand, and what stands in the way of an edit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from provisioner.text.splice import Edit, Source, SpliceError, failure
from provisioner.text.yamledit._base import (
    HINT,
    FarEntry,
    Item,
    Node,
    Step,
    column,
    is_key,
    is_meant,
    nodes,
)
from provisioner.text.yamledit._base.outline import read

GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+")
_SIGN: Final = re.compile(r"[ \t]*+[:-]")
_NAMES: Final = {"map": "a mapping", "list": "a list", "text": "a single value"}
_END_IT: Final = "nothing was changed; end the file with a line break and run it again"
_BY_HAND: Final = "nothing was changed; write the value in block style or make the change by hand"


class Spot(NamedTuple):
    """Where a value stands: after its colon or dash, whose entry begins in this column.

    `at` says which entry of the collection around it that is.
    """

    node: Node
    slot: int
    column: int
    in_flow: bool = False
    at: int = 0


class Places(Source):
    """A text, and the place of everything in it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # A last line that is not ended is ended for as long as the text is edited. A lone CR stays
        # one, to be refused: with a line feed after it, it would be half of an end.
        self._added = self.newline if self.text[-1:] not in ("", "\n", "\r") else ""
        self.text += self._added
        self.root = read(self.text)
        self._found: dict[tuple[Step, ...], list[Spot]] = {}
        if self._added and self.root and self.root.last.style in ("|", ">"):
            message = "the file ends in a block scalar and without a line break"
            raise failure(self.text, len(self.text) - 1, message, hint=_END_IT)

    @property
    def own_text(self) -> str:
        """The text without what was added to its end."""
        return self.text.removesuffix(self._added)

    def after(self, edits: Iterable[Edit]) -> str:
        """Return the file's text after `edits`."""
        return super().after(edits).removesuffix(self._added)

    def refusal(self, node: Node, message: str) -> SpliceError:
        """Return an error about `node`."""
        return failure(self.text, node.start, message, end=node.end, hint=HINT)

    def find(self, path: Sequence[Step]) -> list[Spot]:
        """Return the root and what `path` leads to below it, as far as there is something.

        Raises SpliceError where a step meets another kind of value, one that anchors or tags make
        part of something else, or two that it could mean.
        """
        asked = tuple(path)  # more than once, and to find an item of a long list takes its time
        if asked not in self._found:
            self._found[asked] = self._find(asked)
        return self._found[asked]

    def _find(self, path: Sequence[Step]) -> list[Spot]:
        found = [Spot(self.root, self.root.start, 0)] if self.root else []
        for depth, step in enumerate(path if found else ()):
            node = found[-1].node
            if node.is_blank:
                break
            self._require_kind(node, step, path[:depth])
            matches = [at for at, entry in enumerate(node.entries) if is_meant(entry, step)]
            if len(matches) > 1:
                raise self.refusal(
                    node.entries[matches[1]].first, f'"{step}" stands here for the second time'
                )
            if not matches:
                break
            found.append(self.child(found[-1], matches[0]))
        return found

    def _require_kind(self, node: Node, step: Step, path: Sequence[Step]) -> None:
        kind = "list" if isinstance(step, Item) else "map"
        what = f'"{".".join(map(str, path))}"' if path else "the document"
        if node.kind == "alias" or node.marks:
            raise self.refusal(node, f"{what} has an anchor, an alias or a tag")
        if node.kind != kind:
            raise self.refusal(node, f"{what} is {_NAMES[node.kind]}, not {_NAMES[kind]}")

    def child(self, spot: Spot, at: int) -> Spot:
        """Return where the value of an entry of the collection at `spot` stands."""
        key, value = (entry := spot.node.entries[at]).key, entry.value
        if key and not is_key(key):
            raise self.refusal(key, "this key has an anchor, an alias or a tag")
        in_flow = spot.in_flow or bool(spot.node.style)
        start = self.entry_start(spot.node, at)
        if key is None and in_flow:
            return Spot(value, start, 0, in_flow, at)
        sign = _SIGN.match(self.text, key.end if key else start)
        if not sign:
            raise self.refusal(key or value, "this is written in a way that cannot be edited")
        return Spot(value, sign.end(), column(self.text, start), in_flow, at)

    def entry_start(self, node: Node, at: int) -> int:
        """Return the offset of an entry: of its key, its dash, or of the value itself in brackets."""
        entry = node.entries[at]
        if isinstance(entry, FarEntry):
            return entry.begin
        if node.kind == "map" or node.style:
            return entry.first.start
        gap = GAP.match(self.text, node.entries[at - 1].value.end)
        return gap.end() if at and gap else node.start

    def source(self, spot: Spot) -> str:
        """Return what stands after the colon or dash up to the end of the value."""
        return self.text[spot.slot : self.content_end(spot.node)]

    def holds_only(self, spot: Spot, count: int = 1) -> bool:
        """Whether a collection has so many entries and not even a comment beside them."""
        node = spot.node
        if len(node.entries) != count:
            return False
        starts = [self.entry_start(node, at) for at in range(count)]
        ends = [entry.value.end for entry in node.entries]
        gaps = zip((spot.slot, *ends), (*starts, node.end), strict=True)
        return not any("#" in self.text[one:two] for one, two in gaps)

    def content_end(self, node: Node) -> int:
        """Return the offset after `node`, without the blank lines that a block scalar may keep."""
        return node.start + len(self.text[node.start : node.end].rstrip())

    def line_stop(self, offset: int) -> int:
        """Return the offset after the line that ends at or after `offset`."""
        if self.text[offset - 1 : offset] == "\n":
            return offset
        return self.text.find("\n", offset) + 1 or len(self.text)

    def require_unshared(self, node: Node) -> None:
        """Raise SpliceError if there is an anchor or a tag in `node`."""
        for inner in nodes(node):
            if inner.marks:
                raise self.refusal(inner, f"this has an anchor or a tag ({inner.marks.strip()})")

    def require_no_comment(self, node: Node, start: int, end: int) -> None:
        """Raise SpliceError, about `node`, if there is a comment between two offsets."""
        if "#" in self.text[start:end]:
            raise self.refusal(node, "a comment would be lost")

    def unproven(self, spot: Spot | None) -> SpliceError:
        """Return the error that an edit at `spot` would change something else, too."""
        start = spot.node.start if spot else 0
        message = "this cannot be edited without a change to something else"
        return failure(self.text, start, message, hint=_BY_HAND)
