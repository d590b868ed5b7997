r"""The text of a regular expression as a tree, for texts that RE2 has accepted already.

The syntax is https://github.com/google/re2/wiki/Syntax with Perl flags, as Go's `regexp` reads it.
What is rare in the name of a tool (`\pL`, `\Q..\E`, case folding beyond ASCII) is not translated.
"""

from __future__ import annotations

import re
from typing import Final

from provisioner.rbac.patterns._base import (
    EVERY,
    Chars,
    Choice,
    Edge,
    Node,
    Ranges,
    Repeat,
    Row,
    Undecided,
    Where,
    chars,
    holds,
    ranges,
    without,
)

DEEPEST: Final = 60
"""Groups inside groups beyond this are not followed."""

DIGIT: Final = ranges((48, 57))
SPACE: Final = chars("\t\n\f\r ")
UPPER: Final = ranges((65, 90))
LOWER: Final = ranges((97, 122))
WORD: Final = ranges(*DIGIT, *UPPER, *LOWER, (95, 95))
LINE: Final = without(EVERY, chars("\n"))

PERL: Final = {"d": DIGIT, "s": SPACE, "w": WORD}
POSIX: Final = {
    "alnum": ranges(*DIGIT, *UPPER, *LOWER),
    "alpha": ranges(*UPPER, *LOWER),
    "ascii": ranges((0, 127)),
    "blank": chars("\t "),
    "cntrl": ranges((0, 31), (127, 127)),
    "digit": DIGIT,
    "graph": ranges((33, 126)),
    "lower": LOWER,
    "print": ranges((32, 126)),
    "punct": ranges((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": chars("\t\n\v\f\r "),
    "upper": UPPER,
    "word": WORD,
    "xdigit": ranges(*DIGIT, (65, 70), (97, 102)),
}
CONTROL: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
EDGES: Final[dict[str, Where]] = {"A": "begin", "z": "end", "b": "word edge", "B": "no word edge"}

_ANCHORS: Final[dict[tuple[str, bool], Where]] = {
    ("^", False): "begin",
    ("^", True): "line begin",
    ("$", False): "end",
    ("$", True): "line end",
}
_BOUNDS: Final[dict[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_COUNT: Final = r"\{(\d+)(,?)(\d*)\}"
_GROUP: Final = r"\?(?:P?<\w+>|(?P<on>[imsU]*)(?:-(?P<off>[imsU]+))?(?P<end>[:)]))"
_PERL_CLASS: Final = r"\\([dswDSW])"
_POSIX_CLASS: Final = r"\[:(\^?)(\w+):\]"
_NUMBER: Final = r"\\(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|([0-7]{1,3}))"


def parse(text: str) -> Node:
    """Return the tree of `text`, which RE2 must have accepted. Raises Undecided beyond the subset."""
    return _Parser(text).choice(0)


class _Parser:
    """Recursive descent; `flags` are those in force at `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flags: frozenset[str] = frozenset()

    def ahead(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def taken(self, pattern: str) -> re.Match[str] | None:
        if match := re.compile(pattern).match(self.text, self.at):
            self.at = match.end()
        return match

    def choice(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise Undecided(f"groups are nested more than {DEEPEST} deep")
        outer = self.flags
        options = [self.row(depth)]
        while self.ahead() == "|":
            self.take()
            options.append(self.row(depth))
        self.flags = outer
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def row(self, depth: int) -> Node:
        items: list[Node] = []
        while self.ahead() not in ("", "|", ")"):
            if item := self.atom(depth):
                items.append(item)
            if bounds := self.bounds():  # after (?i), they are those of the item before it
                items[-1] = Repeat(items[-1], *bounds)
        return Row(tuple(items))

    def bounds(self) -> tuple[int, int | None] | None:
        if match := self.taken(_COUNT):
            least, comma, most = match.groups()
            found = int(least), int(most) if most else None if comma else int(least)
        elif self.ahead() and self.ahead() in "*+?":
            found = _BOUNDS[self.take()]
        else:
            return None
        if self.ahead() == "?":  # lazy or greedy: the same texts match
            self.take()
        return found

    def atom(self, depth: int) -> Node | None:
        """Read one item; None where flags are set, which is not an item."""
        match char := self.ahead():
            case "(":
                return self.group(depth)
            case "[":
                return Chars(self.bracket())
            case ".":
                self.take()
                return Chars(EVERY if "s" in self.flags else LINE)
            case "^" | "$":
                self.take()
                return Edge(_ANCHORS[char, "m" in self.flags])
            case "\\" if self.ahead(2)[1:] in EDGES:
                self.take()
                return Edge(EDGES[self.take()])
        if found := self.named_class():
            return Chars(found)
        code = self.code()
        return Chars(self.folded(((code, code),)))

    def group(self, depth: int) -> Node | None:
        outer = self.flags
        self.take()
        if self.ahead() == "?":
            head = self.taken(_GROUP)
            if head is None:
                raise Undecided(f"the group ({self.ahead(3)}")
            self.flags = (outer | set(head["on"] or "")) - set(head["off"] or "")
            if head["end"] == ")":  # such as (?i): until the group around it ends
                return None
        inside = self.choice(depth + 1)
        self.take()
        self.flags = outer
        return inside

    def bracket(self) -> Ranges:
        self.take()
        negated = self.ahead() == "^"
        self.at += negated
        members = [self.member()]
        while self.ahead() != "]":
            members.append(self.member())
        self.take()
        inside = ranges(*(interval for member in members for interval in member))
        return without(EVERY, inside) if negated else inside

    def member(self) -> Ranges:
        """Read one member of a bracket: a class, a character, or an interval of characters."""
        if found := self.named_class():
            return found
        low = high = self.code()
        if self.ahead() == "-" and self.ahead(2) != "-]":
            self.take()
            high = self.code()
        return self.folded(((low, high),))

    def named_class(self) -> Ranges | None:
        if named := self.taken(_PERL_CLASS):
            inside, negated = self.folded(PERL[named[1].lower()]), named[1].isupper()
        elif named := self.taken(_POSIX_CLASS):
            inside, negated = self.folded(POSIX[named[2]]), bool(named[1])
        else:
            return None
        return without(EVERY, inside) if negated else inside

    def code(self) -> int:
        """Read one character, plain or escaped."""
        if number := self.taken(_NUMBER):
            wide, short, octal = number.groups()
            return int(octal, 8) if octal else int(wide or short, 16)
        char = self.take()
        if char != "\\":
            return ord(char)
        char = self.take()
        if char in "pPQE":
            raise Undecided(f"it contains \\{char}")
        return ord(CONTROL.get(char, char))

    def folded(self, these: Ranges) -> Ranges:
        """Add the other case of each letter, where the flag `i` asks for it."""
        if "i" not in self.flags:
            return these
        if these[-1][1] > ord("\x7f"):
            raise Undecided("it ignores the case of characters beyond ASCII")
        both = {char for code in range(128) if holds(these, code) for char in _cases(chr(code))}
        return ranges(*these, *((ord(char), ord(char)) for char in both))


def _cases(char: str) -> str:
    """Return `char` in every case; Unicode counts the long s and the Kelvin sign to s and k."""
    odd = {"s": "\u017f", "k": "\u212a"}
    return char + char.swapcase() + odd.get(char.lower(), "")
