"""Patterns against RE2 itself, and their questions against counting through all short names."""

from __future__ import annotations

import re
from itertools import product

import re2
from hypothesis import assume, given
from hypothesis import strategies as st

from provisioner.rbac.patterns import (
    Pattern,
    PatternError,
    common_prefix,
    compile_pattern,
    covers,
    find,
    overlap,
    traps,
)

LETTERS = "aB_\n"
SHORT_NAMES = ["".join(name) for size in range(1, 5) for name in product(LETTERS, repeat=size)]

names = st.text(st.sampled_from("abAB_1-. \né*^$\u017f"), max_size=8)
globs = st.text(st.sampled_from("aB_*"), max_size=6)

ATOMS = r"""
    a B _ . [aB] [^a] \w \W \n [[:upper:]] \x61 (?i:b) (?s:.) [^\W_] [_-a] ()
    \b \B ^ $ (?m:^) (?m:$)
"""
atoms = st.sampled_from(ATOMS.split())
bodies = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)
regexes = st.one_of(
    bodies.map(lambda body: f"^{body}$"),
    st.tuples(bodies, bodies).map(lambda pair: f"^{pair[0]}|{pair[1]}$"),
)
texts = st.one_of(globs, regexes)
patterns = texts.map(compile_pattern)


def answers(wanted: list[list[Pattern]], unwanted: list[Pattern]) -> list[str]:
    return [
        name
        for name in SHORT_NAMES
        if all(any(p.matches(name) for p in group) for group in wanted)
        and not any(p.matches(name) for p in unwanted)
    ]


@given(text=st.text(st.sampled_from("ab*^$.\n|é"), max_size=8), name=names)
def test_what_is_no_regex_matches_as_its_quoted_form(text: str, name: str) -> None:
    """Literals and globs match exactly what Teleport's translation of them to RE2 matches."""
    assume(not (text.startswith("^") and text.endswith("$")))
    quoted = re.sub(r"\\\*", "(.*)", re2.escape(text))
    assert compile_pattern(text).matches(name) is (re2.search(f"^{quoted}$", name) is not None)


@given(text=st.text(st.sampled_from("ab*()[]{}?+\\.|C1dpZ-:<P>!="), max_size=10))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    """Whatever the text between the anchors, there is a pattern or a PatternError."""
    try:
        pattern = compile_pattern(f"^{text}$")
    except PatternError:
        return
    assert overlap(pattern, pattern).value in (True, False, None)


@given(pattern=patterns, name=st.sampled_from(SHORT_NAMES))
def test_automata_accept_what_re2_matches(pattern: Pattern, name: str) -> None:
    """An automaton finds a name among the matches of a pattern exactly if RE2 matches it."""
    literal = compile_pattern("^" + re.escape(name) + r"\z" + "|x^$")  # only that name, as a regex
    assert overlap(pattern, literal).value is pattern.matches(name)


@given(
    wanted=st.lists(st.lists(patterns, min_size=1, max_size=2), min_size=1, max_size=2),
    unwanted=st.lists(patterns, max_size=2),
)
def test_find_is_exact(wanted: list[list[Pattern]], unwanted: list[Pattern]) -> None:
    """A found name fits; where there is said to be none, no short name fits."""
    answer = find(wanted, unwanted)
    short = answers(wanted, unwanted)
    if answer.value is True:
        assert answer.name
        assert all(any(p.matches(answer.name) for p in group) for group in wanted)
        assert not any(p.matches(answer.name) for p in unwanted)
    else:
        assert answer.value is False
        assert not short


@given(wide=patterns, narrow=patterns)
def test_covers_is_exact(wide: Pattern, narrow: Pattern) -> None:
    """A pattern that covers another misses none of its names; else the proof is one it misses."""
    answer = covers(wide, narrow)
    if answer.value:
        assert not answers([[narrow]], [wide])
    else:
        assert answer.name
        assert narrow.matches(answer.name)
        assert not wide.matches(answer.name)


@given(one=patterns, other=patterns)
def test_overlap_is_symmetric_and_follows_from_cover(one: Pattern, other: Pattern) -> None:
    """Overlap has no direction, and a pattern overlaps what it covers, unless that is empty."""
    assert overlap(one, other).value is overlap(other, one).value
    if covers(one, other).value and overlap(other, other).value:
        assert overlap(one, other).value


@given(pattern=patterns)
def test_common_prefix_is_common(pattern: Pattern) -> None:
    """Every match begins with the common prefix."""
    prefix = common_prefix(pattern)
    assert all(name.startswith(prefix) for name in SHORT_NAMES if pattern.matches(name))


@given(pattern=patterns)
def test_traps_tell_the_truth(pattern: Pattern) -> None:
    """What is said to match everything does, and what is tied to both ends matches whole names."""
    found = traps(pattern)
    everything = all(pattern.matches(name) for name in SHORT_NAMES if "\n" not in name)
    assert everything or "matches everything" not in found
    assert not ("half anchored" in found and pattern.kind == "regex")
