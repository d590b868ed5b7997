from __future__ import annotations

from typing import Any

import pytest

from provisioner.site import raw
from provisioner.values import freeze


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("role", {"allow": {"logins": ["x"]}, "deny": {}}, []),
        ("role", {"allow": {"mcp": {"tools": ["x"]}}}, ["tools"]),
        ("role", {"deny": {"app_labels": {}}, "options": {}}, ["deny.app_labels", "options"]),
        ("role", {"allow": "text", "deny": None}, []),
        ("app", {"uri": "x", "mcp": {"args": []}, "cors": {}}, ["uri", "args"]),
    ],
)
def test_what_the_site_has_words_for(kind: str, spec: dict[str, Any], words: list[str]) -> None:
    """Of a raw spec, exactly the paths are told that the site can say in words."""
    assert [".".join(word) for _, word in raw.said_twice(kind, freeze(spec))] == words


def test_inside_what_is_not_there() -> None:
    """Looking into what is absent, or is no mapping, finds nothing."""
    assert raw.at({"allow": {"mcp": "text"}}, ("allow", "mcp")) == {}
    assert raw.at({}, ("allow", "mcp")) == {}
    assert raw.at({"allow": {"mcp": {"a": 1}}}, ("allow", "mcp")) == {"a": 1}


@pytest.mark.parametrize(
    ("spec", "found", "lost"),
    [
        ({"a": {"b": ("x",)}}, {"a": {"b": ["x"], "c": 1}}, []),
        ({"a": {"b": ("x",), "c": True}}, {"a": {"b": ["y"], "c": 1}}, ["spec.a.b", "spec.a.c"]),
        ({"a": {"b": 1}, "c": {}}, None, ["spec.a.b"]),
        ({"a": None}, {"a": {"b": 1}}, []),
    ],
)
def test_what_a_template_left_out(spec: Any, found: Any, lost: list[str]) -> None:
    """Every path is told at which a raw spec says something that the whole spec does not."""
    assert list(raw.lost(freeze(spec), found)) == lost
