from __future__ import annotations

import re
from pathlib import Path

import pytest

import provisioner
from provisioner.text.splice import NEVER, jsonc

SOURCES = sorted(Path(provisioner.__file__).parent.rglob("*.py"))
# Each alternative of these is a character, or a character and any other: none breaks off in a way that counts.
SIMPLE = (
    r"(?:[ \t\r\n]|#[^\n]*+)",
    r'(?:[^"\\]++|\\.)', r'(?:[^"\\]|\\.)', r'(?:\\.|[^"\\\n])', r"(?:[^\']|\'\')",
)  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_possessive_groups_hold_on_every_python(path: Path) -> None:
    """A possessive group ends in what takes back a try that broke off, which Python 3.11.2 does not."""
    text = path.read_text()
    for found in re.finditer(r"\)[*+?]\+", text):
        before = text[: found.start()].rstrip()
        assert before.endswith(("{NEVER}", "|" + NEVER)) or f"{before})".endswith(SIMPLE), text[
            found.start() - 60 : found.end()
        ]


def test_what_takes_back_takes_nothing_else() -> None:
    """A group that can break off matches the same with it, on a Python that does not need it."""
    for text, end in (("aca", 2), ("acabc", 5), ("abab", 0), ("", 0)):
        found = re.match(rf"(?:ab?c|{NEVER})*+", text)
        assert found is not None
        assert found.end() == end


@pytest.mark.parametrize(
    "text", ['{// x\n"a": 1,}', '{"a": [1,], /* x */ "b": {}}', '{"a": "/"} // x']
)
def test_comments_and_commas(text: str) -> None:
    """What only JSONC has is read beside slashes, colons and commas that begin nothing."""
    assert jsonc.features(text).has_comments
    assert "a" in jsonc.get(text, ())
