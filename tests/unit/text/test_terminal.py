from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.text.terminal import ansi, clipped, plain, plural, visible, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 漢字, é, 🙂", "plain text, 漢字, é, 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x9b\x7f", "\\x9b\\x7f"),
        ("\u202eabc", "\\u202eabc"),
        ("a\u200bb\u2028", "a\\u200bb\\u2028"),
        ("\xa0", "\\xa0"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_nothing_hides(text: str, shown: str) -> None:
    """What a reader would not see, or a terminal would obey, is written as an escape."""
    assert visible(text) == shown


@given(st.text())
def test_visible_text_is_harmless(text: str) -> None:
    """No character that comes out is a control, a format or half a surrogate pair."""
    assert not {unicodedata.category(char) for char in visible(text)} & {"Cc", "Cf", "Cs", "Zl"}
    visible(text).encode()


@given(st.text())
def test_visible_text_stays(text: str) -> None:
    """Text that is visible already is not changed again."""
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("é", 1)])
def test_width_in_columns(text: str, columns: int) -> None:
    """East Asian characters take two columns, combining ones none."""
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc..."),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字..."),
        ("漢字漢字", 6, "漢..."),
        ("abcdef", 2, ".."),
        ("abcdef", 0, ""),
    ],
)
def test_clipped(text: str, columns: int, shown: str) -> None:
    """Text that is too wide ends in dots, and takes no more columns than there are."""
    assert clipped(text, columns) == shown
    assert width(shown) <= columns


def test_paint() -> None:
    """Plain paint is no paint; ANSI paint ends where the text ends."""
    assert plain("red", "a") == "a"
    assert ansi("red", "a") == "\x1b[31ma\x1b[0m"


def test_plurals() -> None:
    """One is singular, none and many are plural."""
    assert [plural(number, "error") for number in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
