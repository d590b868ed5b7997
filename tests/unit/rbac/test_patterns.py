"""Names and labels against the texts in a role, and the questions about all possible names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provisioner.rbac.patterns import (
    Answer,
    LabelMatch,
    LabelSelector,
    Pattern,
    PatternError,
    common_prefix,
    compile_pattern,
    covers,
    find,
    matches_any,
    overlap,
    traps,
)


def compiled(*texts: str) -> tuple[Pattern, ...]:
    return tuple(compile_pattern(text) for text in texts)


MATCHES = [
    # literals: nothing but * is special, case counts, the whole name has to match
    ("read_file", "read_file", True),
    ("read_file", "read_file2", False),
    ("read_file", "xread_file", False),
    ("read_file", "Read_File", False),
    ("a?c", "abc", False),
    ("a?c", "a?c", True),
    ("[ab]", "a", False),
    ("[ab]", "[ab]", True),
    ("{a,b}", "a", False),
    ("test|staging", "test|staging", True),
    ("test|staging", "test", False),
    ("a.c", "abc", False),
    ("", "", True),
    ("", "a", False),
    # globs: any number of stars, each for any characters but a newline
    ("*", "anything at all", True),
    ("*", "", True),
    ("*", "two\nlines", False),
    ("*", "ends\n", False),
    ("slack_*", "slack_post", True),
    ("slack_*", "slack_", True),
    ("slack_*", "slack", False),
    ("*_file", "read_file", True),
    ("a*a", "a", False),
    ("a*a", "aa", True),
    ("a*b*c", "a-b-b-c", True),
    ("a*b*c", "acb", False),
    ("a*b*c", "a\nbc", False),
    ("get_.*", "get_.x", True),
    ("get_.*", "get_x", False),
    ("é*", "éa", True),
    ("a*\nb", "ax\nb", True),
    ("a*\nb", "a\n\nb", False),
    # regular expressions: exactly from ^ to $, read by RE2 as they stand
    ("^(get|list).*$", "list_files", True),
    ("^(get|list).*$", "delete", False),
    ("^read_[a-z]+$", "read_x", True),
    ("^read_[a-z]+$", "read_X", False),
    ("^(?i)read$", "READ", True),
    ("^(?P<n>a)\\z$", "a", True),
    ("^\\pL+$", "é", True),
    ("^$", "", True),
    ("^a$", "a\n", False),
    ("^.$", "\n", False),
    ("^[^a]$", "\n", True),
    # and the traps: loose alternatives, half an anchor
    ("^a|b$", "abc", True),
    ("^a|b$", "xb", True),
    ("^a|b$", "xbx", False),
    ("^(a|b)$", "abc", False),
    ("^foo", "foo", False),
    ("^foo", "^foo", True),
    ("foo$", "foo", False),
    ("^foo\\$", "foo$bar", True),
]


@pytest.mark.parametrize(("text", "name", "expected"), MATCHES)
def test_matches(text: str, name: str, expected: bool) -> None:
    """A text matches the names that Teleport's CompileExpression matches."""
    assert compile_pattern(text).matches(name) is expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a", "literal"),
        ("^a", "literal"),
        ("a$", "literal"),
        ("a*", "glob"),
        ("a*b*", "glob"),
        ("^a*", "glob"),
        ("^a*$", "regex"),
    ],
)
def test_kind(text: str, kind: str) -> None:
    """Only both anchors together make a regular expression."""
    assert compile_pattern(text).kind == kind


AROUND = "look-ahead and look-behind"
GREEDY = "atomic groups and possessive quantifiers"


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("^(?!delete).*$", AROUND),
        ("^(?=a).*$", AROUND),
        ("^.*(?<!x)$", AROUND),
        ("^(?<=x)a$", AROUND),
        (r"^(a)\1$", "back-references"),
        ("^(?P<a>x)(?P=a)$", "back-references"),
        ("^(?>a)$", GREEDY),
        ("^a++$", GREEDY),
        (r"^a\Z$", r"\Z and \G (write $ or \z)"),
        ("^[$", ""),
        ("^(a$", ""),
        ("^a**$", ""),
        ("^a{1001}$", ""),
        ("^(?P<é>x)$", ""),
        (r"^\C$", ""),
        (r"^\\\C$", ""),
    ],
)
def test_what_cannot_be_compiled(text: str, feature: str) -> None:
    """What Go's RE2 refuses is refused, and a feature that RE2 lacks is named."""
    with pytest.raises(PatternError) as caught:
        compile_pattern(text)
    assert repr(text) in caught.value.message
    see = f"RE2 has no {feature}; see https://github.com/google/re2/wiki/Syntax"
    assert caught.value.hint == (see if feature else "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("^[$", "missing ]: [$"),
        (r"^\C$", r"invalid escape sequence: \C"),
        ("^(?P<é>x)$", "invalid named capture"),
    ],
)
def test_why_it_cannot_be_compiled(text: str, reason: str) -> None:
    """The reason is that of RE2, also where only Go's own RE2 refuses."""
    with pytest.raises(PatternError) as caught:
        compile_pattern(text)
    assert caught.value.message == f"RE2 cannot compile {text!r}: {reason}"


