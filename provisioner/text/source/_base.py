"""What a YAML file is after reading: plain values, and the place of every key and value in it.

Places cost nothing until somebody asks. While a file is read, each key and value, in the order of
the text, becomes a *node*: two offsets into the text. A container is found again by its identity,
its members by counting nodes, so that merging several files needs no copy of any mark: a container
that came whole from one file still is that file's container, and a merged one remembers, in
`Document.origins`, which containers of which files it was made of.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from provisioner.errors import Place, Problem
from provisioner.values import Plain

CODES: Final[Mapping[str, str]] = {
    "PV001": "the file is not UTF-8",
    "PV002": "the file is larger than 64 MB",
    "PV003": "a character that a reader of the file cannot see, or that acts as a hidden line break",
    "PV004": "YAML syntax",
    "PV005": "more than one YAML document in a file",
    "PV006": "a YAML directive other than %YAML 1.2",
    "PV007": "a key stands twice in one mapping",
    "PV008": "a YAML tag",
    "PV009": "a YAML merge key",
    "PV010": "a key that is a list, a mapping or an alias",
    "PV011": "a key that is a number, a boolean or null",
    "PV012": "a number with a leading zero",
    "PV013": "a number that not every reader can hold",
    "PV014": "infinity or not-a-number",
    "PV015": "an alias without its anchor",
    "PV016": "an anchor that contains itself",
    "PV017": "aliases that repeat too much",
    "PV018": "mappings and lists nested too deep",
    "PV019": "an escape for a character that text cannot hold",
}
"""Every code that reading a file can give, and what it is about."""

INVISIBLE: Final = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad"  # C0, delete, C1 (with U+0085), soft hyphen
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # joiners, fillers
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # zero width, lines, bidi, BOM
    "\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # tags
    "\ufe00-\ufe0f]"  # variation selectors
    "(?:(?<![\r\ufe0e\ufe0f])"
    "|(?<=\r)(?!\n)"  # a line break to YAML, none to a diff
    "|(?<=[\ufe0e\ufe0f])"  # these two have a meaning, but only after a symbol
    "(?<![\xa9\xae\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff].))"
)
"""What a reviewer of the text would not see. Holds all that libyaml itself refuses."""

NO_TAGS: Final = (
    "tags are not supported",
    'remove the tag, or put text that begins with "!" in quotes',
)
"""What is said of every tag, whether YAML's syntax allows it or not."""

_WIDTH: Final = 200
_LEFT: Final = 80
_SHOWN: Final = 20
_ANCHOR: Final = re.compile(r"&\S+[ \t]+(?=[^\s#])")

Step = str | int
"""One step of a path into a value: a mapping's key or a list's index, from 0."""


def show(text: str) -> str:
    """Return text as a message names it: on one line, not too long, nothing invisible."""
    return f"`{repr(text if len(text) <= _LEFT else text[:_LEFT] + '…')[1:-1]}`"


_SECRET: Final = re.compile(
    r"(?<![\w-])(?:value|authorization|passwd|password|api_?key|(?:[\w-]*[_-])?(?:token|(?<!kubernetes_)secret))"
    r"""["']?[ \t]*:""",
    re.IGNORECASE,
)


def excerpt(line: str, place: Place) -> str:
    """Return `line` as a message shows it: at most 200 characters, nothing invisible.

    Characters that must not reach a terminal become U+FFFD one by one, so that columns stay. A
    longer line is cut around `place`; where "…" leads, the place is at its 82nd character.
    """
    start = max(0, place.column - 1 - _LEFT) if len(line) > _WIDTH else 0
    window = INVISIBLE.sub("\ufffd", line[start : start + _WIDTH])
    return "…" * (start > 0) + window + "…" * (start + _WIDTH < len(line))


def veiled(line: str) -> str:
    """Return `line` with stars for all that stands behind a key that sounds like a secret.

    For lines of which nobody can say where their values are: those of a file that is no YAML.
    """
    if secret := _SECRET.search(line):
        return line[: secret.end()] + re.sub(r"\S", "*", line[secret.end() :])
    return line


