"""Text laid out on a terminal, whose columns are not characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.text.terminal import width

GAP: Final = "  "


def padded(text: str, size: int) -> str:
    """Return visible text with spaces up to `size` columns."""
    return text + " " * (size - width(text))


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return a table: rows of the same number of cells, each column as wide as it needs to be."""
    sizes = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return [GAP.join(map(padded, line, sizes)).rstrip() for line in lines]


def wrapped(words: Sequence[str], head: str, columns: int) -> Iterator[str]:
    """Yield `head` and the words after it, with commas, on lines of at most `columns` if they fit."""
    line, room = "", columns - width(head)
    for number, word in enumerate(words, 1):
        text = word if number == len(words) else f"{word},"
        if line and width(line) + 1 + width(text) > room:
            yield f"{head}{line}"
            line, head = "", " " * width(head)
        line = f"{line} {text}" if line else text
    if line:
        yield f"{head}{line}"
