"""What the editors share: errors with a place, edits by offset, and comma-separated groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from msgspec import Struct

from provisioner.errors import Place, ProvisionError

BOM: Final = "\ufeff"
MAX_DEPTH: Final = 100

NEVER: Final = "(?!)"
"""The last alternative of a possessive group that can fail after its first character.

Before 3.11.5 Python goes on where the last try of such a group broke off, not where it began; what
fails at once takes it back. Debian 12 has 3.11.2. Source: https://github.com/python/cpython/issues/106052
"""
_SHOWN: Final = 200

# An excerpt shows the keys of a line and blanks the rest: other people's files hold their tokens.
_KEY_OR_SECRET: Final = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*+" | '[^']*+' | [\w.-]++) \s*+ (?: = | :(?=\s|$) | (?<=["'])\s*+: )
    | (?P<secret>\w)""",
    re.VERBOSE,
)

Path = tuple[str, ...]
"""The keys that lead from the top of a document to a value."""

Edit = tuple[int, int, str]
"""Put this text in place of what stands from one offset to another."""


class SpliceError(ProvisionError, ValueError):
    """A file cannot be edited as it is; nothing was changed.

    `at` says where (its `file` is empty until `in_file`), `excerpt` is that line with everything
    but its keys blanked, or "" where it is too long to show.
    """

    def __init__(self, message: str, *, at: Place, excerpt: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.at = at
        self.excerpt = excerpt

    def __str__(self) -> str:
        at = self.at
        return f"{at if at.file else f'line {at.line}, column {at.column}'}: {self.message}"

    def in_file(self, file: str) -> SpliceError:
        """Return this error as one about `file`, a path as the user gave it."""
        at = Place(file, self.at.line, self.at.column, self.at.end)
        return SpliceError(self.message, at=at, excerpt=self.excerpt, hint=self.hint)


class Trace(Struct, frozen=True):
    """What stood where an entry goes before it was put there, so that removing it can restore that.

    `depth` is how many keys of the entry's path led to something (-1: the document was empty), and
    `text` the source of what they led to if it was empty, None if it had content of its own.
    """

    depth: int
    text: str | None = None


def least(traces: Iterable[Trace | None]) -> Trace | None:
    """Return the trace of the entry that was there first: what it met is what all shall leave."""
    known = (trace for trace in traces if trace)
    return min(known, key=lambda trace: (trace.depth, trace.text is None), default=None)


def failure(text: str, start: int, message: str, *, end: int = 0, hint: str = "") -> SpliceError:
    """Return an error about `text` from the offset `start` to `end` (0: one character).

    What is missing at the end is missed after the last character, not on an empty line.
    """
    start = min(start, len(text.rstrip("\r\n")))
    begin = text.rfind("\n", 0, start) + 1
    line = text[begin:].split("\n", 1)[0].rstrip("\r") if text else ""
    column = start - begin + 1
    last = min(max(end, start + 1) - begin, len(line)) + 1
    at = Place("", text.count("\n", 0, start) + 1, column, max(column, last))
    return SpliceError(message, at=at, excerpt=_excerpt(line), hint=hint)


def _excerpt(line: str) -> str:
    """Return a line as a message shows it: columns kept, values blanked, nothing invisible."""
    if len(line) > _SHOWN:
        return ""
    keys = _KEY_OR_SECRET.sub(lambda match: "*" if match["secret"] else match[0], line)
    return "".join(char if char.isprintable() else "\ufffd" for char in keys.replace("\t", " "))


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` after `edits`; those at one offset go in the order given, cuts may overlap."""
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(edits, key=itemgetter(0)):
        parts += (text[done:start], new)
        done = max(done, end)
    return "".join((*parts, text[done:]))


def touched(bounds: Sequence[int], edits: Iterable[Edit]) -> list[int]:
    """Return the numbers of the parts of a text that `edits` touch: two bounds have one between them."""
    places = [(start, stop) for start, stop, _ in edits]
    return [
        number
        for number, (begin, end) in enumerate(pairwise(bounds))
        if any(start <= end and stop >= begin for start, stop in places)
    ]


def cuts(bounds: Sequence[int], near: Iterable[int]) -> Iterator[Edit]:
    """Yield the edits that take out all parts of a text but the first, the last and those `near`.

    Those beside a part that is near stay as well.
    """
    count = len(bounds) - 1
    kept = {0, count - 1, *(number + by for number in near for by in (-1, 0, 1))}
    for is_kept, run in groupby(range(count), kept.__contains__):
        first, *rest = run
        if not is_kept:
            yield (bounds[first], bounds[[first, *rest][-1] + 1], "")


class Source:
    """A file's text without its byte order mark, and the line break that it uses first or LF."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix(BOM)
        line, end, _ = self.text.partition("\n")
        self.newline = "\r\n" if end and line.endswith("\r") else "\n"
        self._mark = text[: len(text) - len(self.text)]

    def after(self, edits: Iterable[Edit]) -> str:
        """Return the file's text after `edits`."""
        return self._mark + apply(self.text, edits)


def indentation(text: str, offset: int) -> str:
    """Return the white space that begins the line of `offset`."""
    begin = text.rfind("\n", 0, offset) + 1
    stop = begin
    while text[stop : stop + 1] in (" ", "\t"):
        stop += 1
    return text[begin:stop]


def starts_line(text: str, offset: int) -> bool:
    """Whether only white space stands before `offset` on its line."""
    while offset and text[offset - 1] in " \t":
        offset -= 1
    return not offset or text[offset - 1] == "\n"


class Span(NamedTuple):
    """A member of a group: where it stands, and the offset of the comma after it if there is one."""

    start: int
    end: int
    comma: int | None


class Group(Struct, frozen=True):
    """A comma-separated group in brackets, whatever its language.

    `start` is the offset after the opening bracket and `end` that of the closing one; `comment`
    matches a comment where only white space, comments and commas can stand.
    """

    text: str
    start: int
    end: int
    members: Sequence[Span]
    comment: re.Pattern[str]

    def _after_comments(self, start: int, end: int) -> int:
        """Return the offset after the last comment between `start` and `end`, else `start`."""
        return max(
            (found.end() for found in self.comment.finditer(self.text, start, end)), default=start
        )

    def _stop(self, index: int) -> int:
        """Return the offset after a member and its comma; before the first one, the group's start."""
        if index < 0:
            return self.start
        _, end, comma = self.members[index]
        return end if comma is None else comma + 1

    def is_bare(self) -> bool:
        """Whether no comment stands between the members, before the first or after the last."""
        starts = [self.start, *(member.end for member in self.members)]
        ends = [*(member.start for member in self.members), self.end]
        gaps = zip(starts, ends, strict=True)
        return all(self._after_comments(start, end) == start for start, end in gaps)

    def seat(self) -> int:
        """Return the offset for a new last member: after all that is there, comments included."""
        return self._after_comments(self._stop(len(self.members) - 1), self.end)

    def inset(self, unit: str) -> str | None:
        """Return the indentation of a new last member, None where it goes on the line of the others."""
        if not _breaks(self.text[self.seat() : self.end]):
            return None
        if self.members and starts_line(self.text, last := self.members[-1].start):
            return indentation(self.text, last)
        return indentation(self.text, self.end) + unit

    def edits(self, removed: Collection[int], added: Sequence[str], lead: str) -> list[Edit]:
        """Return the edits that take out members by index and append others, each after `lead`.

        A comma follows the last member afterwards exactly if one did before.
        """
        kept = [index for index in range(len(self.members)) if index not in removed]
        last = kept[-1] if kept else -1
        edits = [edit for at in removed for edit in self._cuts(at, is_tail=at > last)]
        trails = bool(self.members) and self.members[-1].comma is not None
        if kept:
            _, end, comma = self.members[last]
            if comma is None and added:
                edits.append((end, end, ","))
            elif comma is not None and not trails and not added:
                edits.append((comma, comma + 1, ""))
        if added:
            seat, tail = self.seat(), "," if trails else ""
            edits.append((seat, seat, lead + f",{lead}".join(added) + tail))
        return edits

    def _cuts(self, index: int, *, is_tail: bool) -> list[Edit]:
        """Return the edits that take out a member and its comma, and the white space on one side.

        The white space before it goes where a line break follows, which may have to end a comment,
        or in the `tail` that is taken out whole. Comments between it and its comma stay.
        """
        member = self.members[index]
        before = self._after_comments(self._stop(index - 1), member.start)
        stop = self._stop(index)
        after = stop + _blank(self.text, stop)
        is_last = index + 1 == len(self.members)
        following = self.end if is_last else self.members[index + 1].start
        in_line = after == following and not _breaks(self.text[before : member.start])
        goes_before = (is_tail and in_line) or _breaks(self.text[stop:after])
        start, stop = (before, stop) if goes_before else (member.start, after)
        if member.comma is None or self._after_comments(member.end, member.comma) == member.end:
            return [(start, stop, "")]
        return [(start, member.end, ""), (member.comma, stop, "")]


def _blank(text: str, start: int) -> int:
    """Return how many characters of white space stand at `start`."""
    stop = start
    while text[stop : stop + 1].isspace():
        stop += 1
    return stop - start


def _breaks(text: str) -> bool:
    """Whether `text` holds anything that ends a line comment."""
    return "\n" in text or "\r" in text
