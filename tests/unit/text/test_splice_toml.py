"""`splice.toml` on Codex configurations."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest

from provisioner.errors import Place
from provisioner.text.splice import SpliceError, Trace, toml
from provisioner.text.splice._base.toml_reading import Reading

OURS = ("mcp_servers", "ours")
VALUE = {"command": "tsh", "args": ["mcp", "connect"], "startup_timeout_sec": 30}
BLOCK = """\
[mcp_servers.ours]
command = "tsh"
args = ["mcp", "connect"]
startup_timeout_sec = 30
"""

CODEX = '''\
# ~/.codex/config.toml
model = "gpt-5"   # the good one
notify = [
  "notify-send", # [not.a.header]
]

# Documentation
[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]

[mcp_servers.docs.env]
"TOKEN" = "abc"
PROMPT = """
[mcp_servers.ours]
command = "no"
"""

# Profiles
[profiles.fast]
model = "mini"
'''


def test_a_new_table_goes_to_the_end() -> None:
    """A new table stands after a blank line at the end, under one header."""
    assert toml.put(CODEX, OURS, VALUE) == f"{CODEX}\n{BLOCK}"


def test_inner_tables_stand_inline() -> None:
    """An environment is an inline table, so that one header holds the whole entry."""
    value = {"command": "tsh", "env": {"A": "1", "b c": ""}, "tools": {}, "list": [{"x": 1.5}]}
    text = toml.put("", ("mcp_servers", 'my "server"'), value)
    assert text.startswith('[mcp_servers."my \\"server\\""]\ncommand = "tsh"\nenv = {')
    assert tomllib.loads(text) == {"mcp_servers": {'my "server"': value}}


@pytest.mark.parametrize(
    ("text", "lead", "end"),
    [
        ("", "", "\n"),
        ("a = 1\n", "\n", "\n"),
        ("a = 1", "\n\n", ""),
        ("a = 1 # x", "\n\n", ""),
        ("a = 1\n\n", "", "\n"),
        ("a = 1\n\n\n\n", "", "\n"),
        ("a = 1\n  ", "\n\n", ""),
        ("\n", "\n", "\n"),
        ("[mcp_servers]\n# none\n", "\n", "\n"),
        ("\ufeffa = 1\n", "\n", "\n"),
        ("a = '''\n[x]\n'''\n", "\n", "\n"),
        ("mcp_servers.other.command = 'x'\n", "\n", "\n"),
        ("[mcp_servers]\nother = {command = 'x'}\n", "\n", "\n"),
        ("[[list]]\n[list.x]\n", "\n", "\n"),
    ],
)
def test_each_end_of_a_file_is_kept_and_restored(text: str, lead: str, end: str) -> None:
    """The text stays as it is before the table, whatever it ends in, and a removal restores it."""
    after = toml.put(text, OURS, VALUE)
    assert after == text + lead + BLOCK.rstrip() + end
    assert toml.remove(after, OURS, toml.trace(text, OURS)) == text


def test_line_breaks_are_those_of_the_file() -> None:
    """A file with CRLF gets its table with CRLF."""
    text = CODEX.replace("\n", "\r\n")
    after = toml.put(text, OURS, VALUE)
    assert after == f"{CODEX}\n{BLOCK}".replace("\n", "\r\n")
    assert toml.remove(after, OURS, toml.trace(text, OURS)) == text


def test_an_equal_table_changes_nothing() -> None:
    """A table that is there already, in whatever form, gives the identical text."""
    text = "[mcp_servers]\nours = { args = [ 'mcp', \"connect\" ], command = 'tsh', startup_timeout_sec=30 }"
    assert toml.put(text, OURS, VALUE) == text
    assert toml.put(f"{CODEX}\n{BLOCK}", OURS, VALUE) == f"{CODEX}\n{BLOCK}"


@pytest.mark.parametrize(("old", "new"), [("1", 1.0), ("1", True), ("true", 1), ("1.0", 1)])
def test_values_of_different_types_are_different(old: str, new: Any) -> None:
    """1, 1.0 and true are three values, although Python finds them equal."""
    after = toml.put(f"[t]\na = {old}\n", ("t",), {"a": new})
    assert repr(tomllib.loads(after)["t"]["a"]) == repr(new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a = 1 # x\nb = 2\n", {"a": 1, "b": 3}, "a = 1 # x\nb = 3\n"),
        ("a=1 # x\n", {"a": "y"}, 'a="y" # x\n'),
        ("# x\na = 1\n# y\nb = 2\n# z\n", {"b": 2}, "# x\n# y\nb = 2\n# z\n"),
        ("  a = 1\n", {"a": 1, "b": 2}, "  a = 1\n  b = 2\n"),
        ("a = 1\n\n# next", {"a": 1, "b": 2}, "a = 1\nb = 2\n\n# next"),
        ("a = [\n  1, # x\n]\n", {"a": [2]}, "a = [2]\n"),
        ("a = 1\n\n[t.env]\nX = 'x'\n\n[u]\n", {"a": 2, "env": {"X": "x"}}, "a = 2\n\n[t.env]\nX = 'x'\n\n[u]\n"),
        ("a = 1\n\n[t.env]\nX = 'x'\n\n[u]\n", {"a": 1, "env": {"X": "y"}}, 'a = 1\nenv = {"X" = "y"}\n\n[u]\n'),
        ("a = 1\n\n[t.env]\nX = 'x'\n", {"a": 1}, "a = 1\n"),
        ("env.X = 'x'\nenv.Y = 'y'\na = 1\n", {"env": {"X": "z"}, "a": 1}, 'a = 1\nenv = {"X" = "z"}\n'),
        ("a = 1", {"a": 1, "b": 2}, "a = 1\nb = 2"),
        ("a = 1\nb = 2", {"a": 1}, "a = 1"),
        ("", {"a": 1}, "a = 1\n"),
        ("a = 1\n", {}, ""),
    ],
)  # fmt: skip
def test_a_changed_table_changes_only_where_it_differs(
    old: str, new: dict[str, Any], expected: str
) -> None:
    """Keys with equal values, their spelling and the comments beside them stay."""
    assert toml.put(f"# t\n[t] # head\n{old}", ("t",), new) == f"# t\n[t] # head\n{expected}"


def test_a_value_put_back_gives_the_original_text() -> None:
    """A key that changes and changes back, and one that comes and goes, leave no trace."""
    text = f"{BLOCK}\n# after\n[z]\n"
    changed = toml.put(text, OURS, {**VALUE, "command": "x", "enabled": False})
    assert changed != text
    assert toml.put(changed, OURS, VALUE) == text


def test_a_table_without_a_header_of_its_own_gets_one() -> None:
    """A table that only headers below it imply is written anew when it changes."""
    text = "[mcp_servers.ours.env]\nA = '1'\n\n[z]\n"
    after = toml.put(text, OURS, {"command": "tsh"})
    assert after == '[z]\n\n[mcp_servers.ours]\ncommand = "tsh"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\n\n[t]\nx = 1\n\n[u]\n", "a = 1\n\n[u]\n"),
        ("[t]\nx = 1\n\n[u]\n", "[u]\n"),
        ("[t]\nx = 1\n[u]\n", "[u]\n"),
        ("[a]\n[t]\nx = 1\n\n[u]\n", "[a]\n\n[u]\n"),
        ("[t]\nx = 1\n\n# about u\n[u]\n", "# about u\n[u]\n"),
        ("# about t\n[t]\nx = 1 # one\n# end\n", "# about t\n# end\n"),
        ("a = 1\n\n[t]\nx = 1\n\n[t.y]\nw = 1\n[t.y.z]\n", "a = 1\n"),
        ("[t]\n\n[u]\n\n[t.y]\nz = 1\n\n[v]\n", "[u]\n\n[v]\n"),
        ("['t']\nx = 1\n[t2]\n", "[t2]\n"),
        ("a = 1\n", "a = 1\n"),
        ("[t]\nx = 1", ""),
    ],
)
def test_a_removal_takes_the_table_and_those_below(text: str, expected: str) -> None:
    """The table goes with its inner tables and one blank line; comments before headers stay."""
    assert toml.remove(text, ("t",)) == expected


def test_a_removal_after_others_were_added_leaves_them() -> None:
    """What somebody wrote after our table since stays where it is."""
    trace = toml.trace("a = 1\n", OURS)
    later = toml.put("a = 1\n", OURS, VALUE) + "\n# theirs\n[z]\n"
    assert trace == Trace(0, "\n")
    assert toml.remove(later, OURS, trace) == "a = 1\n\n# theirs\n[z]\n"


def test_a_table_is_read_as_tomllib_reads_it() -> None:
    """`get` returns the table, or the default, as a copy that may be changed."""
    assert toml.get(CODEX, ("mcp_servers", "docs", "env")) == {
        "TOKEN": "abc",
        "PROMPT": '[mcp_servers.ours]\ncommand = "no"\n',
    }
    assert toml.get(CODEX, OURS, "nothing") == "nothing"
    assert toml.get("a = 2020-01-01", ()) == {"a": dt.date(2020, 1, 1)}
    toml.get(CODEX, ("profiles",))["fast"]["model"] = "changed"
    assert toml.get(CODEX, ("profiles",)) == {"fast": {"model": "mini"}}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nmcp_servers = { other = {} }\n", (2, 1, 29)),
        ("mcp_servers.ours.command = 'x'\n", (1, 1, 31)),
        ("[mcp_servers]\n  ours = { command = 'x' }\n", (2, 3, 27)),
        ("[mcp_servers]\nours.command = 'x'\n", (2, 1, 19)),
        ("mcp_servers . 'ours' . command = 'x'", (1, 1, 37)),
    ],
)
def test_inline_and_dotted_forms_are_refused(text: str, place: tuple[int, int, int]) -> None:
    """What cannot be told apart by headers is refused, with its line and the way out."""
    with pytest.raises(SpliceError, match="does not stand under a header of its own") as caught:
        toml.put(text, OURS, VALUE)
    assert caught.value.at == Place("", *place)
    assert "[mcp_servers.ours]" in caught.value.hint
    if toml.get(text, OURS):
        with pytest.raises(SpliceError, match="does not stand under a header of its own"):
            toml.remove(text, OURS)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("[[mcp_servers.ours]]\n", '"mcp_servers.ours" is not a table', (1, 1, 21)),
        ("a = 1\n[[mcp_servers]]\n", '"mcp_servers" is not a table', (2, 1, 16)),
        ("mcp_servers = 1\n", '"mcp_servers" is not a table', (1, 1, 16)),
        ("a = \n", "not TOML: Invalid value", (1, 5, 5)),
        ("a = 1\r\nb = 'x\r\n", "not TOML: Expected", (2, 7, 7)),
        ("a = 1\na = 2\n", "not TOML: Cannot overwrite a value", (2, 6, 6)),
        ('a = """x', "not TOML: Unterminated string", (1, 9, 9)),
        ("a = " + "[" * 100_000, "brackets are nested too deep", (1, 1, 2)),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, message: str, place: tuple[int, int, int]
) -> None:
    """A broken file, or something else than a table, is an error that says what and where."""
    for edit in (toml.trace, toml.get, lambda text, path: toml.put(text, path, VALUE)):
        with pytest.raises(SpliceError) as caught:
            edit(text, OURS)
        assert message in caught.value.message
        assert caught.value.at == Place("", *place)
        assert "nothing was changed" in caught.value.hint


