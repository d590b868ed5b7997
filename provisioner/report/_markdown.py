"""Text that came from anywhere, in GitHub's Markdown: visible, and never more than text.

Source: https://github.github.com/gfm/, 2.4 (backslash escapes), 6.3 (code spans), 4.10 (tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from provisioner.text.terminal import visible

_ACTIVE: Final = re.compile(r"[\\`*_{}\[\]<>&~|#!$]")
_REFERENCE: Final = re.compile(
    r'(?<=[@#!~%&$\[])(?=[\w"])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-[0-9])', re.IGNORECASE
)
_TICKS: Final = re.compile(r"`+")


def code(text: str, *, in_table: bool = True) -> str:
    """Return a name as a code span: in those, nobody is mentioned and nothing is linked."""
    shown = visible(text)
    if in_table:
        shown = shown.replace("|", r"\|")
    if not shown.strip():
        return "` `"
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    edge = " " if len(fence) > 1 or shown != shown.strip() else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def prose(text: str) -> str:
    """Return a sentence with all that Markdown could act on escaped.

    Forges look for `@name`, `#1`, addresses and the like in what is left when the escapes are gone: only a
    space that takes no room keeps these from being read as references.
    """
    broken = _REFERENCE.sub("\N{ZERO WIDTH SPACE}", visible(text))
    return _ACTIVE.sub(r"\\\g<0>", broken)


def sentence(text: str) -> str:
    """Return prose in which what stands between backticks is a code span, outside of tables."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or "" in parts[2:-1:2]:  # two spans side by side would be one
        return prose(text)
    shown = [
        code(part, in_table=False) if number % 2 else prose(part)
        for number, part in enumerate(parts)
    ]
    return "".join(shown)


def fenced(lines: Iterable[str], language: str = "") -> list[str]:
    """Return visible lines in a fence that none of them can close."""
    held = list(lines)
    longest = max((len(run) for line in held for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *held, fence]