def test_an_escaped_backslash_before_a_c_is_no_single_byte() -> None:
    r"""`\\C` is a backslash and a C, which Go takes, and not its refused `\C`."""
    assert compile_pattern(r"^\\C$").matches("\\C")


def test_equal_texts_are_one_pattern() -> None:
    """Patterns compare by their text, so that they can stand in sets."""
    assert len({*compiled("a*", "a*", "^a.*$")}) == 2


def test_the_first_match_ends_the_search() -> None:
    """A text behind the one that matches is never compiled."""
    assert matches_any(["a", "b*", "^["], "bc") == "b*"


def test_a_broken_text_counts_only_when_it_is_reached() -> None:
    """Whatever stands behind a broken text is unreachable, for its error comes first."""
    with pytest.raises(PatternError):
        matches_any(["a", "^[$", "b"], "b")
    assert matches_any(["a", "^[$"], "a") == "a"


def test_nothing_matches_no_texts() -> None:
    """An empty list matches nothing."""
    assert matches_any([], "a") is None


SELECTORS = [
    ("empty selects nothing", {}, {"env": "dev"}, "empty"),
    ("a value", {"env": "dev"}, {"env": "dev", "team": "x"}, "keys"),
    ("another value", {"env": "dev"}, {"env": "prod"}, "no value"),
    ("a missing key", {"env": "dev"}, {"team": "x"}, "no key"),
    ("any of a list", {"env": ["qa", "dev"]}, {"env": "dev"}, "keys"),
    ("none of a list", {"env": ["qa", "dev"]}, {"env": "prod"}, "no value"),
    ("no value at all", {"env": []}, {"env": "dev"}, "no value"),
    ("all keys", {"env": "dev", "team": "x"}, {"env": "dev", "team": "x"}, "keys"),
    ("not all keys", {"env": "dev", "team": "x"}, {"env": "dev"}, "no key"),
    ("everything, even without labels", {"*": "*"}, {}, "everything"),
    ("everything as a list", {"*": ["*"]}, {}, "everything"),
    ("everything beside another key", {"env": "dev", "*": "*"}, {"env": "prod"}, "everything"),
    ("a star with other values is a key", {"*": ["*", "a"]}, {"env": "a"}, "no key"),
    ("a star key with a value", {"*": "dev"}, {"env": "dev"}, "no key"),
    ("a star value wants the key", {"env": "*"}, {}, "no key"),
    ("a star value takes any value", {"env": "*"}, {"env": "a\nb"}, "keys"),
    ("a star among values", {"env": ["x", "*"]}, {"env": "prod"}, "keys"),
    ("a glob", {"env": "dev-*"}, {"env": "dev-1"}, "keys"),
    ("a glob is no key", {"e*": "dev"}, {"env": "dev"}, "no key"),
    ("a regular expression", {"env": "^(dev|qa)$"}, {"env": "qa"}, "keys"),
    ("case counts", {"env": "Dev"}, {"env": "dev"}, "no value"),
    ("an empty value", {"env": ""}, {"env": ""}, "keys"),
    ("broken, with a missing key", {"env": "^[$", "team": "x"}, {"env": "dev"}, "no key"),
    ("broken behind a match", {"env": ["dev", "^[$"]}, {"env": "dev"}, "keys"),
]


@pytest.mark.parametrize(
    ("selector", "target", "why"),
    [case[1:] for case in SELECTORS],
    ids=[case[0] for case in SELECTORS],
)
def test_label_selector(
    selector: dict[str, str | Sequence[str]], target: dict[str, str], why: str
) -> None:
    """A selector matches as Teleport's MatchLabels does, and says what decided."""
    match = LabelSelector.of(selector).match(target)
    assert match.why == why
    assert match.matched is (why in ("keys", "everything"))


def test_label_match_names_the_key_and_the_value() -> None:
    """A mismatch says which key decided and what the target has there."""
    selector = LabelSelector.of({"team": "x", "env": "dev"})
    found = selector.match({"team": "x", "env": "prod"})
    assert found == LabelMatch(matched=False, why="no value", key="env", value="prod")


def test_a_broken_value_that_decides_is_an_error() -> None:
    """Where all other keys match, a value that cannot be compiled is an error, not a mismatch."""
    with pytest.raises(PatternError):
        LabelSelector.of({"env": "^[$", "team": "x"}).match({"env": "dev", "team": "x"})