def test_an_excerpt_shows_no_secret() -> None:
    """The line of an error keeps its keys; values are blanked."""
    with pytest.raises(SpliceError) as caught:
        toml.get("TOKEN = 'abc' 'd'\n", ())
    assert caught.value.excerpt == "TOKEN = '***' '*'"


@pytest.mark.parametrize("value", [None, float("nan"), {"x": None}, {1: 2}, "\ud800", object()])
def test_what_toml_cannot_say_is_not_written(value: Any) -> None:
    """TOML has no null, and other things that it cannot say are refused as well."""
    with pytest.raises((TypeError, ValueError), match=r"."):
        toml.put("", OURS, {"a": value})


def test_a_megabyte_is_edited() -> None:
    """A file of 1 MB is edited too, and nothing of it changes but what is added."""
    text = "".join(BLOCK.replace("ours", f"s{number}") + "\n" for number in range(12_000))
    assert len(text) > 1_000_000
    assert toml.put(text, OURS, VALUE) == text + BLOCK


LONG = "".join(f"[long.t{number}]\na = {number}\n" for number in range(4_000))


@pytest.mark.parametrize("head", ["", "a = 1\n", "a.b = 1\n", "[[b]]\n[[b]]\nc = 1.0\n[b.d]\n"])
def test_a_long_text_says_what_a_short_one_says(head: str) -> None:
    """A long text is read as far as is asked, be it written plainly or not, and edited as any."""
    text = head + LONG
    assert toml.get(text, ("long", "t7")) == {"a": 7}
    assert toml.get(text, ("long", "t")) is None
    assert toml.get(text, ()) == tomllib.loads(text)
    assert toml.trace(text, ("long", "new")) == Trace(1, "\n")
    after = toml.put(text, ("long", "t7"), {"a": 8})
    assert after == text.replace("[long.t7]\na = 7\n", "[long.t7]\na = 8\n")
    assert toml.remove(after, ("long", "t7")) == text.replace("[long.t7]\na = 7\n", "")


