"""Documents: values with places, from one file or from several laid over each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Literal

from msgspec import Struct

from provisioner.errors import Place
from provisioner.text.source._base import Marks, Step, excerpt
from provisioner.values import EMPTY, Plain

Origin = tuple[Marks, Plain]
"""A value as it came from a file, with the marks of that file."""


class Document(Struct, frozen=True, eq=False):
    """A YAML value and the place of everything in it.

    `value` is plain: dict, list, str, int, float, bool, None; it is shared and must not be
    changed. `file` is the path as the user gave it, of the uppermost layer where there are several.
    `origins` says, by the id of a merged mapping, which mappings it was made of, the winning one first.
    `named` is where another file names this one, by the key `how`; None for the file one began with.
    """

    file: str
    value: Plain
    marks: Marks
    layers: tuple[Document, ...] = ()
    origins: Mapping[int, tuple[Origin, ...]] = EMPTY
    how: Literal["", "include", "extends"] = ""
    named: Place | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files that this is made of, the uppermost first."""
        return tuple(layer.file for layer in self.layers or (self,))

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of `file`, without what ends them."""
        return self.marks.text.lines

    def line(self, number: int) -> str:
        """Return line `number` of `file`, counted from 1, or "" where there is none."""
        return self.marks.text.line(number)

    def excerpt(self, place: Place) -> str:
        """Return what `Problem.excerpt` wants of the line at `place`, in whichever layer that is."""
        for layer in self.layers or (self,):
            if layer.file == place.file:
                return excerpt(layer.line(place.line), place)
        return ""

    def place(self, path: Sequence[Step]) -> Place:
        """Return where the value at `path` stands, or else its nearest ancestor that exists."""
        marks, _, node = self._find(path)
        return marks.place(node)

    def places(self, path: Sequence[Step]) -> Iterator[Place]:
        """Yield the place of every line of the value at `path`, with all that is in it."""
        marks, _, node = self._find(path)
        yield from marks.places(node)

    def key_place(self, path: Sequence[Step]) -> Place:
        """Return where the last key of `path` stands; of a list's item, the item itself.

        Where nothing stands at `path`, that of the nearest ancestor that exists.
        """
        marks, node, _ = self._find(path)
        return marks.place(node)

    def _find(self, path: Sequence[Step]) -> tuple[Marks, int, int]:
        """Return whose marks tell about `path`, the node of its key and that of its value.

        Where a list may be written without brackets, as one mapping, its first item is that mapping.
        """
        value, marks, key, node = self.value, self.marks, 0, 0
        for step in path:
            if step == 0 and isinstance(value, dict):
                continue
            member = self._member(marks, value, step)
            if member is None:
                break
            marks, key = member
            node = key + isinstance(value, dict)
            value = value[step]
        return marks, key, node

    def _member(self, marks: Marks, value: Plain, step: Step) -> tuple[Marks, int] | None:
        if not isinstance(value, dict | list) or (isinstance(value, dict) and step not in value):
            return None
        for origin, container in self.origins.get(id(value), ((marks, value),)):
            if (node := origin.member(container, step)) is not None:
                return origin, node
        return None


def overlay(*documents: Document) -> Document:
    """Lay documents over each other, the first on top, and keep the place of everything.

    Mappings merge deep, all else replaces what lies below it, and null removes it. Null with
    nothing below stays, for a reader of the value to object to. A document that is an overlay
    itself counts as its layers, so that grouping does not matter. Needs at least one document.
    """
    layers = tuple(layer for document in documents for layer in document.layers or (document,))
    origins: dict[int, tuple[Origin, ...]] = {}

    def merge(values: Sequence[Origin]) -> Plain:
        mappings = tuple(takewhile(lambda origin: isinstance(origin[1], dict), values))
        if len(mappings) <= 1:
            return values[0][1]
        members: dict[str, list[Origin]] = {}
        for marks, mapping in mappings:
            for key, value in mapping.items():
                members.setdefault(key, []).append((marks, value))
        merged = {
            key: merge(found)
            for key, found in members.items()
            if found[0][1] is not None or len(found) == 1
        }
        origins[id(merged)] = mappings
        return merged

    value = merge([(layer.marks, layer.value) for layer in layers])
    return Document(layers[0].file, value, layers[0].marks, layers, origins)
