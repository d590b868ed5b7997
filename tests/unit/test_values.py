from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.values import Secret, canonical_json, freeze, sha256, thaw

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_freezing_changes_no_meaning(value: object) -> None:
    """A frozen value has the same canonical JSON, and thaws to an equal one."""
    assert canonical_json(freeze(value)) == canonical_json(value)
    assert thaw(freeze(value)) == value


def test_frozen_all_the_way_down() -> None:
    """No mapping and no list inside a frozen value can be changed."""
    frozen = freeze({"a": [{"b": 1}]})
    with pytest.raises(TypeError):
        frozen["a"][0]["b"] = 2
    assert isinstance(frozen["a"], tuple)


def test_key_order_does_not_matter() -> None:
    """Canonical JSON sorts keys, so equal mappings hash equally."""
    assert sha256({"a": 1, "b": [2]}) == sha256({"b": (2,), "a": 1})


def test_true_is_not_one() -> None:
    """Booleans and numbers that Python calls equal are different values."""
    assert canonical_json(True) != canonical_json(1)


def test_what_json_cannot_say() -> None:
    """A value that is not plain is refused, not guessed at."""
    with pytest.raises(TypeError, match="not a plain value"):
        canonical_json({"a": object()})


def test_a_secret_does_not_print() -> None:
    """Neither repr, str, format nor JSON shows a secret; `reveal` does."""
    secret = Secret("hunter2")
    shown = f"{secret!r} {secret} {secret!s} {canonical_json({'a': secret})} {copy.copy(secret)}"
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


def test_secrets_compare_by_value() -> None:
    """Equal secrets are equal, and hash alike."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
