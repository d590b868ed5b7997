"""What may reach a terminal: visible text only, and styles where they are wanted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

# Control, format (bidi, zero-width, tags), surrogate, private, unassigned, and blanks but the one.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_SUSPECT: Final = re.compile(r"[^\x20-\x7e]")


Paint = Callable[[str, str], str]
"""Gives a text a style: "red", "green", "yellow", "cyan", "bold" or "dim"."""

_ANSI: Final = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}


def plain(_style: str, text: str) -> str:
    """Paint nothing."""
    return text


def ansi(style: str, text: str) -> str:
    """Paint for a terminal that knows ANSI colours."""
    return f"\x1b[{_ANSI[style]}m{text}\x1b[0m"


def plural(number: int, noun: str) -> str:
    """Return `1 error`, `2 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    r"""Return `text` with every character that is not plainly visible as a `\x1b`-style escape."""
    return _SUSPECT.sub(_shown, text)


def width(text: str) -> int:
    """Return how many columns of a terminal visible text takes: East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def clipped(text: str, columns: int) -> str:
    """Return as much of visible text as fits into so many columns, with `...` where it was cut."""
    if width(text) <= columns:
        return text
    room, end = columns - 3, 0
    while end < len(text) and (room := room - _columns(text[end])) >= 0:
        end += 1
    return f"{text[:end]}..."[: max(columns, 0)]


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _shown(match: re.Match[str]) -> str:
    char = match[0]
    if unicodedata.category(char) not in _UNSEEN:
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
