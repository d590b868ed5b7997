"""TOML tables, edited in place: the lines of our table change, every other byte stays.

A table is what stands under its own `[header]` and under the headers that continue it. Every edit
is read back with `tomllib`, in a long text with the tables near it, and must have changed that
table and nothing else, or it is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Final

from provisioner.text.scalars import TOML
from provisioner.text.splice._base import (
    Edit,
    Path,
    SpliceError,
    Trace,
    apply,
    failure,
    indentation,
)
from provisioner.text.splice._base.proof import at, without
from provisioner.text.splice._base.toml_reading import Reading
from provisioner.text.splice._base.toml_text import (
    WHITE,
    Line,
    Table,
    names,
    same,
)
from provisioner.values import Plain, thaw

__all__ = ["get", "put", "put_all", "remove", "remove_all", "trace"]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_AS_TABLE: Final = "nothing was changed; write it under a header of its own, [{}], and run it again"


def get(text: str, path: Path, default: Plain = None) -> Plain:
    """Return the table at `path`, `default` where nothing is. Raises SpliceError."""
    found = _document(text).find(path)
    return thaw(found[-1]) if len(found) > len(path) else default


def put(text: str, path: Path, value: Mapping[str, Plain]) -> str:
    """Return `text` with the table `value` at `path`; of one that is there what differs changes.

    A new table goes to the end, under one header, with inner tables inline. A text where `path`
    has this value already comes back as it is. Raises SpliceError if the text is broken or what
    is at `path` has no header of its own, TypeError or ValueError if TOML cannot say the value.
    """
    return put_all(text, path[:-1], {path[-1]: value})


def put_all(text: str, path: Path, entries: Mapping[str, Mapping[str, Plain]]) -> str:
    """Return `text` with all of `entries` as tables below `path`, as `put` does it, in one pass."""
    document = _document(text)
    edits: list[Edit] = []
    wanted, new = {}, {}
    for key, value in entries.items():
        place = (*path, key)
        found, said = document.find(place), thaw(value)
        there = found[-1] if len(found) > len(place) else None
        if there is not None and same(there, said):
            continue
        wanted[place] = said
        if there is not None and (table := document.table(place)):
            edits += document.change(table, there, said)
            continue
        new[place] = said
        if there is not None:
            edits += document.cut({place: None})
    return document.proven(edits + document.append(new), wanted) if wanted else text


def trace(text: str, path: Path, beside: Mapping[Path, Trace] | None = None) -> Trace:
    """Return what `put` will find: how much of `path`, and how the file ends. Raises SpliceError.

    The tables `beside` are taken for not there: of each there is the trace from before it was.
    """
    document = _document(text)
    return Trace(len(document.find(path)) - 1, document.end_without(beside or {}))


def remove(text: str, path: Path, trace: Trace | None = None) -> str:
    """Return `text` without the table at `path` and those below it.

    With the `trace` taken before `put`, the file ends as it did then. Comments before the table,
    and between it and the next, stay. A text without it comes back as it is. Raises SpliceError
    if what is at `path` has no header of its own.
    """
    return remove_all(text, path[:-1], {path[-1]: trace})


def remove_all(text: str, path: Path, traces: Mapping[str, Trace | None]) -> str:
    """Return `text` without the tables below `path` of which there are `traces`, in one pass."""
    document = _document(text)
    places = {(*path, key): trace for key, trace in traces.items()}
    gone = {place: places[place] for place in places if len(document.find(place)) > len(place)}
    return document.proven(document.cut(gone), dict.fromkeys(gone)) if gone else text


class _Document(Reading):
    """A text, what it says, and where its tables stand; what there is to say instead, as edits."""

    def _name(self, line: Line) -> Path:
        return names(self.text[line.start : line.equals] + "=0")

    def find(self, path: Path) -> list[dict[str, Plain]]:
        """Return the whole value and what `path` leads to below it, as far as there is something.

        Raises SpliceError where the path meets what is not a table.
        """
        found = [self.value(path)]
        for key in path:
            if key not in found[-1]:
                break
            value = found[-1][key]
            if not isinstance(value, dict):
                raise self._refusal(path[: len(found)], "is not a table")
            found.append(value)
        return found

    def table(self, path: Path) -> Table | None:
        """Return the table whose own header is that of `path`."""
        return next((table for table in self.tables if table.path == path), None)

    def append(self, tables: Mapping[Path, Mapping[str, Plain]]) -> list[Edit]:
        """Return the edit that writes tables at the end of the text, each after a blank line."""
        if not tables:
            return []
        text, end = self.text, self.newline
        parts = [
            end.join((f"[{'.'.join(map(_bare, path))}]", *map(_entry, value, value.values())))
            for path, value in tables.items()
        ]
        new = (end * 2).join(parts)
        if text and not text.endswith("\n"):
            return [(len(text), len(text), end * 2 + new)]
        before = "" if not text or text.endswith(end * 2) else end
        return [(len(text), len(text), before + new + end)]

    def change(
        self, table: Table, there: Mapping[str, Plain], value: Mapping[str, Plain]
    ) -> list[Edit]:
        """Return the edits that make `value` of what is `there` under the header of a table."""
        edits: list[Edit] = []
        added: list[str] = []
        indent = indentation(self.text, table.last.start)
        for key in {**there, **value}:
            if key in there and key in value and same(there[key], value[key]):
                continue
            lines = [line for line in table.keys if self._name(line)[0] == key]
            if key in value and [self._name(line) for line in lines] == [(key,)]:
                edits.append((self._after_equals(lines[0]), lines[0].end, TOML.write(value[key])))
                continue
            edits += [self._cut_line(line) for line in lines] + self.cut({(*table.path, key): None})
            added += [indent + _entry(key, value[key])] if key in value else []
        return edits + self._below(table.last, added)

    def _cut_line(self, line: Line) -> Edit:
        """Return the edit that takes out a line and the break after it, or the one before the last."""
        if self.text[line.stop - 1] == "\n":
            return (line.start, line.stop, "")
        return (line.start - len(self.newline), line.stop, "")

    def _after_equals(self, line: Line) -> int:
        rest = self.text[line.equals + 1 : line.end]
        return line.end - len(rest.lstrip(WHITE))

    def _below(self, line: Line, added: list[str]) -> list[Edit]:
        """Return the edit that writes lines after `line`, which may be the last of the text."""
        if not added:
            return []
        end = self.newline
        is_open = self.text[line.stop - 1] != "\n"
        new = "".join(f"{end}{text}" if is_open else f"{text}{end}" for text in added)
        return [(line.stop, line.stop, new)]

    def cut(self, traces: Mapping[Path, Trace | None]) -> list[Edit]:
        """Return the edits that take out the tables at and below some paths, and blank lines they leave.

        Where these are the last ones the text ends as the trace of the first of them says.
        """
        edits: list[Edit] = []
        for is_ours, run in groupby(self.tables, lambda table: _above(table, traces) is not None):
            if is_ours:
                tables = list(run)
                trace = traces[_above(tables[0], traces) or ()]
                edits.append(self._cut(tables[0].header.start, tables[-1].last.stop, trace))
        return edits

    def _cut(self, start: int, stop: int, trace: Trace | None) -> Edit:
        before, after = self.text[:start], self.text[stop:]
        if after.strip(WHITE):
            leaves_two = not before or before.endswith(("\n\n", "\n\r\n"))
            blank = re.match(r"[ \t]*\r?\n", after) if leaves_two else None
            return (start, stop + (blank.end() if blank else 0), "")
        end = self.newline if before.strip(WHITE) and self.text.endswith("\n") else ""
        end = end if trace is None or trace.text is None else trace.text
        return (len(before.rstrip(WHITE)), len(self.text), end)

    def end_without(self, beside: Mapping[Path, Trace]) -> str:
        """Return the white space at the end of the text, as it was before the tables `beside`."""
        end = self.text[len(self.text.rstrip(WHITE)) :]
        if not beside or self.text[self.tables[-1].last.stop :].strip(WHITE):
            return end
        for table in reversed(self.tables):
            if (above := _above(table, beside)) is None:
                break
            end = beside[above].text or ""
        return end

    def proven(self, edits: list[Edit], wanted: Mapping[Path, Mapping[str, Plain] | None]) -> str:
        """Return the text after `edits`, if `wanted` is by path there then and all else is as before."""
        if any(self._is_proven(edits, cuts, wanted) for cuts in self._cuts(edits, wanted)):
            return self.after(edits)
        raise self._refusal(next(iter(wanted)), "does not stand under a header of its own")

    def _is_proven(
        self, edits: list[Edit], cuts: list[Edit], wanted: Mapping[Path, Mapping[str, Plain] | None]
    ) -> bool:
        """Whether the edits do what they shall, as far as it is seen without what is cut."""
        try:
            before = tomllib.loads(apply(self.text, cuts)) if cuts else self.value()
            after = tomllib.loads(apply(self.text, [*edits, *cuts]))
        except (tomllib.TOMLDecodeError, RecursionError):
            return False
        if not all(same(at(after, path), value) for path, value in wanted.items()):
            return False
        for path in wanted:
            before, after = without(before, path), without(after, path)
        return same(before, after)

    def _cuts(self, edits: list[Edit], paths: Collection[Path]) -> Iterator[list[Edit]]:
        """Yield what can be left out of a long text for the proof, and then nothing at all."""
        if self.is_long:
            yield self.far_from(edits, paths)
        yield []

    def _refusal(self, path: Path, message: str) -> SpliceError:
        """Return an error about the first line that says something at, below or above `path`."""
        name = ".".join(map(_bare, path))
        hint = _AS_TABLE.format(name)
        for table in self.tables:
            for line in (table.header, *table.keys):
                full = table.path if line.equals < 0 else table.path + self._name(line)
                if full[: len(path)] == path or (line.equals > 0 and path[: len(full)] == full):
                    start = line.start + len(indentation(self.text, line.start))
                    return failure(self.text, start, f'"{name}" {message}', end=line.end, hint=hint)
        return failure(self.text, 0, f'"{name}" {message}', hint=hint)


def _above(table: Table, paths: Iterable[Path]) -> Path | None:
    """Return the one of `paths` that a table stands at or below, if there is one."""
    return next((path for path in paths if table.path[: len(path)] == path), None)


def _bare(key: str) -> str:
    return key if _BARE.fullmatch(key) else TOML.key(key)


def _entry(key: str, value: Plain) -> str:
    return f"{_bare(key)} = {TOML.write(value)}"


@lru_cache(maxsize=2)  # a file, and what is merged into it
def _document(text: str) -> _Document:
    """Return `text`, read: whoever edits a file asks several things of it first."""
    return _Document(text)
