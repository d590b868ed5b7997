"""Plots on logarithmic axes, as SVG that reads on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 36, 44
COLOURS: Final = (
    *("#1f77b4", "#d95f02", "#1b9e77", "#e7298a", "#7570b3"),
    *("#66a61e", "#a6761d", "#17a2b8", "#c44e52", "#6c757d"),
)
STYLE: Final = (
    "text{font-size:12px;font-family:sans-serif;fill:#24292f}.grid{stroke:#d0d7de;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}}"
)

Line = Sequence[tuple[float, float]]
"""Points (x, y), all above 0."""


def plot(title: str, across: str, up: str, lines: Mapping[str, Line]) -> str:
    """Return a plot of `lines` by name; `across` and `up` say what the axes are."""
    axes = _Axes([point for line in lines.values() for point in line])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    parts = [
        head,
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
        *axes.grid(),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, "middle"),
        f'<text transform="translate(14 {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
        *_lines(axes, lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _lines(axes: _Axes, lines: Mapping[str, Line]) -> Iterator[str]:
    # Names stand where their lines end, moved apart where they would cover each other.
    lowest = 0.0
    for number, name in enumerate(sorted(lines, key=lambda name: axes.y(lines[name][-1][1]))):
        colour, points = COLOURS[number % len(COLOURS)], lines[name]
        path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3" fill="{colour}"/>'
        lowest = max(axes.y(points[-1][1]) + 4, lowest + 14)
        at = WIDTH - RIGHT + 14
        yield f'<rect x="{at}" y="{lowest - 9:.1f}" width="9" height="9" fill="{colour}"/>'
        yield _text(at + 14, lowest, name)


class _Axes:
    """Where values stand, and the powers of ten as a grid."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._x = _span([x for x, _ in points])
        self._y = _span([y for _, y in points])

    def x(self, value: float) -> float:
        """Return how far right a value stands."""
        low, high = self._x
        return LEFT + (log10(value) - low) / (high - low) * (WIDTH - RIGHT - LEFT)

    def y(self, value: float) -> float:
        """Return how far down a value stands."""
        low, high = self._y
        return HEIGHT - BOTTOM - (log10(value) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    def grid(self) -> Iterator[str]:
        """Yield a line and its figure for each power of ten."""
        for power in range(self._x[0], self._x[1] + 1):
            x = self.x(10.0**power)
            yield f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
            yield _text(x, HEIGHT - BOTTOM + 16, f"{10**power:,}", "middle")
        for power in range(self._y[0], self._y[1] + 1):
            y = self.y(10.0**power)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            yield _text(LEFT - 6, y + 4, f"{10.0**power:,g}", "end")


def _span(values: Sequence[float]) -> tuple[int, int]:
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
