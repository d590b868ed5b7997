"""Text that has to fit: parts with a head that stays, and items of which the last can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

_SHARE: Final = 3


class Section(Struct, frozen=True):
    """A part of a text, in lines; `what` names the items in the plural, such as `rows`.

    Sizes are in bytes of UTF-8: nobody who limits a text counts more.
    """

    what: str
    head: tuple[str, ...]
    items: tuple[str, ...]
    tail: tuple[str, ...] = ()

    def within(self, room: int) -> Fitted:
        """Return as much of this as fits into `room`; nothing where no item does."""
        room -= size(self.head) + size(self.tail)
        whole = size(self.items) <= room
        spare = size(self._note(len(self.items)))
        kept = self.items if whole else tuple(_first(self.items, room - spare))
        left = len(self.items) - len(kept)
        if not kept:
            return Fitted(self, (), left)
        note = self._note(left) if left else ()
        return Fitted(self, (*self.head, *kept, *self.tail, *note), left)

    def _note(self, left: int) -> tuple[str, ...]:
        return ("", f"… and {left:,} more {self.what}.")


class Fitted(Struct, frozen=True):
    """What became of a section: its lines, and how many items were left out."""

    section: Section
    lines: tuple[str, ...]
    left: int


def fit(sections: Iterable[Section], room: int) -> tuple[tuple[Fitted, ...], int]:
    """Fit sections, what matters most first, and return the room that is left as well.

    None takes more than a third of what there is when its turn comes, so that a long one does not
    starve the others.
    """
    fitted = []
    for section in sections:
        fitted.append(section.within(room // _SHARE))
        room -= size(fitted[-1].lines)
    return tuple(fitted), room


def fill(sections: Iterable[Section], room: int) -> Iterator[Fitted]:
    """Fit sections one after the other: the first that has to be cut ends it."""
    is_cut = False
    for section in sections:
        found = Fitted(section, (), len(section.items)) if is_cut else section.within(room)
        room -= size(found.lines)
        is_cut = is_cut or found.left > 0
        yield found


def size(lines: Iterable[str]) -> int:
    """Return how many bytes the lines take, each with its end."""
    return sum(len(line.encode(errors="backslashreplace")) + 1 for line in lines)


def clipped(text: str, most: int) -> str:
    """Return the first `most` characters of a text, and how many there are if there are more."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _first(items: Iterable[str], room: int) -> Iterator[str]:
    for item in items:
        room -= size([item])
        if room < 0:
            return
        yield item
