from __future__ import annotations

import sys

import pytest

from provisioner.errors import Place, Problem
from provisioner.text.source import CODES, MAX_BYTES, Document, Step, excerpt, load, overlay
from provisioner.text.source._base import INVISIBLE
from provisioner.values import Plain


def read(text: str, file: str = "site.yaml") -> Document:
    """Read what must be readable."""
    document, problems = load(text.encode(), file)
    assert problems == ()
    assert document is not None
    return document


def problems_in(text: str) -> tuple[Problem, ...]:
    return load(text.encode(), "site.yaml")[1]


def unmark(text: str, opening: str = "«", closing: str = "»") -> tuple[str, Place]:
    """Take the marks out of a text, and return the place that was between them."""
    before, inside, after = text.partition(opening)[0], *text.partition(opening)[2].split(closing)
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    end = column + len(inside.partition("\n")[0])
    return before + inside + after, Place("site.yaml", line, column, end)


# --- scalars: YAML 1.2, core schema ------------------------------------------------------------

SCALARS: list[tuple[str, Plain]] = [
    *((text, None) for text in ("", "~", "null", "Null", "NULL")),
    *((text, True) for text in ("true", "True", "TRUE")),
    *((text, False) for text in ("false", "False", "FALSE")),
    *((text, text) for text in ("on", "no", "yes", "off", "y", "N", "nUll", "tRUE", "None")),
    *((text, text) for text in ("12:30", "1:2:3", "2026-11-22", "1_000", "0b1", "-0x1f", "0O7")),
    *((text, text) for text in ("1.2.3", "+", "-x", ".", "..", "1e", "e5", "-.e1", "+.inf.")),
    *((text, text) for text in ("1h", "8.0.0.1:3", "=", "٣", "1٣", "a<<b")),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("-7", -7),
    ("0x1F", 31),
    ("0o17", 15),
    ("999999999999999999", 999_999_999_999_999_999),
    ("0.5", 0.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("-1.5e3", -1500.0),
    ("1e3", 1000.0),
    ("12345678.1234567", 12345678.1234567),
    ('"1"', "1"),
    ("'true'", "true"),
    ('"~"', "~"),
    ('"<<"', "<<"),
    ('"\\u200b\\x7f\\U0001F600"', "\u200b\x7f\U0001f600"),
    ("|\n  a\n  b\n", "a\nb\n"),
    (">-\n  a\n  b\n", "a b"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_follow_the_core_schema(text: str, value: Plain) -> None:
    """A scalar is what YAML 1.2's core schema says: nothing of 1.1's booleans, times and octals."""
    found = read(f"key: {text}\n").value["key"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment ! here\n", "---\n", "\ufeff"])
def test_a_file_without_content_is_null(text: str) -> None:
    """Nothing, or comments only, is a document whose value is None; what is missing, decode says."""
    document = read(text)
    assert document.value is None
    assert document.place(["roles"]).file == "site.yaml"


# --- what is refused, and where ----------------------------------------------------------------

REFUSED = [
    ("PV003", "a: x«\u200b»y\n"),
    ("PV003", "a: 1\n# «\u202e»comment\n"),
    ("PV003", 'a: "x«\x85»y"\n'),
    ("PV003", "a: 1«\u2028»  b: 2\n"),
    ("PV003", "a: 1«\u2029»b: 2\n"),
    ("PV003", "a: 1«\r»b: 2\n"),
    ("PV003", "a: «\x1b»[31m\n"),
    ("PV003", "a: «\0»\n"),
    ("PV003", "a: x«\xad»y\n"),
    ("PV003", "a: «\ufeff»b\n"),
    ("PV003", "a: «\u2060»b\n"),
    ("PV003", "a: b«\U000e0041»\n"),
    ("PV003", "a: b«\U000e0100»\n"),
    ("PV003", "a: delete_*«\ufe0f»\n"),
    ("PV003", "a: \u2764\ufe0f«\ufe0f»\n"),
    ("PV005", "a: 1\n«---»\nb: 2\n"),
    ("PV006", "«%TAG ! tag:x,2000:»\n---\na: 1\n"),
    ("PV006", "«%YAML 1.1»\n---\na: 1\n"),
    ("PV006", "# x\n«%YAML 2.0»\r\n---\r\na: 1\r\n"),
    ("PV006", "a: 1\n«%FOO»\n"),
    ("PV007", "a: 1\nb: 2\n«a»: 3\n"),
    ("PV007", "a: {b: 1, «'b'»: 2}\n"),
    ("PV008", "a: «!foo» b\n"),
    ("PV008", "a: «!!str» 1\n"),
    ("PV008", "a: «!!binary» aGk=\n"),
    ("PV008", "a: &x «!<tag:y>» [b]\n"),
    ("PV008", "a: «!» 12\n"),
    ("PV008", "a: «!» 'b'\n"),
    ("PV008", "a: «!» {b: 1}\n"),
    ("PV008", "a: &x «!» b\n"),
    ("PV008", "«!!python/name:os.system» a\n"),
    ("PV008", "a: «!»e!b c\n"),
    ("PV009", "base: &b {a: 1}\nc:\n  «<<»: *b\n"),
    ("PV010", "? «[»a]\n: b\n"),
    ("PV010", "«{»{internal.name}}: b\n"),
    ("PV010", "a: {«{»internal.name}}\n"),
    ("PV010", "a: &x b\n«*x» : c\n"),
    ("PV011", "«123»: a\n"),
    ("PV011", "a:\n  «true»: b\n"),
    ("PV011", "«~»: a\n"),
    ("PV011", "«1.5»: a\n"),
    ("PV011", "?«»\n: a\n"),
    ("PV012", "a: «012»\n"),
    ("PV012", "a: [«-00.5»]\n"),
    ("PV012", "«007»: a\n"),
    ("PV013", "a: «1234567890123456789»\n"),
    ("PV013", "a: «0.1234567890123456789»\n"),
    ("PV013", "a: «0xFFFFFFFFFFFFFFF»\n"),
    ("PV013", "a: «1e999»\n"),
    ("PV013", f"a: «{'9' * 5000}»\n"),
    ("PV014", "a: «.inf»\n"),
    ("PV014", "a: «-.INF»\n"),
    ("PV014", "a: «.NaN»\n"),
    ("PV015", "tools: [«*_search»]\n"),
    ("PV016", "a: &x\n  b: «*x»\n"),
    ("PV016", "a: &x [[«*x»]]\n"),
    ("PV018", "[" * 64 + "«[»" + "]" * 65),
    ("PV018", "\n".join("  " * n + "a:" for n in range(64)) + "\n" + "  " * 64 + "«»b: 1\n"),
    ("PV019", 'a: «"\\0"»\n'),
    ("PV019", 'a: "\\u«d»800"\n'),
    ("PV019", 'a: "\\u«d»83d\\ude00"\n'),
    ("PV019", 'a: "\\U«0»0110000"\n'),
]


@pytest.mark.parametrize(("code", "marked"), REFUSED)
def test_what_a_reviewer_could_misread_is_refused(code: str, marked: str) -> None:
    """Each refusal has its code, stands exactly where the fault is, and says a cure."""
    text, place = unmark(marked)
    problem = problems_in(text)[0]
    assert (problem.code, problem.at) == (code, place)
    assert problem.severity == "error"
    assert problem.message
    assert problem.hint
    assert INVISIBLE.search(problem.message + problem.hint + problem.excerpt) is None


SYNTAX = [
    ("desc: note«:» this\n", 'a second ":"', "quotes"),
    ("roles:\n  dev\n    tools«:» x\n", "makes a key where none can be", "line above"),
    ("a: 1\n  b«:» 2\n", "makes a key where none can be", "indented too far"),
    ("a: 1\n«b»:2\nc: 3\n", 'a line without ":"', "space"),
    ("a:\n«\t»b: 1\n", "a tab cannot indent", "spaces"),
    ("a:\n  b: 1\n«\t»c: 2\n", "a tab cannot indent", "spaces"),
    ("a: |\n«\t»b\n", "a tab cannot indent", "spaces"),
    ("a: «@»b\n", 'cannot begin with "@"', "quotes"),
    ("a: «%»b\n", 'cannot begin with "%"', "quotes"),
    ("a: [«*»]\n", 'cannot begin with "*"', "quotes"),
    ("a: «*».example.com\n", 'cannot begin with "*"', "quotes"),
    ("a: «&» b\n", 'cannot begin with "&"', "quotes"),
    ('a: «"»b\nc: 1\n', 'this " is never closed', "close it"),
    ("a: «'»b\n---\n", "this ' is never closed", "close it"),
    ("a: «[»b\n", "this [ is never closed", "close it"),
    ("a: «{»b: []\n\n", "this { is never closed", "close it"),
    ("a: [b,«»\n\n", "the file ends inside", "close"),
    ("«:» a\n", "a key is missing", "write the key"),
    ("{«:» a}\n", "a key is missing", "write the key"),
    ("a: [b\nc«:» d\n", '"," or "]" is missing, in the list that begins on line 1', "commas"),
    ("a: {b: 1 c«:» 2}\n", '"," or "}" is missing, in the mapping', "commas"),
    ("a: [b«}»\n", '"," or "]" is missing', "commas"),
    ("a: [b,«,»c]\n", 'a value is missing before ","', "too much"),
    ("a: 'it'«s»'\n", "does not belong to the value before it", "''"),
    ("a:\n  b: 1\n «c»: 2\n", "neither a key of the mapping that begins on line 1", "alike"),
    ("a:\n  - b\n  «c»: 1\n", "neither an item of the list that begins on line 2", "alike"),
    ("a: «-» b\n", "a list cannot begin in the line of its key", "next line"),
    ('a: "«\\»d+"\n', "a backslash", "single quotes"),
    ('a: "C:\\U«s»ers"\n', "a backslash", "single quotes"),
    ("a: >«b»\n", "begins in the next line", "quotes"),
    ("a: 1\n...\n«b»: 2\n", "does not belong to what stands above", "outermost"),
    ("a: |«0»\n b\n", "found an indentation indicator equal to 0", ""),
]


@pytest.mark.parametrize(("marked", "message", "hint"), SYNTAX)
def test_syntax_errors_are_said_in_plain_words(marked: str, message: str, hint: str) -> None:
    """libyaml's errors point at the fault, and say what it is and what to do."""
    text, place = unmark(marked)
    document, (problem,) = load(text.encode(), "site.yaml")
    assert document is None
    assert (problem.code, problem.at) == ("PV004", place)
    assert message in problem.message
    assert hint in problem.hint
    assert bool(problem.related) is ("that begins on line" in problem.message)


BYTES = [
    (b"a: 1\nb: \xc3\xa9\xff\n", Place("site.yaml", 2, 5, 6), "0xFF"),
    (b"a: \xed\xa0\x80\n", Place("site.yaml", 1, 4, 5), "0xED"),
    (b"a: \xf0\x9f\x98", Place("site.yaml", 1, 4, 5), "0xF0"),
    ("a: 1\n".encode("utf-16"), Place("site.yaml", 1, 1, 2), "0xFF"),
]


@pytest.mark.parametrize(("data", "place", "byte"), BYTES)
def test_bytes_that_are_not_utf8_are_refused(data: bytes, place: Place, byte: str) -> None:
    """The first byte that is not UTF-8 is named and pointed at, in characters."""
    document, problems = load(data, "site.yaml")
    assert document is None
    assert (problems[0].code, problems[0].at) == ("PV001", place)
    assert byte in problems[0].message


def test_a_file_can_be_too_large() -> None:
    """More than 64 MB is refused before anything reads it."""
    document, (problem,) = load(b"#" * (MAX_BYTES + 1), "site.yaml")
    assert document is None
    assert (problem.code, problem.at) == ("PV002", Place("site.yaml"))


def test_every_code_is_documented_and_can_happen() -> None:
    """`CODES` holds the codes that the tests of this module provoke, and no others."""
    tested = {code for code, _ in REFUSED} | {"PV001", "PV002", "PV004", "PV017"}
    assert tested == CODES.keys()


def test_whatever_libyaml_refuses_is_refused_before() -> None:
    """Every character that gets past our own refusals arrives unchanged through libyaml."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)]))
    text = INVISIBLE.sub("", every.translate(dict.fromkeys(map(ord, '"\\\t\n\r'))))
    assert read(f'a: "{text}"\n').value == {"a": text}


def test_a_symbol_may_say_how_it_is_drawn() -> None:
    """U+FE0F after a symbol is how an emoji is written, and no way to hide anything."""
    assert (
        read("a: 1  # \u26a0\ufe0f careful\nb: \U0001f6e1\ufe0f\n").value["b"] == "\U0001f6e1\ufe0f"
    )


def test_quoted_keys_are_text() -> None:
    """Quotes make text of what would be refused as a key without them."""
    assert read("'<<': 1\n\"1\": 2\n'true': 3\n").value == {"<<": 1, "1": 2, "true": 3}


# --- many problems -----------------------------------------------------------------------------


def test_all_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    """One reading tells of every refusal that leaves the structure clear, sorted by place."""
    problems = problems_in("a: 012\nb: ! 1\na: !x y\n1: *z\nc: .nan\n")
    codes = ["PV012", "PV008", "PV007", "PV008", "PV011", "PV015", "PV014"]
    assert [problem.code for problem in problems] == codes


def test_of_many_alike_twenty_are_told() -> None:
    """The twenty-first problem of a code and all after it are counted, not told."""
    *told, numbers, keys = problems_in("".join(f"a: 0{n}\n" for n in range(1, 1_061)))
    assert [problem.code for problem in told].count("PV012") == 20
    assert [problem.code for problem in told].count("PV007") == 20
    assert numbers.message.startswith("and 1,040 more")
    assert keys.message.startswith("and 1,039 more")


def test_of_many_invisible_characters_twenty_are_told() -> None:
    """The characters refused before parsing are capped in the same way."""
    *told, rest = problems_in("# \u200b\n" * 50)
    assert [problem.at.line for problem in told if problem.at] == list(range(1, 21))
    assert rest.message.startswith("and 30 more")


def test_a_document_survives_problems_that_leave_it_clear() -> None:
    """With duplicates, tags and bad numbers the document is still there, the first key winning."""
    document, problems = load(b"a: 1\na: {b: [2]}\nc: !x {d: 1}\n", "site.yaml")
    assert document is not None
    assert document.value == {"a": 1, "c": {"d": 1}}
    assert document.key_place(["c"]) == Place("site.yaml", 3, 1, 2)
    assert document.place(["c", "d"]) == Place("site.yaml", 3, 11, 12)
    assert [problem.code for problem in problems] == ["PV007", "PV008"]


def test_a_duplicate_key_shows_the_first_one_too() -> None:
    """The related place of a repeated key is the key it repeats, whatever stands between."""
    (problem,) = problems_in("x: {a: [1]}\ny:\n  a: {b: {c: 1}}\n  k: [1, {z: 2}]\n  a: 2\n")
    assert problem.at == Place("site.yaml", 5, 3, 4)
    assert problem.related == (Place("site.yaml", 3, 3, 4),)
    assert "`a`" in problem.message


def test_a_faulty_list_shows_where_it_begins() -> None:
    """An error inside brackets relates to the bracket that opened them."""
    (problem,) = problems_in("tools:\n  [search,\n  'read' 'write']\n")
    assert problem.at == Place("site.yaml", 3, 10, 11)
    assert problem.related == (Place("site.yaml", 2, 3, 4),)


# --- anchors and aliases -----------------------------------------------------------------------


def test_aliases_share_what_they_name() -> None:
    """An alias is the anchored value itself, and keys and scalars can be anchored too."""
    value = read("a: &x {b: &y 1}\n&k c: *x\nd: [*y, *k]\n").value
    assert value == {"a": {"b": 1}, "c": {"b": 1}, "d": [1, "c"]}
    assert value["a"] is value["c"]


def test_a_thousand_aliases_are_enough() -> None:
    """The alias after the thousandth is refused at its place."""
    assert len(read(f"a: &x 1\nb: [{'*x,' * 1000}]\n").value["b"]) == 1000
    document, (problem,) = load(f"a: &x 1\nb: [{'*x,' * 1001}]\n".encode(), "site.yaml")
    assert document is None
    assert (problem.code, problem.at) == ("PV017", Place("site.yaml", 2, 3005, 3007))


def test_aliases_cannot_multiply() -> None:
    """Nested aliases count by what they stand for, so that walking a value stays cheap."""
    levels = (f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    problems = problems_in("l0: &l0 [lol, lol, lol, lol, lol]\n" + "\n".join(levels))
    assert [problem.code for problem in problems] == ["PV017"]


def test_aliases_cannot_dig() -> None:
    """Depth counts through aliases, so that no walker of a value meets more than 64 levels."""
    shallow = f"a: &x [{'[' * 39}{']' * 39}, &z 1]\nb: &y {'[' * 22}*x{']' * 22}\n"
    assert problems_in(shallow) == ()
    problems = problems_in(f"{shallow}c: {'[' * 2}*y{']' * 2}\n")
    assert [problem.code for problem in problems] == ["PV018"]


# --- places ------------------------------------------------------------------------------------

PLACES: list[tuple[str, list[Step]]] = [
    ("a: «1»\n", ["a"]),
    ("a: «[b, {c: d}]» # e\n", ["a"]),
    ("a: [b, {c: «d»}]\n", ["a", 1, "c"]),
    ("a: [b, «{c: d}»]\n", ["a", 1]),
    ("a:\n  «b»: 1\n  c: 2\n", ["a"]),
    ("a:\n  - b\n  - «c»: 1\n", ["a", 1]),
    ("a:\n«- b»\n- c\n", ["a"]),
    ("a:\n- b\n- «c»\n", ["a", 1]),
    ('a: «"x: y"» # z\n', ["a"]),
    ("a: «'it''s'»\n", ["a"]),
    ("a: «|»\n  text\n  more\nb: 1\n", ["a"]),
    ("a: «one\n  two»\nb: 1\n", ["a"]),
    ("a: «[b,\n  c]»\n", ["a"]),
    ("a:«»\nb: 1\n", ["a"]),
    ("a: &x «b»\n", ["a"]),
    ("a: &x «{b: 1, c: 2}»\n", ["a"]),
    ("a: «one»  \n  two\n", ["a"]),
    ("a: &x b\nc: «*x»\n", ["c"]),
    ("a: &x {b: «1»}\nc: *x\n", ["c", "b"]),
    ("# 😀\n😀: {é😀: «ü»}\n", ["😀", "é😀"]),
    ("a: 1\r\nb:\r\n  c: «2»\r\n", ["b", "c"]),
    ("«a»: 1\n", []),
    ("«- a»\n", []),
    ("--- «text»\n", []),
    ("a: «{b: 1}»\n", ["a", "missing", "too"]),
    ("a: «{b: 1}»\n", ["a", 0]),
    ("a: «{b: 1}»\n", ["a", 1, "b"]),
    ("a: {b: «1»}\n", ["a", 0, "b"]),
    ("a: «[b]»\n", ["a", "b"]),
    ("a: «[b]»\n", ["a", -1]),
    ("a: «text»\n", ["a", "t"]),
]


@pytest.mark.parametrize(("marked", "path"), PLACES)
def test_every_value_has_its_place(marked: str, path: list[Step]) -> None:
    """`place` is where a value stands, as far as its first line goes, or its nearest ancestor."""
    text, place = unmark(marked)
    assert read(text).place(path) == place


KEYS: list[tuple[str, list[Step]]] = [
    ("«a»: 1\n", ["a"]),
    ("a: {b: 1, «'c'»: [2]}\n", ["a", "c"]),
    ("a:\n  b:\n    - c: 1\n      «d» : 2\n", ["a", "b", 0, "d"]),
    ("a: [b, «c»]\n", ["a", 1]),
    ("a:\n  «b»: {}\n", ["a", "b", "missing"]),
    ("&x «a»: 1\n", ["a"]),
    ("? «a»\n: 1\n", ["a"]),
    ("a: {b: 1, «c»: [2]}\n", ["a", 0, "c"]),
]


@pytest.mark.parametrize(("marked", "path"), KEYS)
def test_every_key_has_its_place(marked: str, path: list[Step]) -> None:
    """`key_place` is where a key stands; of a list's item, the item."""
    text, place = unmark(marked)
    assert read(text).key_place(path) == place


def test_lines_count_as_an_editor_counts() -> None:
    """Lines come without their ends, from 1; a byte order mark is no column."""
    document = read("\ufeffa: 1\r\n\r\nb: 2")
    assert document.lines == ("a: 1", "", "b: 2")
    assert [document.line(n) for n in (0, 1, 3, 4)] == ["", "a: 1", "b: 2", ""]
    assert document.key_place(["a"]) == Place("site.yaml", 1, 1, 2)


# --- excerpts ----------------------------------------------------------------------------------


def test_a_short_line_is_its_own_excerpt() -> None:
    """An excerpt is the line at a place; what a terminal could obey is replaced in it."""
    document = read("a: 1\n  # note\nb: 2\n")
    assert document.excerpt(document.place(["b"])) == "b: 2"
    assert document.excerpt(Place("other.yaml")) == ""
    assert problems_in("a: \x1b[31mred\n")[0].excerpt == "a: \ufffd[31mred"


@pytest.mark.parametrize("column", [1, 50, 82, 500, 1_000])
def test_a_long_line_is_cut_around_the_place(column: int) -> None:
    """At most 200 characters are shown, and the place can be found in them."""
    line = "x" * (column - 1) + "^" + "y" * (1_000 - column)
    shown = excerpt(line, Place("site.yaml", 1, column, column + 1))
    assert shown.index("^") == (81 if shown.startswith("…") else column - 1)
    assert len(shown.strip("…")) <= 200
    assert shown.strip("…") in line


# --- overlays ----------------------------------------------------------------------------------

TOP = "roles:\n  dev: {tools: [a]}\n  old: null\nsite: top\n"
BASE = (
    "roles:\n  dev:\n    tools: [b, c]\n    labels: {x: 1}\n  old: {}\nbots: {ci: {}}\nsite: base\n"
)


def test_an_overlay_merges_mappings_and_replaces_the_rest() -> None:
    """Mappings merge deep, lists and scalars of the upper document win, null removes."""
    merged = overlay(read(TOP, "top.yaml"), read(BASE, "base.yaml"))
    assert merged.value == {
        "roles": {"dev": {"tools": ["a"], "labels": {"x": 1}}},
        "site": "top",
        "bots": {"ci": {}},
    }
    assert merged.file == "top.yaml"


def test_null_over_nothing_stays() -> None:
    """A null that removes nothing is kept, so that decode can object to it."""
    assert overlay(read("a: null\n"), read("b: 1\n")).value == {"a": None, "b": 1}


ORIGINS: list[tuple[list[Step], str]] = [
    (["roles"], "top.yaml:2:3"),
    (["roles", "dev"], "top.yaml:2:8"),
    (["roles", "dev", "tools", 0], "top.yaml:2:17"),
    (["roles", "dev", "labels"], "base.yaml:4:13"),
    (["roles", "dev", "labels", "x"], "base.yaml:4:17"),
    (["roles", "old"], "top.yaml:2:3"),
    (["bots", "ci"], "base.yaml:6:12"),
    (["site"], "top.yaml:4:7"),
]


@pytest.mark.parametrize(("path", "place"), ORIGINS)
def test_an_overlay_keeps_every_origin(path: list[Step], place: str) -> None:
    """A merged value points into the file it came from; what was removed has no place."""
    merged = overlay(read(TOP, "top.yaml"), read(BASE, "base.yaml"))
    assert str(merged.place(path)) == place
    found = merged.place(path)
    line = (TOP if found.file == "top.yaml" else BASE).splitlines()[found.line - 1]
    assert merged.excerpt(found) == line


def test_overlays_do_not_touch_what_they_are_made_of() -> None:
    """Merging changes no document, and an untouched part stays the very same object."""
    top, base = read(TOP), read(BASE)
    merged = overlay(top, base)
    assert (top.value, base.value) == (read(TOP).value, read(BASE).value)
    assert merged.value["bots"] is base.value["bots"]
