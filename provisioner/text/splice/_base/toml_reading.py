"""TOML, read: what a text says, of a long one no more than is asked for, and where its tables stand."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Final

from provisioner.text.splice._base import Edit, Path, Source, cuts, touched
from provisioner.text.splice._base.toml_plain import plain_tables
from provisioner.text.splice._base.toml_text import Table, load, tables_of
from provisioner.values import Plain

WHOLE: Final = 1 << 16
"""Up to how many characters a text is read from the first to the last, and again after an edit."""

_PART: Final = 8
"""What is a larger part of a text than one of so many is not read by itself for each path."""


class Reading(Source):
    """A text, what it says, and where its tables stand. Raises SpliceError where it is not TOML."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values: dict[Path, dict[str, Plain]] = {}
        self._plain = plain_tables(self.text) if self.is_long else None
        if self._plain is None:
            self._values[()] = load(self.text)

    @property
    def is_long(self) -> bool:
        """Whether it takes long to read the whole text."""
        return len(self.text) > WHOLE

    @cached_property
    def tables(self) -> list[Table]:
        """The tables in the order of the text, first the one without a header."""
        return self._plain or tables_of(self.text)

    def value(self, path: Path = ()) -> dict[str, Plain]:
        """Return what the text says at least on the way to `path` and below it."""
        if self._plain is None:
            return self._values[()]
        if path not in self._values:
            near = self._source(path)
            is_part = len(near) * _PART < len(self.text) or not path
            self._values[path] = tomllib.loads(near) if is_part else self.value()
        return self._values[path]

    def far_from(self, edits: Sequence[Edit], paths: Iterable[Path]) -> list[Edit]:
        """Return the cuts that leave the tables near `edits`, and those that `paths` lead through.

        What a table says hangs on those at, above and below its path, and on the statement before;
        that a parent is a table at all may hang on any table in it.
        """
        ours = [number for path in paths for number in self._near(path)]
        return list(cuts(self._bounds, [*touched(self._bounds, edits), *ours]))

    def _source(self, path: Path) -> str:
        near = sorted(self._near(path))
        return "".join(self.text[self._bounds[at] : self._bounds[at + 1]] for at in near)

    def _near(self, path: Path) -> set[int]:
        """Return the tables at, above and below `path`, and of each parent the first that is in it."""
        first = (self._inside.get(path[:depth], ())[:1] for depth in range(len(path)))
        return {*self._on_the_way(path), *chain.from_iterable(first)}

    @cached_property
    def _bounds(self) -> list[int]:
        """The offsets between which each table stands, with the comments after it."""
        return [0, *(table.header.start for table in self.tables[1:]), len(self.text)]

    @cached_property
    def _inside(self) -> Mapping[Path, list[int]]:
        """The numbers of the tables at and below each path."""
        inside: dict[Path, list[int]] = defaultdict(list)
        for number, (path, *_) in enumerate(self.tables):
            for depth in range(len(path) + 1):
                inside[path[:depth]].append(number)
        return dict(inside)

    def _on_the_way(self, path: Path) -> Iterator[int]:
        """Yield the numbers of the tables that stand at, above or below `path`."""
        yield from self._inside.get(path, ())
        for depth in range(len(path)):
            yield from self._at.get(path[:depth], ())

    @cached_property
    def _at(self) -> Mapping[Path, list[int]]:
        """The numbers of the tables at each path."""
        at: dict[Path, list[int]] = defaultdict(list)
        for number, (path, *_) in enumerate(self.tables):
            at[path].append(number)
        return dict(at)
