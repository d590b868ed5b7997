"""The text of a template, and how to point into it."""

from __future__ import annotations

import re

from msgspec import Struct

from provisioner.errors import Place, Problem


class TemplateText(Struct, frozen=True):
    """The text of one template, and how to point into it: by `file`, where that is not its name."""

    name: str
    text: str
    file: str = ""

    @property
    def suffix(self) -> str:
        """The ending before `.j2`, which names the output language."""
        return self.name.removesuffix(".j2").rpartition(".")[2]

    def find(self, line: int, word: str = "") -> tuple[int, int]:
        """Return where `word` begins and ends in a line, or else all that the line says."""
        start = sum(len(text) + 1 for text in self.text.split("\n")[: line - 1])
        text = self.text[start:].partition("\n")[0]
        whole = re.search(r"\S.*", text)
        found = (word and re.search(rf"\b{re.escape(word)}\b", text)) or whole
        return (start + found.start(), start + found.end()) if found else (start, start)

    def problem(self, code: str, at: int, end: int, message: str, hint: str = "") -> Problem:
        """Return a problem with what stands from offset `at` to `end`, on one line."""
        start = self.text.rfind("\n", 0, at) + 1
        line, file = self.text.count("\n", 0, at) + 1, self.file or self.name
        place = Place(file, line, at - start + 1, end - start + 1)
        excerpt = self.text[start:].partition("\n")[0]
        return Problem(code, "error", message, hint, place, excerpt=excerpt)
