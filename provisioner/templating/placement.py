"""Where in a text a value may stand: the part of a template check that knows no template engine.

A template is given as steps: texts, values, branches, loops. They are followed along every path
that a rendering can take; a value is misplaced if on one of them it would not be a whole value,
as in `foo-{{ x }}`, `"{{ x }}"` or `{{ x }}{{ y }}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal

from msgspec import Struct, field

Position = Literal["first", "last", "not first", "not last"]


class Text(Struct, frozen=True):
    """Text that stands in the template."""

    text: str


class Value(Struct, frozen=True):
    """An expression that becomes one value; `number` is the caller's name for it."""

    number: int


class Raw(Struct, frozen=True):
    """Text made elsewhere, such as an included template: whole lines, followed by whole lines."""

    number: int


class Apart(Struct, frozen=True):
    """Text that is written for later, such as the body of a macro."""

    body: Steps


class Branch(Struct, frozen=True):
    """One of several texts; `when` tells when it is the first one, if that hangs on the loop alone."""

    arms: tuple[Steps, ...]
    when: Position | None = None


class Loop(Struct, frozen=True):
    """A text repeated, and the one that stands there if there was nothing to repeat."""

    body: Steps
    otherwise: Steps


Step = Text | Value | Raw | Apart | Branch | Loop
Steps = tuple[Step, ...]


class Placement(Struct, frozen=True):
    """What was found: where each misplaced value stands, by number, and which values are keys."""

    misplaced: Mapping[int, str]
    keys: frozenset[int]


def examine(language: str, steps: Steps) -> Placement:
    """Follow `steps` in `language` ("YAML", "JSON", "TOML", "Python"; others check nothing)."""
    if language not in _TABLES:
        return Placement({}, frozenset())
    outside, inside = _TABLES[language]
    walk = _Walk(_modes(outside), _modes(inside))
    walk.follow(steps, _START, None)
    return Placement({n: _WHERE[mode] for n, mode in walk.faults.items()}, frozenset(walk.keys))


class _Spot(Struct, frozen=True):
    """What stands before a point: the mode, the open brackets, the value that ended there."""

    mode: str = "free"
    depth: int = 0
    number: int = -1


_Spots = frozenset[_Spot]
_START: Final[_Spots] = frozenset({_Spot()})
_ROUNDS: Final = 4  # after which a loop that still reaches new spots leaves brackets open

_Turn = tuple[bool, bool] | None
"""Of the innermost loop: whether it is at its first item, and at its last."""

_Modes = Mapping[str, re.Pattern[str]]
"""By mode: the pattern that takes at least one character and names the next mode by its group."""


class _Walk(Struct):
    outside: _Modes
    inside: _Modes
    faults: dict[int, str] = field(default_factory=dict)
    keys: set[int] = field(default_factory=set)
    seen: dict[tuple[int, _Spots, _Turn], _Spots] = field(default_factory=dict)

    def follow(self, steps: Steps, spots: _Spots, turn: _Turn) -> _Spots:
        """Return where `steps` lead from `spots`; none where no path goes on."""
        for step, following in zip(steps, (*steps[1:], None), strict=False):
            key = (id(step), spots, turn)
            if key not in self.seen:
                self.seen[key] = self._step(step, following, spots, turn)
            spots = self.seen[key]
        return spots

    def _step(self, step: Step, following: Step | None, spots: _Spots, turn: _Turn) -> _Spots:
        match step:
            case Text(text):
                return frozenset(self._text(spot, text) for spot in spots)
            case Value(number):
                return self._value(number, following, spots)
            case Raw(number):
                self._value(number, None, spots)
                return frozenset(_Spot("free", spot.depth) for spot in spots)
            case Apart(body):
                self.follow(body, _START, None)
                return spots
            case Branch(arms, when):
                return self._union(_possible(arms, when, turn), spots, turn)
            case Loop(body, otherwise):
                return self._loop(body, spots) | self.follow(otherwise, spots, turn)

    def _value(self, number: int, following: Step | None, spots: _Spots) -> _Spots:
        for mode in sorted({spot.mode for spot in spots} - {"free"}):
            self.faults.setdefault(number, mode)
        mode = "value"
        if isinstance(following, Text) and _COLON.match(following.text):
            self.keys.add(number)
            mode = "closed"
        return frozenset(_Spot(mode, spot.depth, number) for spot in spots)

    def _union(self, arms: Sequence[Steps], spots: _Spots, turn: _Turn) -> _Spots:
        return frozenset().union(*(self.follow(arm, spots, turn) for arm in arms))

    def _loop(self, body: Steps, spots: _Spots) -> _Spots:
        later = self.follow(body, spots, (True, False))
        for _ in range(_ROUNDS):
            later |= self.follow(body, later, (False, False))
        only = self.follow(body, spots, (True, True))
        return only | self.follow(body, later, (False, True))

    def _text(self, spot: _Spot, text: str) -> _Spot:
        """Return where `text` leads from `spot`, noting the value that it sticks to."""
        at, mode, depth = 0, spot.mode, spot.depth
        while match := (self.inside if depth else self.outside)[mode].match(text, at):
            at, mode = match.end(), match.lastgroup or ""
            if mode == "glued":
                self.faults.setdefault(spot.number, mode)
                mode = "text"
            elif mode == "open":
                mode, depth = "free", depth + 1
            elif mode == "shut":
                mode, depth = "closed", max(depth - 1, 0)
        return _Spot(mode, depth, spot.number if mode == "value" else -1)


