"""A unified diff that shows what is ours, and of everything else no more than its keys."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from provisioner.text.splice import NEVER
from provisioner.text.terminal import visible

_HIDDEN: Final = "***"
_CONTEXT: Final = 1
_WIDTH: Final = 240
_AROUND: Final = 40

_TEXT: Final = r'"(?:[^"\\]|\\.)*+" | \'(?:[^\']|\'\')*+\''
# What may stand before the key of a line, the key, and its colon or equals sign.
_LEAD: Final = re.compile(
    rf"""\s*+(?:-\s++|{NEVER})*+
    (?: (?:{_TEXT})[ \t]*+(?: : | =(?=\s*[^\s=]) )
      | [\w.-]++[ \t]*+(?: :(?=\s|\Z) | =(?=\s*[^\s=]) ) )""",
    re.VERBOSE,
)
_TOKEN: Final = re.compile(rf"(?P<text>{_TEXT}) | (?P<word>[^\s\"'\[\]{{}},]++)", re.VERBOSE)
_HARMLESS: Final = re.compile(r"[-:=|>#/*~+?&.()<]+|null|true|false")
_RUN: Final = re.compile(r"\*{3}(?:\s*\*{3})+")


def diff(name: str, before: str | None, after: str | None, shown: Collection[str]) -> Iterator[str]:
    """Yield the lines of a unified diff, with one line of context.

    None is a file that does not exist. Of the values on a line only the words in `shown` are
    shown; keys, brackets, true, false and null always are. Nothing is yielded for equal texts.
    """
    if before == after:
        return
    yield f"--- {'/dev/null' if before is None else visible(name)}"
    yield f"+++ {'/dev/null' if after is None else visible(name)}"
    old, new = (before or "").splitlines(), (after or "").splitlines()
    for group in _groups(old, new):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@"
        for tag, from_old, to_old, from_new, to_new in group:
            lines = [masked(line, shown) for line in old[from_old:to_old]]
            if tag == "equal":
                yield from (_shortened(f" {line}") for line in lines)
                continue
            others = [masked(line, shown) for line in new[from_new:to_new]]
            yield from _replaced(lines, others)


def masked(line: str, shown: Collection[str]) -> str:
    """Return a line with `***` for every value that is not in `shown`, and nothing invisible."""
    line = line.replace("\t", "    ")
    lead = _LEAD.match(line)
    start = lead.end() if lead else 0

    def mask(match: re.Match[str]) -> str:
        token = match[0]
        if _is_key(match) or _HARMLESS.fullmatch(token) or _said(token).strip(".") in shown:
            return token
        return _HIDDEN

    rest = _TOKEN.sub(mask, line[start:])
    return visible(line[:start] + _RUN.sub(_HIDDEN, rest))


def _is_key(match: re.Match[str]) -> bool:
    """Whether a word in the middle of a line is a key: of a flow mapping or of an inline table."""
    line, at = match.string, match.start()  # of a long line, no copy for each of its words
    while at and line[at - 1].isspace():
        at -= 1
    before, after = line[at - 1 : at], line[match.end() : match.end() + _WIDTH].lstrip()[:1]
    if match["text"]:
        return before in ("", "{", ",") and after == ":"
    word = match["word"]
    is_named = word.endswith(":") or after == "="
    return before in ("{", ",") and is_named and bool(re.fullmatch(r"[\w.-]+:?", word))


def _said(token: str) -> str:
    """Return what a quoted or a plain token says."""
    if token[0] == '"':
        try:
            return str(json.loads(token))
        except ValueError:
            return token
    return token[1:-1].replace("''", "'") if token[0] == "'" else token


Opcode = tuple[str, int, int, int, int]


def _groups(old: Sequence[str], new: Sequence[str]) -> list[list[Opcode]]:
    """Return the hunks; what both begin and end with alike is not searched: files can be long."""
    start, end = _common(old, new)
    matcher = difflib.SequenceMatcher(
        None, old[start : len(old) - end], new[start : len(new) - end]
    )
    groups = [
        [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in group]
        for group in matcher.get_grouped_opcodes(_CONTEXT)
    ]
    if groups:
        *_, (_, _, i2, _, j2) = groups[-1]
        before, after = min(start, _CONTEXT), min(end, _CONTEXT)
        groups[0].insert(0, ("equal", start - before, start, start - before, start))
        groups[-1].append(("equal", i2, i2 + after, j2, j2 + after))
    return groups


def _range(start: int, end: int) -> str:
    """Return a range of lines as unified diffs write it."""
    length = end - start
    return f"{start + 1 if length else start}{'' if length == 1 else f',{length}'}"


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if len(old) == len(new) == 1 and max(len(old[0]), len(new[0])) > _WIDTH:
        start, end = _common(old[0], new[0])
        yield f"-{_window(old[0], start, end)}"
        yield f"+{_window(new[0], start, end)}"
        return
    yield from (_shortened(f"-{line}") for line in old)
    yield from (_shortened(f"+{line}") for line in new)


def _common(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Return how many elements both begin with alike, and how many of the rest they end with."""
    limit = min(len(one), len(other))
    start = next((n for n in range(limit) if one[n] != other[n]), limit)
    end = next((n for n in range(limit - start) if one[-1 - n] != other[-1 - n]), limit - start)
    return start, end


def _window(line: str, start: int, end: int) -> str:
    """Return the part of a long line that differs, with a little of what is around it."""
    first, last = max(start - _AROUND, 0), min(len(line) - end + _AROUND, len(line))
    return f"{'...' if first else ''}{line[first:last]}{'...' if last < len(line) else ''}"


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}..."