def test_no_selector_at_all() -> None:
    """A role without labels selects nothing."""
    assert LabelSelector.of(None) == LabelSelector() == LabelSelector.of({})


OVERLAPS = [
    ("read_*", "*_file", "read_file"),
    ("read_*", "read_x", "read_x"),
    ("^(get|list)_.*$", "list_*", "list_"),
    ("^a|b$", "x*", "xb"),
    ("^(?i)READ$", "r*", "read"),
    ("^\\bfoo\\b.+$", "foo*r", "foo-r"),
    ("^(?m)a$\n^b$", "a*", None),
    ("^(?m:a$)\nb$", "^a\\nb$", "a\nb"),
    ("^[^a-z]$", "^\\w$", "0"),
    ("^x{2,3}$", "^x{3,4}$", "xxx"),
    ("*", "*", "a"),
    ("^\\$", "^\\^.*$", None),
    ("delete_*", "read_*", None),
    ("", "*", None),
    ("^$", "*", None),
    ("^a.c$", "a\nc", None),
    ("^(?s)a.c$", "a\nc", "a\nc"),
]


@pytest.mark.parametrize(("one", "other", "name"), OVERLAPS)
def test_overlap(one: str, other: str, name: str | None) -> None:
    """Two patterns overlap if there is a non-empty name that both match, and it is shown."""
    assert overlap(*compiled(one, other)) == Answer(value=name is not None, name=name)


@pytest.mark.parametrize("edge", [r"\b", r"\B"])
def test_word_edges_are_those_of_re2(edge: str) -> None:
    """Which characters make a word is the same where names are searched for as where they are matched."""
    after = compile_pattern(f"^a{edge}.$")
    for code in (*range(128), 0xE9):
        only = compile_pattern(f"^a[\\x{{{code:x}}}]$")
        assert overlap(after, only).value is after.matches(f"a{chr(code)}"), code


@pytest.mark.parametrize("edge", ["(?m:^)", "(?m:$)"])
def test_edges_of_lines_are_those_of_re2(edge: str) -> None:
    """Where a line begins and ends is the same where names are searched for as where they are matched."""
    for name in ("|a", "a|", "a|\nb", "a\n|b", "a|b", "\n|\n"):
        pattern = compile_pattern(f"^{name.replace('|', edge)}$")
        assert find([[pattern]]).value is pattern.matches(name.replace("|", "")), name


def test_what_is_not_wanted_may_hang_on_what_comes_next() -> None:
    """A name is found although the same beginning, followed by anything but a letter, is forbidden."""
    assert find([compiled("a*")], compiled(r"^a\b|zz$")) == Answer(value=True, name="aa")


@pytest.mark.parametrize(
    ("wide", "narrow", "missed"),
    [
        ("*", "read_*", None),
        ("read_*", "*", "a"),
        ("read_*", "^read_[a-z]+$", None),
        ("^read_[a-z]+$", "read_*", "read_"),
        ("*", "^[^a]$", "\n"),
        ("^.*$", "*", None),
        ("a*", "a", None),
        ("a", "a*", "aa"),
        ("^(a|b)c$", "ac", None),
        ("a*b", "a*b*b", None),
        ("a", "", None),
    ],
)
def test_covers(wide: str, narrow: str, missed: str | None) -> None:
    """A pattern covers another if it misses none of its names; else one that it misses is shown."""
    answer = covers(*compiled(wide, narrow))
    assert answer.value is (missed is None)
    if missed is not None:
        assert answer.name is not None
        assert compile_pattern(narrow).matches(answer.name)
        assert not compile_pattern(wide).matches(answer.name)
        assert len(answer.name) == len(missed)


def test_find_combines_groups_and_exceptions() -> None:
    """A name is found that is asked for, allowed and not denied, if there is one."""
    asked, allow = compiled("*_file"), compiled("read_*", "write_file")
    assert find([asked, allow]) == Answer(value=True, name="write_file")
    assert find([asked, allow], compiled("write_*")) == Answer(value=True, name="read_file")
    assert find([asked, allow], compiled("write_*", "read_*")) == Answer(value=False)


def test_the_example_is_the_same_every_time() -> None:
    """Of several simple examples the first by name is shown, however sets are ordered."""
    names = [f"r{number:02}" for number in range(40)]
    assert find([compiled(*(f"{name}*" for name in reversed(names)))]).name == "r00"


def test_find_with_nothing_to_choose_from() -> None:
    """An empty group matches nothing; no group at all asks for any name."""
    assert find([compiled("*"), ()]).value is False
    assert find([]).value is True
    assert find([], compiled("*")).name == "\n"


def test_find_sees_a_gap_of_one_character() -> None:
    """What two exceptions leave between them is found, also far from the letters of names."""
    around = compiled(r"^[\x{80}-\x{90}]$", r"^[\x{92}-\x{10FFFF}]$")
    assert find([compiled(r"^[\x{80}-\x{10FFFF}]$")], around) == Answer(value=True, name="\x91")