@cache
def _modes(grammar: str) -> _Modes:
    """Return what can follow in each mode; compiled when a template of such a language is met."""
    table = {**_SHARED, **_GRAMMARS[grammar]}
    return {mode: re.compile(pattern, re.DOTALL) for mode, pattern in table.items()}


def _possible(arms: tuple[Steps, ...], when: Position | None, turn: _Turn) -> tuple[Steps, ...]:
    if when is None or turn is None:
        return arms
    holds = turn[when.endswith("last")] is not when.startswith("not")
    return arms[:1] if holds else arms[1:]


_WHERE: Final = {
    "text": "after other text",
    "closed": "after another value",
    "colon": "after a colon without a space",
    "comment": "in a comment",
    "double": "inside quotes",
    "single": "inside quotes",
    "triple": "inside quotes",
    "triplet": "inside quotes",
    "literal": "after a block scalar (| or >)",
    "value": "right after another expression",
    "glued": "right before other text",
}
_COLON: Final = re.compile(r"[ \t]*:(?=\s|\Z)")


_OPENERS: Final = r"""(?P<open>[\[{])|(?P<double>")|(?P<single>')|(?P<comment>\#)"""
_NOTE: Final = r"(?P<comment>(?<=\s)\#)"
_SHARED: Final = {
    "colon": r"(?P<free>\s)|(?P<text>.)",
    "comment": r"(?P<free>\n)|(?P<comment>[^\n]+)",
    "double": r'(?P<closed>")|(?P<double>\\.|[^"\\]+|\\)',
    "single": r"(?P<single>''|[^']+)|(?P<closed>')",
}
_BLOCK: Final = {
    "free": rf"(?P<free>\s+|-(?=\s))|{_OPENERS}|(?P<literal>[|>])|(?P<text>.)",
    "text": rf"(?P<free>\n|:\s)|(?P<colon>:\Z)|{_NOTE}|(?P<text>[^\n:\#]+|.)",
    "closed": rf"(?P<free>\n|:\s)|(?P<colon>:\Z)|{_NOTE}|(?P<closed>[ \t])|(?P<text>.)",
    "value": rf"(?P<free>\n)|(?P<value>[ \t]+)|{_NOTE}|(?P<glued>.)",
    "literal": r"(?P<literal>.+)",
}
_FLOW: Final = {
    "free": rf"(?P<free>[\s,]+)|(?P<shut>[\]}}])|{_OPENERS}|(?P<text>.)",
    "text": rf"(?P<free>,|:\s)|(?P<colon>:\Z)|(?P<shut>[\]}}])|{_NOTE}|(?P<text>.)",
    "closed": rf"(?P<free>[,:])|(?P<shut>[\]}}])|(?P<closed>\s+)|{_NOTE}|(?P<text>.)",
    "value": rf"(?P<free>,)|(?P<shut>[\]}}])|(?P<value>\s+)|{_NOTE}|(?P<glued>.)",
}
_WORDS: Final = (
    r"""(?P<triple>"{3})|(?P<triplet>'{3})|(?P<double>")|(?P<single>')|(?P<comment>\#)"""
    r"|(?P<text>\w+)|(?P<free>.)"
)
_CODE: Final = {
    "single": r"(?P<closed>')|(?P<single>\\.|[^'\\]+|\\)",
    "triple": r'(?P<closed>"{3})|(?P<triple>\\.|.)',
    "triplet": r"(?P<closed>'{3})|(?P<triplet>\\.|.)",
    "value": r"""(?P<glued>[\w"'])|(?P<comment>\#)|(?P<free>.)""",
} | dict.fromkeys(("free", "text", "closed", "colon"), _WORDS)

_GRAMMARS: Final = {"block": _BLOCK, "flow": _FLOW, "code": _CODE}
_TABLES: Final = {
    "YAML": ("block", "flow"),
    "JSON": ("flow", "flow"),
    "TOML": ("code", "code"),
    "Python": ("code", "code"),
}
"""For each language, how it reads outside of brackets and inside."""
