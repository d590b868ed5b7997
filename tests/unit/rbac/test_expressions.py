"""The predicate language itself: its syntax, its types and the functions that need no cluster."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.rbac.expressions import (
    Dialect,
    Env,
    ExpressionError,
    Function,
    Table,
    Typed,
    compile_expression,
    library,
)


def fail() -> bool:
    raise AssertionError("nobody should get here")


FUNCTIONS = {
    "contains": Function(("texts", "text"), "bool", library.contains),
    "strings.upper": Function(("texts",), "texts", library.upper),
    "set": Function(("text",), "texts", lambda *texts: texts, rest=True),
    "yes": Function((), "bool", lambda: True),
    "fail": Function((), "bool", fail),
    "user": Function(("text",), "bool", lambda env, text: env.user == text, needs_env=True),
}
VARIABLES: dict[str, Typed | Table] = {
    "name": Typed("text", lambda env: env.user),
    "labels": Table("text", lambda env, key: env.labels.get(key, "")),
    "user.spec.traits": Table("texts", lambda env, key: env.traits.get(key, ())),
}
ENV = Env("alice", {"teams": ("a", "b"), "type": ("t",)}, {"env": "dev", "x": "env", "type": "t"})


def evaluated(text: str, result: Any = "bool", other: Table | None = None) -> object:
    dialect = Dialect(result, VARIABLES, FUNCTIONS, other)
    return compile_expression(dialect, text)(ENV)


TRUE = [
    '"a" == "a"',
    'name == "alice"',
    'labels["env"] == "dev"',
    'labels.env == "dev"',
    'labels[labels["x"]] == "dev"',
    'labels["missing"] == ""',
    '"a" != "b"',
    "1 == 1",
    "1 != 2",
    "010 == 10",
    "yes()",
    "!!yes()",
    "(yes())",
    '!(name == "bob")',
    'contains(user.spec.traits["teams"], "a")',
    'contains(user.spec.traits.teams, "b")',
    '!contains(user.spec.traits["none"], "a")',
    'contains("a", "a")',
    'contains(labels["env"], "dev")',
    'contains(set("a", labels["env"]), "dev")',
    '!contains(set(), "dev")',
    'contains(strings.upper(labels["env"]), "DEV")',
    'contains((labels["env"]), ("dev"))',
    'contains(labels["env"], "dev",)',
    'user("alice")',
    # && binds tighter than ||, and both stop as soon as they know
    "yes() || fail()",
    "!(!yes() && fail())",
    "yes() || yes() && !yes()",
    "(yes() || yes()) && yes()",
    # space, comments and lines as in Go
    '  name=="alice"\n',
    'name == // who\n "alice"',
    'name /* who */ == "alice" /* so\n it is */',
    "yes() &&\n yes()",
    'contains(\n "a",\n "a",\n)',
    # texts as in Go
    '"a\\tb" == "a\tb"',
    '`a\\tb` == "a\\\\tb"',
    '`a\nb` == "a\\nb"',
    '"\\x41\\101\\u0041\\U00000041" == "AAAA"',
    '"\\u00e9\\U0001f600" == "é😀"',
    '"say \\"hi\\"" == `say "hi"`',
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text: str) -> None:
    """These expressions are true."""
    assert evaluated(text) is True


BAD = [
    "",
    " ",
    "yes",
    "yes(",
    "yes())",
    "yes() yes()",
    "&& yes()",
    "yes() &&",
    "yes() & yes()",
    "yes() + yes()",
    "1 < 2",
    "-1 == 1",
    "1.5 == 1.5",
    "0x10 == 16",
    "'a' == 'a'",
    '"a" == "b',
    '"a\nb" == "a"',
    '"\\q" == "q"',
    '"\\\'" == "\'"',
    '"\\ud800" == ""',
    '"\\U00110000" == ""',
    '"\\400" == ""',
    # a line ends an expression where a value stands before it
    "yes()\n&& yes()",
    'contains("a"\n, "a")',
    'contains("a", "a"\n)',
    "yes() /*\n*/ && yes()",
    # names
    "nobody()",
    'missing == "a"',
    'labels.env.x == "a"',
    'labels.type == "t"',
    'labels["env"].x == "a"',
    '(labels)["env"] == 1',
    "user.spec.traits == labels",
    "true",
    'name["a"] == "a"',
    'contains(user.spec["traits"], "a")',
    '(contains)("a", "a")',
    # types, wherever they stand
    'labels["env"]',
    '"a"',
    "1",
    "labels",
    '!"a"',
    'user.spec.traits["teams"] == "a"',
    'labels["env"] == 1',
    "yes() == yes()",
    'yes() || "a"',
    'contains(labels, "env")',
    'contains("a", user.spec.traits["teams"])',
    'contains("a")',
    'contains("a", "a", "a")',
    "contains(1, 1)",
    "yes(1)",
    'set("a") == "a"',
    'contains(set(set("a")), "a")',
    'labels[1] == "a"',
]


@pytest.mark.parametrize("text", BAD)
def test_refused_before_evaluation(text: str) -> None:
    """What Go or Teleport's type check refuses is an error as soon as it is compiled."""
    dialect = Dialect("bool", VARIABLES, FUNCTIONS)
    with pytest.raises(ExpressionError):
        compile_expression(dialect, text)