def test_find_gets_around_many_literal_exceptions() -> None:
    """Hundreds of literal exceptions leave other names, and one is found."""
    taken = compiled(*(f"tool_{n}" for n in range(500)), "tool_")
    answer = find([compiled("tool_*")], taken)
    assert answer.value is True
    assert answer.name not in {pattern.text for pattern in taken}


def test_find_beside_much_that_is_listed() -> None:
    """However much a role lists word by word, an example is found among what its patterns add."""
    listed = compiled(*(f"tool_{number}_{'x' * 1000}" for number in range(20)))
    answer = find([[*listed, *compiled("a*")]], compiled("tool_*", "a"))
    assert answer == Answer(value=True, name="aa")


def test_what_takes_too_long_is_undecided() -> None:
    """A question that would need a giant automaton is left undecided, with the reason."""
    late_a, late_b = compiled("^(a|b)*a(a|b){16}$", "^(a|b)*b(a|b){15}$")
    answer = find([[late_a], [late_b]], compiled("^[ab]*$"))
    assert answer.value is None
    assert "too long" in answer.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"^\pL+$", r"\p"),
        (r"^\Qa.b\E$", r"\Q"),
        ("^(?i)é$", "case"),
        ("^(abcdefghijklmnopqrstuvwxy){1000}$", "states"),
        ("^" + "(" * 70 + "a" + ")" * 70 + "$", "nested"),
    ],
)
def test_what_is_not_translated_is_undecided(text: str, reason: str) -> None:
    """Regular expressions beyond the subset match names as ever, but are not reasoned about."""
    answer = overlap(*compiled(text, "*"))
    assert answer.value is None
    assert reason in answer.reason


LETTERS = r"^\pL+$"  # beyond the automata


@pytest.mark.parametrize(
    ("wanted", "unwanted", "value"),
    [
        ([["^read_[a-z]$"]], [LETTERS], True),
        ([["^[a-z]$"]], [LETTERS], None),
        ([["^ab?$"], ["b*"]], [LETTERS], False),
        ([["^a_?$", LETTERS]], [], True),
        ([["^a_?$", LETTERS], ["^b$"]], [], None),
        ([["é", LETTERS], ["^.$"]], [], True),
        ([[LETTERS]], [LETTERS], False),
    ],
)
def test_what_is_not_translated_may_not_matter(
    wanted: list[list[str]], unwanted: list[str], value: bool | None
) -> None:
    """A yes that RE2 confirms and a no that holds without it are answers all the same."""
    answer = find([compiled(*group) for group in wanted], compiled(*unwanted))
    assert answer.value is value
    assert bool(answer.reason) is (value is None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read_file", ()),
        ("read_*", ()),
        ("^(a|b)$", ()),
        (r"^\pL$", ()),
        ("^foo", ("half anchored",)),
        ("foo$", ("half anchored",)),
        ("^foo.*", ("half anchored",)),
        ("^a|b$", ("loosely anchored",)),
        (r"^foo\$", ("loosely anchored",)),
        ("^foo|$", ("loosely anchored", "matches everything")),
        ("^a$|b|^c$", ("loosely anchored",)),
        ("^a$|^b$", ()),
        ("read_.*", ("looks like a regex",)),
        ("(get|list)_file", ("looks like a regex",)),
        ("get|list", ("looks like a regex",)),
        ("file[0-9]", ("looks like a regex",)),
        (r"file\d", ("looks like a regex",)),
        ("*", ("matches everything",)),
        ("**", ("matches everything",)),
        ("^.*$", ("matches everything",)),
        ("^.+$", ("matches everything",)),
        ("^(|.*)$", ("matches everything",)),
    ],
)
def test_traps(text: str, expected: tuple[str, ...]) -> None:
    """A pattern that may mean something else than it seems to is recognised."""
    assert traps(compile_pattern(text)) == expected


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("read_file", "read_file"),
        ("read_*", "read_"),
        ("*_file", ""),
        ("^read_[a-z]$", "read_"),
        ("^(?i)read$", ""),
        ("^a|b$", ""),
        ("^a*$", ""),
        (r"^\pL$", ""),
        ("^$", ""),
        ("^*abc$", ""),
        ("^?abc$", ""),
        ("^^abc$", ""),
    ],
)
def test_common_prefix(text: str, prefix: str) -> None:
    """The prefix is what every match is known to begin with."""
    assert common_prefix(compile_pattern(text)) == prefix


def test_re2_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be compiled is told by us, and not by a line that RE2 writes to stderr."""
    with pytest.raises(PatternError):
        compile_pattern("^[never closed$")
    assert capfd.readouterr() == ("", "")
