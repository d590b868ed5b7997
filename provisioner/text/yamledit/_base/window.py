"""What of a long text must be read again after an edit: what stands near it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.text.splice import Edit, cuts, touched
from provisioner.text.yamledit._base import Node, column, nodes
from provisioner.text.yamledit._base.outline import TIE
from provisioner.text.yamledit._base.places import Places

WHOLE: Final = 1 << 16
"""Up to how many characters a text is read again from the first to the last."""


def far_from(edits: Sequence[Edit], document: Places) -> list[Edit]:
    """Return the cuts that leave, of a long text, what stands near `edits`.

    In each block collection on the way to an edit these leave the entries that it touches, those
    beside them, the first and the last one. How libyaml reads an entry hangs on the columns of
    the collections around it alone: what is cut says the same before and after the edits. Anchors
    tie distant places together, so where there is one nothing is cut.
    """
    root = document.root
    if root is None or len(document.text) <= WHOLE:
        return []
    if TIE.search(document.text) and any(node.marks for node in nodes(root)):
        return []
    return list(_far(document, root, edits))


def _far(document: Places, node: Node, edits: Sequence[Edit]) -> Iterator[Edit]:
    if node.style or not node.entries:
        return
    starts = [document.entry_start(node, at) for at in range(len(node.entries))]
    begins = [document.text.rfind("\n", 0, start) + 1 for start in starts]
    bounds = [*begins, document.line_stop(node.end)]
    # A key after a question mark does not begin its entry.
    blank = " " * column(document.text, node.start)
    lines = zip(begins, starts, strict=True)
    odd = [at for at, (begin, start) in enumerate(lines) if document.text[begin:start] != blank]
    near = touched(bounds, edits)
    yield from cuts(bounds, [*near, *odd])
    for at in near:
        yield from _far(document, node.entries[at].value, edits)
