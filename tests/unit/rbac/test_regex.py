"""The text of an expression as a tree: each way to write a character means the same as in RE2."""

from __future__ import annotations

import pytest
import re2

from provisioner.rbac.patterns import regex
from provisioner.rbac.patterns._base import (
    Chars,
    Choice,
    Edge,
    Node,
    Repeat,
    Row,
    Undecided,
    Where,
    holds,
)

CODES = (*range(0x250), 0x17F, 0x212A, 0x263A, 0xD7FF, 0xE000, 0xFFFD, 0x10FFFF)
CLASSES = (
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
)  # fmt: skip
WAYS = (
    *(f"[[:{name}:]]" for name in CLASSES),
    *(f"[[:^{name}:]]" for name in CLASSES),
    *(f"\\{letter}" for letter in "dswDSWafnrtv.-[]()*+?^$|!"),
    ".", "(?s).", "(?s:.)", "(?s-s).", "(?-s).", "(?U).", "(?m).", "(?P<n>x)", "(?<n>x)", "(x)",
    r"\x41", r"\x{41}", r"\x{263a}", r"\x7f", r"\x{10FFFF}", r"\101", r"\07", r"\012",
    "[a]", "[^a]", "[-a]", "[a-]", "[]a]", "[^]a]", "[a-f]", "[^a-f]", "[k-s]", r"[\d_]", r"[^\d_]",
    r"[\--/]", r"[\x00-\x1f]", r"[a\]b]", "[a-cx-z]", r"[\101-\105]", r"[\x{41}-\x{45}]", r"[\n]",
    r"[^\n]", "[[:alpha:]_-]", "[^[:^alpha:]]",
    "a", "Z", "s", "S", "k", "K", "0", "_", "-", "~", "]", "}", "é",
)  # fmt: skip
BEYOND = (r"(?i)\x{263a}", r"(?i)\x{10FFFF}", "(?i)é")


def only(node: Node) -> Node:
    """Return the one item that a tree comes to."""
    while isinstance(node, Row):
        (node,) = node.items
    return node


@pytest.mark.parametrize("flags", ["", "(?i)"])
@pytest.mark.parametrize("way", WAYS)
def test_one_character(way: str, flags: str) -> None:
    """A character, a class or a bracket holds what RE2 matches with it, whatever follows."""
    text = flags + way
    compiled = re2.compile(text)
    if flags and text in BEYOND:
        with pytest.raises(Undecided, match="beyond ASCII"):
            regex.parse(text)
        return
    found = only(regex.parse(text))
    assert isinstance(found, Chars)
    followed = regex.parse(rf"{text}\z")
    assert isinstance(followed, Row)
    assert [only(followed.items[0]), *followed.items[1:]] == [found, Edge("end")]
    wrong = [c for c in CODES if holds(found.ranges, c) != bool(compiled.fullmatch(chr(c)))
             and not 0xD800 <= c < 0xE000]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_known(name: str) -> None:
    """The classes are those of RE2."""
    assert name in regex.POSIX
    assert len(regex.POSIX) == len(CLASSES)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("a*", (0, None)),
        ("a+", (1, None)),
        ("a?", (0, 1)),
        ("a{3}", (3, 3)),
        ("a{3,}", (3, None)),
        ("a{3,5}", (3, 5)),
        ("a{0,2}?", (0, 2)),
        ("a*?", (0, None)),
        ("a(?i)*", (0, None)),
    ],
)
def test_repetition(text: str, bounds: tuple[int, int | None]) -> None:
    """Least and most are those that the text says, lazy or greedy."""
    found = only(regex.parse(text))
    assert isinstance(found, Repeat)
    assert (found.least, found.most) == bounds


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("^", "begin"), ("$", "end"), (r"\A", "begin"), (r"\z", "end"),
        (r"\b", "word edge"), (r"\B", "no word edge"),
        ("(?m)^", "line begin"), ("(?m)$", "line end"), ("(?m-m)^", "begin"),
    ],
)  # fmt: skip
def test_edges(text: str, where: Where) -> None:
    """What stands between characters is read as what it is."""
    assert only(regex.parse(text)) == Edge(where)


def test_flags_end_with_their_group() -> None:
    """A flag holds to the end of the group in which it is set, in all branches that follow."""
    both, capital = Chars(((65, 65), (97, 97))), Chars(((65, 65),))
    assert regex.parse("((?i)A)A") == Row((Row((both,)), capital))
    assert regex.parse("(?i:A)A") == Row((Row((both,)), capital))
    assert regex.parse("(?i)A|A") == Choice((Row((both,)), Row((both,))))
    assert regex.parse("(A|(?i)A)A") == Row((Choice((Row((capital,)), Row((both,)))), capital))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"\pL", r"it contains \p"),
        (r"\PL", r"it contains \P"),
        (r"\Qa.b\E", r"it contains \Q"),
        ("(?i)é", "it ignores the case of characters beyond ASCII"),
        ("(" * 61 + "a" + ")" * 61, "groups are nested more than 60 deep"),
    ],
)
def test_what_is_not_translated(text: str, reason: str) -> None:
    """What is left out is named; one group less, and it is read."""
    with pytest.raises(Undecided) as beyond:
        regex.parse(text)
    assert str(beyond.value) == reason
    assert isinstance(only(regex.parse("(" * 60 + "a" + ")" * 60)), Chars)


def test_case_within_ascii() -> None:
    """Ignoring case reaches the last character of ASCII, and not the first one after it."""
    assert isinstance(only(regex.parse("(?i)[a-\x7f]")), Chars)
    with pytest.raises(Undecided):
        regex.parse("(?i)[a-\x80]")


@pytest.mark.parametrize("way", ["[a-cd-f]", "[d-fa-c]", "[abcdef]", "[a-db-f]", "[a-fc]"])
def test_a_set_has_one_form(way: str) -> None:
    """However a set of characters is written, it is the same set, in one interval where it can be."""
    assert only(regex.parse(way)) == Chars(((97, 102),))


def test_every_character() -> None:
    """A name can hold all characters of Unicode, and surrogates are none."""
    assert only(regex.parse("(?s).")) == Chars(((0, 0xD7FF), (0xE000, 0x10FFFF)))
