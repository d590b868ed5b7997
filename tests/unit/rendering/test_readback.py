from __future__ import annotations

import pytest

from provisioner.rendering.readback import fault


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", '{"a": [1, 2,], // theirs\n}\n'),
        ("a.json", "  \n"),
        ("a.toml", "[a]\nb = 1\n"),
        ("a.yaml", "a: 1\n---\nb: !tag x\n"),
        ("a.py", 'A = {"b": None}\n'),
        ("a.txt", "{[("),
        ("a.md", "{[("),
    ],
)
def test_what_can_be_read(path: str, text: str) -> None:
    """What is of the language of its file's ending has no fault, nor has what is of none."""
    assert fault(text, path) == ""


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("a.json", '{"a": [1 2]}', "this is no JSON: line 1, column 10: expected"),
        ("a.toml", "a = [1\n", "this is no TOML: Unclosed array (at end of document)"),
        ("a.toml", "a = " + "[" * 100_000, "this is no TOML: nested too deeply"),
        ("a.yaml", "a: [1\n", "this is no YAML: while parsing a flow sequence"),
        ("a.py", "A = {\n", "this is no Python: line 1: '{' was never closed"),
        ("a.py", "\0", "this is no Python: source code string cannot contain null bytes"),
        ("a.json", "[" * 100_000, "this is no JSON: line 1, column 101: "),
    ],
)
def test_what_cannot_be_read(path: str, text: str, why: str) -> None:
    """A comma or a bracket that is missing is told with the line that the file would have."""
    found = fault(text, f"clients/ci/{path}")
    assert found.startswith(why)
    assert "\n" not in found
