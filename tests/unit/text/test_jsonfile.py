from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.text.jsonfile import load
from provisioner.values import freeze


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b'\xef\xbb\xbf"x"', "x"),
        ('"é\U0001f512"'.encode(), "é\U0001f512"),
        (rb'"\ud83d\udd12"', "\U0001f512"),
        (b"[" * 60 + b"]" * 60, None),
    ],
)
def test_what_is_read(data: bytes, value: Any) -> None:
    """JSON is read as it is meant, with a byte order mark or without, as deep as anybody needs."""
    loaded = load(data, "f")
    assert value is None or loaded == freeze(value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "f:1:1: Expecting value"),
        (b'{\n "a": }', "f:2:7: Expecting value"),
        (b"\xff", "f: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "f: nested too deeply"),
        (b"[" * 70 + b"]" * 70, "nested too deeply"),
        (b'{"a": {"b": 1, "b": 2}}', "f: the key 'b' stands twice in one object"),
        (b'{"a": Infinity}', "f: Infinity is not JSON"),
        (b'{"a": [1e999]}', "f: $.a[0]: a number too large"),
        (rb'{"a": "\ud800"}', "f: $.a: 'utf-8' codec can't encode"),
        (rb'{"\ud800": 1}', "f: $: 'utf-8' codec can't encode"),
    ],
)
def test_what_is_refused(data: bytes, problem: str) -> None:
    """What JSON readers disagree about, or choke on, is refused with its place."""
    with pytest.raises(ValueError, match="^f") as caught:
        load(data, "f")
    assert str(caught.value).startswith(problem) or problem in str(caught.value)


def test_a_key_that_stands_twice_among_many() -> None:
    """The key that stands twice is found in one pass: each with each would take minutes here."""
    keys = ", ".join(f'"k{number}": 0' for number in range(100_000))
    with pytest.raises(ValueError, match="'k99999' stands twice"):
        load(f'{{{keys}, "k99999": 1}}'.encode(), "f")


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    """No bytes lead to anything but a value that can be written again, or an error with the file."""
    said = ""
    try:
        value = load(data, "f")
    except ValueError as error:
        said = str(error)
    assert said.startswith("f") or load(json.dumps(value).encode(), "f") == value