def test_an_error_says_where() -> None:
    """A syntax error names what stands there and the place, counted in characters from 1."""
    with pytest.raises(ExpressionError, match=r"'\)' is unexpected at character 7"):
        evaluated("yes() )")
    with pytest.raises(ExpressionError, match="'#' is unexpected at character 7"):
        evaluated("yes() #")


@pytest.mark.parametrize("text", ["(" * 100 + "yes()" + ")" * 100, "!" * 100 + "yes()"])
def test_depth_is_bounded(text: str) -> None:
    """Deep nesting is refused before it can exhaust the stack."""
    with pytest.raises(ExpressionError, match="nested"):
        evaluated(text)


def test_length_is_not_bounded() -> None:
    """A long chain is not deep."""
    assert evaluated(" && ".join(["yes()"] * 500)) is True


def test_a_dialect_may_take_unknown_words_for_a_table() -> None:
    """With `other`, one unknown word is that table and two are an entry of it; three are none."""
    other = Table("texts", lambda _, key: (f"other {key}",))
    assert evaluated("nobody.logins", "texts", other) == ("other logins",)
    assert evaluated('nobody["logins"]', "texts", other) == ("other logins",)
    assert evaluated("name", "texts", other) == ("alice",)
    for text in ("nobody", "a.b.c"):
        with pytest.raises(ExpressionError):
            evaluated(text, "texts", other)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("a@b.com", "a"),
        ("a.b+c@d", "a.b+c"),
        ("<x@y>", "x"),
        ("Test <test@example.com>", "test"),
        ('"Q, R" <q@r>', "q"),
        ("A. B <q@r>", "q"),
        ('"q r"@d', "q r"),
        ('"a\\"b"@c', 'a"b'),
        ("x@[1.2.3.4]", "x"),
        ("ünï@d", "ünï"),
    ],
)
def test_email_local(address: str, local: str) -> None:
    """The local part of an address is found as Go's mail.ParseAddress finds it."""
    assert library.email_local((address,)) == (local,)


@pytest.mark.parametrize(
    "address",
    ["", "bad", "x@", "@y", "a..b@c", ".a@c", "a@c.", "a b@c", "a@b@c", "a@b, c@d", "A <a"],
)
def test_email_local_refuses(address: str) -> None:
    """One text that is no address makes an error of the whole list."""
    with pytest.raises(ExpressionError):
        library.email_local(("a@b", address))


@pytest.mark.parametrize(
    ("text", "expression", "replacement", "expected"),
    [
        ("team-x", "^team-(.*)$", "$1", "x"),
        ("abc", "c", "z", "abz"),
        ("bar-baz", "bar-(?P<suffix>.*)", "$suffix", "baz"),
        ("foo-bar-baz", "foo-(.*)-(.*)", "$1.$2", "bar.baz"),
        ("ab", "(a)(x)?", "[$2]", "[]b"),
        ("ab", "(a)", "$1x", "b"),
        ("ab", "(a)", "${1}x", "axb"),
        ("ab", "a", "$0$0", "aab"),
        ("ab", "a", "$$1", "$1b"),
        ("ab", "a", "$-", "$-b"),
        ("ab", "(a)", "$01$7", "b"),
        ("abc", "", "-", "-a-b-c-"),
        ("abc", "b|", "-", "-a-c-"),
        ("aXbX", "(?i)x", "", "ab"),
        ("a\nb", "(?m)^", "> ", "> a\n> b"),
    ],
)
def test_regexp_replace(text: str, expression: str, replacement: str, expected: str) -> None:
    """Finds are replaced as by Go's ReplaceAllString."""
    assert library.regexp_replace((text,), expression, replacement) == (expected,)


def test_regexp_replace_drops() -> None:
    """Texts without a find, and those that become empty, are left out."""
    assert library.regexp_replace(("a", "b", "ab"), "a", "") == ("b",)


def test_regexp_replace_needs_a_regular_expression() -> None:
    """Globs are no regular expressions here, and a broken one is an error even for no text."""
    assert library.regexp_replace(("ab",), "a*", "x") == ("xbx",)
    with pytest.raises(ExpressionError):
        library.regexp_replace((), "*a", "x")


def test_case() -> None:
    """Letters change case one by one as in Go; what has no single counterpart stays."""
    assert library.upper(("aß ŉ ᾳ é",)) == ("Aß ŉ ᾼ É",)
    assert library.lower(("AΔ İ É",)) == ("aδ i é",)


def test_lists() -> None:
    """Nothing wanted is not all, so that such an expression matches nothing by accident."""
    assert library.contains_any(("a", "b"), ("b", "c"))
    assert not library.contains_any(("a",), ())
    assert library.contains_all(("a", "b"), ("b",))
    assert not library.contains_all(("a", "b"), ("b", "c"))
    assert not library.contains_all(("a",), ())
