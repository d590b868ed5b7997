"""TOML tables, edited in place: the lines of our table change, every other byte stays.

A table is what stands under its own `[header]` and under the headers that continue it. Every edit
is read back with `tomllib` and must have changed that table and nothing else, or it is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Final

from provisioner.text.scalars import TOML
from provisioner.text.splice._base import (
    BOM,
    Edit,
    Path,
    Source,
    SpliceError,
    Trace,
    failure,
    indentation,
)
from provisioner.text.splice._base.toml_text import (
    WHITE,
    Line,
    Table,
    at,
    load,
    names,
    same,
    statements,
    without,
)
from provisioner.values import Plain, thaw

__all__ = ["get", "put", "remove", "trace"]

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
    document, wanted = _document(text), thaw(value)
    found = document.find(path)
    if len(found) <= len(path):
        return document.proven(document.append(path, wanted), path, wanted)
    if same(found[-1], wanted):
        return text
    return document.proven(document.change(path, found[-1], wanted), path, wanted)


def trace(text: str, path: Path) -> Trace:
    """Return what `put` will find: how much of `path`, and how the file ends. Raises SpliceError."""
    document = _document(text)
    end = len(document.text.rstrip(WHITE))
    return Trace(len(document.find(path)) - 1, document.text[end:])


def remove(text: str, path: Path, trace: Trace | None = None) -> str:
    """Return `text` without the table at `path` and those below it.

    With the `trace` taken before `put`, the file ends as it did then. Comments before the table,
    and between it and the next, stay. A text without it comes back as it is. Raises SpliceError
    if what is at `path` has no header of its own.
    """
    document = _document(text)
    if len(document.find(path)) <= len(path):
        return text
    return document.proven(document.cut(path, trace), path, None)


class _Document(Source):
    """A text, what it says, and where its tables stand."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._value = load(self.text)

    @cached_property
    def _tables(self) -> list[Table]:
        """The tables in the order of the text, first the one without a header."""
        tables = [Table((), Line(0, -1, 0, 0), [])]
        for line in statements(self.text):
            if line.equals < 0:
                tables.append(Table(names(self.text[line.start : line.end]), line, []))
            else:
                tables[-1].keys.append(line)
        return tables

    def _name(self, line: Line) -> Path:
        return names(self.text[line.start : line.equals] + "=0")

    def find(self, path: Path) -> list[dict[str, Plain]]:
        """Return the whole value and what `path` leads to below it, as far as there is something.

        Raises SpliceError where the path meets what is not a table.
        """
        found = [self._value]
        for key in path:
            if key not in found[-1]:
                break
            value = found[-1][key]
            if not isinstance(value, dict):
                raise self._refusal(path[: len(found)], "is not a table")
            found.append(value)
        return found

    def append(self, path: Path, value: Mapping[str, Plain]) -> list[Edit]:
        """Return the edit that writes a table at the end of the text, after a blank line."""
        text, end = self.text, self.newline
        lines = [f"[{'.'.join(map(_bare, path))}]", *(_entry(key, value[key]) for key in value)]
        if not text or text.endswith("\n"):
            before = "" if not text or text.endswith(end * 2) else end
            return [(len(text), len(text), before + end.join((*lines, "")))]
        return [(len(text), len(text), end * 2 + end.join(lines))]

    def change(
        self, path: Path, there: Mapping[str, Plain], value: Mapping[str, Plain]
    ) -> list[Edit]:
        """Return the edits that make `value` of what is `there` under the header of `path`."""
        table = next((table for table in self._tables if table.path == path), None)
        if table is None:
            return self.cut(path) + self.append(path, value)
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
            edits += [self._cut_line(line) for line in lines] + self.cut((*path, key))
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

    def cut(self, path: Path, trace: Trace | None = None) -> list[Edit]:
        """Return the edits that take out the tables at and below `path`, and blank lines they leave."""
        edits: list[Edit] = []
        for is_ours, run in groupby(self._tables, lambda table: table.path[: len(path)] == path):
            if is_ours:
                tables = list(run)
                edits.append(self._cut(tables[0].header.start, tables[-1].last.stop, trace))
        return edits

    def _cut(self, start: int, stop: int, trace: Trace | None) -> Edit:
        before, after = self.text[:start], self.text[stop:]
        if after.strip(WHITE):
            leaves_two = not before or before.endswith(("\n\n", "\n\r\n"))
            blank = re.match(r"[ \t]*\r?\n", after) if leaves_two else None
            return (start, stop + (blank.end() if blank else 0), "")
        end = self.newline if before.strip(WHITE) and self.text.endswith("\n") else ""
        return (
            len(before.rstrip(WHITE)),
            len(self.text),
            end if trace is None or trace.text is None else trace.text,
        )

    def proven(self, edits: list[Edit], path: Path, wanted: Mapping[str, Plain] | None) -> str:
        """Return the text after `edits`, if `wanted` is at `path` then and all else is as before."""
        after = self.after(edits)
        try:
            value = tomllib.loads(after.removeprefix(BOM))
        except (tomllib.TOMLDecodeError, RecursionError):
            value = {}
        rest, rest_before = without(value, path), without(self._value, path)
        if same(rest, rest_before) and same(at(value, path), wanted):
            return after
        raise self._refusal(path, "does not stand under a header of its own")

    def _refusal(self, path: Path, message: str) -> SpliceError:
        """Return an error about the first line that says something at, below or above `path`."""
        name = ".".join(map(_bare, path))
        hint = _AS_TABLE.format(name)
        for table in self._tables:
            for line in (table.header, *table.keys):
                full = table.path if line.equals < 0 else table.path + self._name(line)
                if full[: len(path)] == path or (line.equals > 0 and path[: len(full)] == full):
                    start = line.start + len(indentation(self.text, line.start))
                    return failure(self.text, start, f'"{name}" {message}', end=line.end, hint=hint)
        return failure(self.text, 0, f'"{name}" {message}', hint=hint)


def _bare(key: str) -> str:
    return key if _BARE.fullmatch(key) else TOML.key(key)


def _entry(key: str, value: Plain) -> str:
    return f"{_bare(key)} = {TOML.write(value)}"


@lru_cache(maxsize=1)
def _document(text: str) -> _Document:
    """Return `text`, read: whoever edits a file asks several things of it first."""
    return _Document(text)