def test_a_parent_that_others_make_a_table_is_not_taken_for_nothing() -> None:
    """What would make a value of the parent of ours, which far tables are in, is seen near ours."""
    far = "".join(f"[t{number}]\n" for number in range(9))
    document = toml._Document(f"{far}[mcp_servers.other]\n{far.replace('t', 'u')}")
    edits = [(0, 0, "mcp_servers = {}\n")]
    cuts = document.far_from(edits, [OURS])
    assert cuts
    assert not document._is_proven(edits, cuts, {OURS: None})
    assert not document._is_proven(edits, [], {OURS: None})


def test_a_large_table_is_read_once() -> None:
    """What is on the way to many paths, and most of the text, is not read again for each of them."""
    reading = Reading("[long]\n" + "".join(f"k{number} = {number}\n" for number in range(9_000)))
    assert reading.value(("long", "a")) is reading.value(("long", "b")) is reading.value()
    assert len(reading.value(("other",))) == 0


@pytest.mark.parametrize(
    ("head", "message", "place"),
    [
        ("[long.t5]\n", "Cannot declare .* twice", (12, 9, 10)),
        ("[long]\nt5 = 1\n", "Cannot overwrite a value", None),
        ("a = 1\na = 2\n", "Cannot overwrite a value", (2, 6, 6)),
        ("a = \n", "Invalid value", (1, 5, 5)),
    ],
)
def test_a_long_text_that_is_broken_is_refused(
    head: str, message: str, place: tuple[int, int, int] | None
) -> None:
    """What stands there twice is found however far apart, and said with its place."""
    with pytest.raises(SpliceError, match=message) as caught:
        toml.get(head + LONG, ("x",))
    assert place is None or caught.value.at == Place("", *place)
