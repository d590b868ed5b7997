"""YAML, written as the rest of a file is: its steps of indentation, its quotes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Final, NamedTuple

from provisioner.text.scalars import YAML
from provisioner.text.yamledit._base import Node, column, nodes
from provisioner.values import Plain

_TIME: Final = re.compile(r"(?:[0-9]{1,4}(?:ms|h|m|s)){1,3}")  # text to every reader of YAML
_WIDTH: Final = 60
_ENOUGH: Final = 100
"""How many values of a text are looked at to know its style."""


class Style(NamedTuple):
    """How many columns a mapping, and a list, stand to the right of the key above them."""

    mapping: int
    sequence: int

    def step(self, value: Plain) -> int:
        """Return how far a collection stands to the right of the key above it."""
        return self.mapping if isinstance(value, Mapping) else self.sequence

    def lines(self, value: Plain) -> list[str]:
        """Return the lines of `value` in block style; short lists of scalars stay on one.

        Raises TypeError or ValueError if YAML cannot say the value.
        """
        if isinstance(value, Mapping) and value:
            return [line for key in value for line in self._entry(f"{YAML.key(key)}:", value[key])]
        if isinstance(value, list | tuple) and value:
            return [line for item in value for line in self._item(item)]
        return [YAML.write(value)]

    def _entry(self, head: str, value: Plain) -> list[str]:
        if not has_lines(value):
            return [f"{head} {YAML.write(value)}"]
        pad = " " * self.step(value)
        return [head, *(pad + line for line in self.lines(value))]

    def _item(self, value: Plain) -> list[str]:
        first, *rest = self.lines(value)
        return [f"- {first}", *(f"  {line}" for line in rest)]


def style_of(text: str, root: Node | None) -> Style:
    """Return the style of the first mapping and the first list that stand below a key in `text`."""
    steps: dict[str, int] = {}
    for node in islice(nodes(root) if root else (), _ENOUGH):
        for entry in islice(node.entries if not node.style else (), _ENOUGH):
            key, value = entry.key, entry.value
            if key and value.entries and not (value.style or value.marks or value.kind == "alias"):
                steps.setdefault(value.kind, column(text, value.start) - column(text, key.start))
        if len(steps) == len(Style._fields):
            break
    step = steps.get("map") or steps.get("list") or 2
    return Style(step, steps.get("list", step))


def has_lines(value: Plain) -> bool:
    """Whether block style gives `value` lines of its own: it is filled, and no short list of scalars."""
    if isinstance(value, list | tuple):
        nested = any(isinstance(item, Mapping | list | tuple) for item in value)
        return nested or len(YAML.write(value)) > _WIDTH
    return isinstance(value, Mapping) and bool(value)


def scalar_like(node: Node, value: Plain) -> str:
    """Return `value` on one line, in the quotes that `node` has if it can stand in them."""
    written = YAML.write(value)
    if not isinstance(value, str) or node.kind != "text":
        return written
    if node.style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if node.style == '"':
        return written if written.startswith('"') else f'"{written}"'
    return value if not node.style and _TIME.fullmatch(value) else written
