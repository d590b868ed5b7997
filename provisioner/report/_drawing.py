"""Where the nodes of a graph stand, and how the ties between them run: plain values for SVG.

Layers are columns. Within a column, nodes are ordered by where their neighbours stand, a few times
over from both sides (https://en.wikipedia.org/wiki/Layered_graph_drawing), so that few ties cross.
Lengths are in pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from provisioner.report._graph import LAYERS, Graph, Node, Tie
from provisioner.text.terminal import visible, width
from provisioner.values import Plain

_WIDE: Final = 232
_HIGH: Final = 40
_GAP: Final = 12
_BETWEEN: Final = 132
_TOP: Final = 34  # for the titles of the columns
_EDGE: Final = 4  # so that strokes are not cut off
_SWEEPS: Final = 6
_LETTERS: Final = 26  # of a name that fit into a node
_PORT: Final = 6  # between the ends of two ties
_TOLD: Final = 100  # names of a box that stands for several
_TITLES: Final = ("Bots", "Roles", "MCP servers")


class _Drawing(Struct):
    graph: Graph
    columns: list[list[Node]]
    neighbours: Mapping[Node, Sequence[Node]]
    height: int
    tops: dict[Node, float] = field(default_factory=dict)


def drawn(graph: Graph) -> dict[str, Plain]:
    """Return the size of a drawing, its column titles, boxes and lines; nothing of an empty graph."""
    if not graph.nodes:
        return {}
    drawing = _laid_out(graph)
    return {
        "width": len(LAYERS) * _WIDE + (len(LAYERS) - 1) * _BETWEEN + 2 * _EDGE,
        "height": drawing.height,
        "titles": [
            {"text": title, "x": _left(layer)}
            for layer, title in enumerate(_TITLES)
            if drawing.columns[layer]
        ],
        "lines": [*_lines(drawing)],
        "boxes": [_box(drawing, node) for node in graph.nodes],
    }


def _laid_out(graph: Graph) -> _Drawing:
    neighbours: dict[Node, list[Node]] = defaultdict(list)
    for start, end in graph.ties:
        neighbours[start].append(end)
        neighbours[end].append(start)
    columns = [[node for node in graph.nodes if node.layer == n] for n in range(len(LAYERS))]
    for sweep in range(_SWEEPS):
        order = range(len(columns)) if sweep % 2 == 0 else reversed(range(len(columns)))
        for number in order:
            columns[number] = _sorted(columns[number], columns, neighbours)
    most = max(map(len, columns))
    height = _TOP + most * (_HIGH + _GAP) - _GAP + 2 * _EDGE
    drawing = _Drawing(graph, columns, neighbours, height)
    for column in columns:
        spare = (most - len(column)) * (_HIGH + _GAP) / 2
        for place, node in enumerate(column):
            drawing.tops[node] = _TOP + _EDGE + spare + place * (_HIGH + _GAP)
    return drawing


def _sorted(
    column: list[Node], columns: Iterable[Sequence[Node]], neighbours: Mapping[Node, Sequence[Node]]
) -> list[Node]:
    """Return a column in the order of the mean height of each node's neighbours."""
    heights = {
        node: (place + 0.5) / len(each) for each in columns for place, node in enumerate(each)
    }

    def mean(node: Node) -> float:
        around = [heights[other] for other in neighbours.get(node, ())]
        return sum(around) / len(around) if around else heights[node]

    return sorted(column, key=mean)


def _left(layer: int) -> int:
    return _EDGE + layer * (_WIDE + _BETWEEN)


def _box(drawing: _Drawing, node: Node) -> dict[str, Plain]:
    gained, lost = drawing.graph.effects.get(node, (0, 0))
    return {
        "x": _left(node.layer),
        "y": round(drawing.tops[node], 1),
        "width": _WIDE,
        "height": _HIGH,
        "name": _short(visible(node.name)),
        "title": visible(_title(node)),
        "state": node.state,
        "gained": gained,
        "lost": lost,
    }


def _title(node: Node) -> str:
    rest = f", and {len(node.names) - _TOLD:,} more" if len(node.names) > _TOLD else ""
    return f"{', '.join(node.names[:_TOLD]) or node.name}{rest}"


def _lines(drawing: _Drawing) -> Iterator[dict[str, Plain]]:
    """Yield the ties as curves; those at one side of a node are spread in the order of their ends."""
    out, into = _ports(drawing, 0), _ports(drawing, 1)
    for tie, state in drawing.graph.ties.items():
        start, end = tie
        x1, x2 = _left(start.layer) + _WIDE, _left(end.layer)
        y1, y2 = out[tie], into[tie]
        bend = (x2 - x1) / 2
        path = f"M{x1} {y1:.1f}C{x1 + bend:g} {y1:.1f} {x2 - bend:g} {y2:.1f} {x2} {y2:.1f}"
        yield {"path": path, "state": state}


def _ports(drawing: _Drawing, side: int) -> dict[Tie, float]:
    """Return at which height each tie begins (`side` 0) or ends (1)."""
    groups: dict[Node, list[Tie]] = defaultdict(list)
    for tie in drawing.graph.ties:
        groups[tie[side]].append(tie)
    ports: dict[Tie, float] = {}
    for node, ties in groups.items():
        ties.sort(key=lambda tie: (drawing.tops[tie[1 - side]], tie[1 - side]))
        step = min(_PORT, (_HIGH - 2 * _PORT) / len(ties))
        first = drawing.tops[node] + _HIGH / 2 - step * (len(ties) - 1) / 2
        ports |= {tie: first + step * place for place, tie in enumerate(ties)}
    return ports


def _short(text: str) -> str:
    """Return as much of a name as a box has room for."""
    if width(text) <= _LETTERS:
        return text
    kept, room = "", _LETTERS - 1
    for char in text:
        room -= width(char)
        if room < 0:
            break
        kept += char
    return f"{kept}…"