class Text:
    """One file's text, and the way from an offset in it to a place for people."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines, without what ends them."""
        lines = self.text.replace("\r\n", "\n").split("\n")
        return tuple(lines if lines[-1] else lines[:-1])

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line(self, number: int) -> str:
        """Return line `number`, counted from 1, or "" where the file has none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def place(self, start: int, end: int) -> Place:
        """Return the place of the characters from `start` to `end`, as far as its first line goes."""
        row = bisect_right(self._starts, start)
        begin = self._starts[row - 1]
        last = min(end, begin + len(self.line(row).rstrip(" \t")))
        return Place(self.file, row, start - begin + 1, max(start, last) - begin + 1)

    def places(self, start: int, end: int) -> Iterator[Place]:
        """Yield the place of every line of the characters from `start` to `end`, blank ends left out."""
        end = start + len(self.text[start:end].rstrip())
        while start < end:
            yield self.place(start, end)
            row = bisect_right(self._starts, start)
            start = self._starts[row] if row < len(self._starts) else end


class Findings:
    """The problems of one file; of each code the first twenty are told and the others counted."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._told: list[Problem] = []
        self._seen: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._told)

    def full(self, code: str) -> bool:
        """Whether another finding of this code would only be counted."""
        return self._seen[code] >= _SHOWN

    def add(
        self,
        code: str,
        message: str,
        hint: str,
        at: tuple[int, int],
        related: tuple[Place, ...] = (),
    ) -> None:
        """Note one problem; `at` is its first offset in the text and the one after its last."""
        if not self.full(code):
            place = self.text.place(*at)
            line = excerpt(veiled(self.text.line(place.line)), place)
            self._told.append(Problem(code, "error", message, hint, place, related, line))
        self._seen[code] += 1

    def count(self, code: str, number: int = 1) -> None:
        """Count `number` more problems of a code that is full."""
        self._seen[code] += number

    def problems(self) -> tuple[Problem, ...]:
        """Return what was found in the order of the text, then how much of each code was left out."""
        told = sorted(self._told, key=lambda problem: problem.at or Place(""))
        return *told, *(
            Problem(code, "error", f"and {seen - _SHOWN:,} more: {CODES[code]}")
            for code, seen in self._seen.items()
            if seen > _SHOWN
        )


class Marks:
    """Where everything in one file stands, by node: offsets, and which node a container is."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.starts = array("I")
        self.ends = array("I")
        self.nodes: dict[int, int] = {}  # id of a container -> its node
        self.after: dict[int, int] = {}  # node of a container -> the node after its last
        self.repeated: set[int] = set()  # nodes of keys that stand in their mapping already
        self._members: dict[int, dict[Step, int]] = {}

    def keys(self, node: int) -> Iterator[int]:
        """Yield the nodes of the keys of the mapping `node`; the value is the node after its key."""
        key, stop = node + 1, self.after.get(node, len(self.starts))
        while key < stop:
            if key not in self.repeated:
                yield key
            key = self.after.get(key + 1, key + 2)

    def _items(self, node: int) -> Iterator[int]:
        item, stop = node + 1, self.after[node]
        while item < stop:
            yield item
            item = self.after.get(item, item + 1)

    def member(self, container: Plain, step: Step) -> int | None:
        """Return the node of a key of a mapping or of an item of a list, None where there is none."""
        node = self.nodes.get(id(container))
        if node is None:
            return None
        if node not in self._members:
            is_list = isinstance(container, list)
            nodes = self._items(node) if is_list else self.keys(node)
            steps = range(len(container)) if is_list else container
            self._members[node] = dict(zip(steps, nodes, strict=False))
        return self._members[node].get(step)

    def place(self, node: int) -> Place:
        """Return the place of a node: of a block mapping or list its first member, never an anchor."""
        if node >= len(self.starts):
            return self.text.place(0, 0)
        anchor = _ANCHOR.match(self.text.text, start := self.starts[node])
        return self.text.place(anchor.end() if anchor else start, self.ends[self._leaf(node)])

    def places(self, node: int) -> Iterator[Place]:
        """Yield the place of every line of a node and all that is in it."""
        if node < len(self.starts):
            yield from self.text.places(self.starts[node], self.ends[node])

    def _leaf(self, node: int) -> int:
        while node in self.after and self.text.text[self.starts[node]] not in "[{&!":
            node += 1
        return node
