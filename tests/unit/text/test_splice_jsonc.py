"""`splice.jsonc` on the files that people and their editors really have."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.errors import Place, ProvisionError
from provisioner.text.splice import Path, SpliceError, Trace, jsonc
from provisioner.text.splice._base.json_text import Json, is_proven

SERVER = ("mcpServers", "ours")
VALUE = {"command": "tsh", "args": ["mcp", "connect"]}

CLAUDE_DESKTOP = """\
{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"]
    }
  },
  "preferences": {"menuBarEnabled": false}
}
"""

VSCODE = """\
// Workspace servers
{
\t"inputs": [], /* none yet */
\t"servers": {
\t\t"db": {
\t\t\t"type": "stdio",
\t\t\t"command": "db-mcp", // pinned
\t\t},
\t\t// "old": {"command": "old"},
\t},
}
"""


def lines(*lines: str) -> str:
    return "\n".join(lines)


def test_a_new_entry_is_written_as_the_file_is() -> None:
    """A new server stands after the others, indented as they are, and every other byte stays."""
    before, after = CLAUDE_DESKTOP.split('"/tmp"]\n    }')
    assert jsonc.put(CLAUDE_DESKTOP, SERVER, VALUE) == before + lines(
        '"/tmp"]',
        "    },",
        '    "ours": {',
        '      "command": "tsh",',
        '      "args": [',
        '        "mcp",',
        '        "connect"',
        "      ]",
        "    }" + after,
    )


def test_tabs_comments_and_trailing_commas_stay_in_style() -> None:
    """Where others end in a comma so does ours, after the comments, indented by tabs."""
    before, after = VSCODE.split('"old"},\n')
    assert jsonc.put(VSCODE, ("servers", "ours"), {"command": "tsh"}) == before + lines(
        '"old"},', '\t\t"ours": {', '\t\t\t"command": "tsh"', "\t\t},", after
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "mcpServers": {\n    "ours": 1\n  }\n}\n'),
        ("{}", '{\n  "mcpServers": {\n    "ours": 1\n  }\n}'),
        ("{ }\n", '{\n  "mcpServers": {\n    "ours": 1\n  }\n}\n'),
        ("{\r\n}\r\n", '{\r\n  "mcpServers": {\r\n    "ours": 1\r\n  }\r\n}\r\n'),
        ("\ufeff{}", '\ufeff{\n  "mcpServers": {\n    "ours": 1\n  }\n}'),
        ("// mine\n", '// mine\n{\n  "mcpServers": {\n    "ours": 1\n  }\n}\n'),
        ("/* mine */", '/* mine */\n{\n  "mcpServers": {\n    "ours": 1\n  }\n}'),
        ('{"mcpServers": {}}', '{"mcpServers": {"ours": 1}}'),
        ('{"mcpServers":{}}', '{"mcpServers":{"ours":1}}'),
        ('{"mcpServers":{"a":2}}', '{"mcpServers":{"a":2,"ours":1}}'),
        ('{"mcpServers": { "a": 2 }}', '{"mcpServers": { "a": 2, "ours": 1 }}'),
        ('{"mcpServers": {"a": 2,}}', '{"mcpServers": {"a": 2, "ours": 1,}}'),
        ('{\n "mcpServers": {}\n}', '{\n "mcpServers": {\n  "ours": 1\n }\n}'),
        ('{"a": 1} ', '{"a": 1, "mcpServers": {"ours": 1}} '),
        ('{\n    "a": 1}', '{\n    "a": 1, "mcpServers": {"ours": 1}}'),
        ('{"mcpServers": {} // x\r}', '{"mcpServers": {"ours": 1} // x\r}'),
        ('{"mcpServers": {"a": 2 // x\n}}', '{"mcpServers": {"a": 2, // x\n  "ours": 1\n}}'),
        ('{"mcpServers": {"a": 2 /* x */}}', '{"mcpServers": {"a": 2, /* x */ "ours": 1}}'),
        ('{"mcpServers": { /* x */ }}', '{"mcpServers": { /* x */ "ours": 1 }}'),
        ('{"mcpServers": {"a": 2\n, "b": 3}}', '{"mcpServers": {"a": 2\n, "b": 3, "ours": 1}}'),
        ('{"mcpServers": 0, "mcpServers": {}}', '{"mcpServers": 0, "mcpServers": {"ours": 1}}'),
    ],
)  # fmt: skip
def test_each_way_to_write_a_parent_is_kept_and_restored(text: str, expected: str) -> None:
    """An entry goes into any empty, inline, tight or commented parent, and out again."""
    assert jsonc.put(text, SERVER, 1) == expected
    assert jsonc.remove(expected, SERVER, jsonc.trace(text, SERVER)) == text


def test_an_equal_value_changes_nothing() -> None:
    """A value that is there already, in whatever order and spelling, gives the identical text."""
    text = (
        '{"mcpServers": {"ours": {"args": [ "mcp" , "c\\u006fnnect" ], /* ! */ "command":"tsh",}}}'
    )
    assert jsonc.put(text, SERVER, VALUE) is not None
    assert jsonc.put(text, SERVER, VALUE) == text


@pytest.mark.parametrize(("old", "new"), [("1", 1.0), ("1", True), ("true", 1), ("null", False)])
def test_values_of_different_types_are_different(old: str, new: Any) -> None:
    """1, 1.0 and true are three values, although Python finds them equal."""
    after = jsonc.put(f'{{"a": {old}}}', ("a",), new)
    assert repr(jsonc.get(after, ("a",))) == repr(new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('{"a": 1, "b": 2} // x', {"a": 1, "b": 3}, '{"a": 1, "b": 3} // x'),
        ('{"a": 1, /* x */ "b": 2}', {"b": 2}, '{/* x */ "b": 2}'),
        ('{"a": 1, "b": 2 /* x */}', {"a": 1}, '{"a": 1 /* x */}'),
        ('{"a": 1,\n  "b": 2, // x\n}', {"a": 1}, '{"a": 1,\n  // x\n}'),
        ('{"a": 1, // x\n  "b": 2}', {"a": 1}, '{"a": 1 // x\n  }'),
        ('{"a": 1 /* x */, "b": 2}', {"b": 2}, '{ /* x */"b": 2}'),
        ('{"a": 1}', {"b": 2}, '{"b": 2}'),
        ('{"a": 1}', {}, "{}"),
        ('{"a": [1, 2, 3]}', {"a": [1, 5]}, '{"a": [1, 5]}'),
        ('{"a": [1]}', {"a": [1, 2, {"b": 3}]}, '{"a": [1, 2, {"b": 3}]}'),
        ('{"a": [\n  1, // x\n  2\n]}', {"a": [1]}, '{"a": [\n  1 // x\n]}'),
        ('{"a": [1]}', {"a": {"b": 1}}, '{"a": {"b": 1}}'),
        ('{"a": {"b": 1}}', {"a": []}, '{"a": []}'),
        ('{"a": "x"}', {"a": 'ü"\u2028\n'}, '{"a": "ü\\"\\u2028\\n"}'),
    ],
)
def test_a_changed_entry_changes_only_where_it_differs(old: str, new: Any, expected: str) -> None:
    """Equal members, their order, their spelling and the comments beside them stay."""
    assert jsonc.put(f'{{"x": {old}\n}}', ("x",), new) == f'{{"x": {expected}\n}}'


def test_a_value_put_back_gives_the_original_text() -> None:
    """A member that changes and changes back leaves no trace."""
    path = ("mcpServers", "files")
    old = jsonc.get(CLAUDE_DESKTOP, path)
    changed = jsonc.put(CLAUDE_DESKTOP, path, {**old, "args": ["-y"], "timeout": 30})
    args_on_one_line = jsonc.put(changed, path, old)
    assert args_on_one_line == CLAUDE_DESKTOP


def test_the_last_of_equal_keys_is_the_one() -> None:
    """As in JSON.parse the last counts: it is read and changed, and a removal takes all of them."""
    text = '{"x": {"a": 1}, "x": {"a": 2, "a": 3, "b": 4}}'
    assert jsonc.get(text, ("x", "a")) == 3
    assert jsonc.put(text, ("x", "a"), 5) == text.replace("3", "5")
    assert jsonc.remove(text, ("x", "a")) == '{"x": {"a": 1}, "x": {"b": 4}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "x": 2}', '{"a": 1}'),
        ('{"x": 2, "a": 1}', '{"a": 1}'),
        ('{"a": 1, "x": 2, "b": 3}', '{"a": 1, "b": 3}'),
        ('{"a": 1, "x": 2,}', '{"a": 1,}'),
        ('{ "x": 2 }', "{}"),
        ('{\n  "x": 2\n}', "{}"),
        ('{\n  // about x\n  "x": 2\n}', "{\n  // about x\n}"),
        ('{\n  "x": 2 // about x\n}', "{\n  // about x\n}"),
        ('{ // c\n "x": 2}', "{ // c\n }"),
        ('{ // c\n "x": 2, "a": 1}', '{ // c\n "a": 1}'),
        ('{\n  "a": 1, // a\n  "x": 2\n}', '{\n  "a": 1 // a\n}'),
        ('{\n  "a": 1 // , a  \n  , "x": 2\n}', '{\n  "a": 1 // , a  \n  \n}'),
        ('{"x": 2 // x\n, "a": 1}', '{ // x\n"a": 1}'),
        ('{"a": 1}', '{"a": 1}'),
        ("", ""),
    ],
)
def test_a_removal_takes_the_entry_and_its_comma(text: str, expected: str) -> None:
    """Commas end as they were, and a comment is neither lost nor made to swallow what follows."""
    assert jsonc.remove(text, ("x",)) == expected


def test_parents_go_only_if_they_were_made_and_are_empty() -> None:
    """A parent goes with its last entry if `put` made it, and stays with a comment or a neighbour."""
    trace = jsonc.trace('{"a": 1}', SERVER)
    made = jsonc.put('{"a": 1}', SERVER, 1)
    assert trace == Trace(0)
    assert jsonc.remove(made, SERVER) == '{"a": 1, "mcpServers": {}}'
    assert jsonc.remove(made, SERVER, trace) == '{"a": 1}'
    shared = jsonc.put(made, ("mcpServers", "theirs"), 2)
    assert jsonc.remove(shared, SERVER, trace) == '{"a": 1, "mcpServers": {"theirs": 2}}'
    noted = made.replace('"ours"', '/* mine */ "ours"')
    assert jsonc.remove(noted, SERVER, trace) == '{"a": 1, "mcpServers": {/* mine */}}'


def test_a_document_that_was_made_goes_only_if_nothing_came_to_it() -> None:
    """An empty file becomes empty again, unless somebody wrote something beside our entry."""
    trace = jsonc.trace("", SERVER)
    made = jsonc.put("", SERVER, 1)
    assert trace == Trace(-1, "")
    assert jsonc.remove(made, SERVER, trace) == ""
    assert jsonc.remove("// mine\n" + made, SERVER, trace) == "// mine\n{}\n"
    assert jsonc.remove(jsonc.put(made, ("b",), 2), SERVER, trace) == '{\n  "b": 2\n}\n'


def test_a_trace_of_what_is_there_holds_none_of_it() -> None:
    """A trace can be stored: it holds the text of empty brackets and never that of a value."""
    assert jsonc.trace('{"a": {"b": "secret"}}', ("a", "b")) == Trace(2)
    assert jsonc.trace('{"a": { }}', ("a", "b")) == Trace(1, "{ }")


def test_several_entries_go_in_at_once() -> None:
    """`put_all` writes what one `put` after the other would write."""
    entries = {"files": {"command": "x"}, "new": {}, "ours": VALUE}
    expected = CLAUDE_DESKTOP
    for name, value in entries.items():
        expected = jsonc.put(expected, ("mcpServers", name), value)
    assert jsonc.put_all(CLAUDE_DESKTOP, ("mcpServers",), entries) == expected
    assert jsonc.put_all("{ }", (), {}) == "{ }"
    assert jsonc.put_all("{ }", ("a",), {}) == '{\n  "a": {}\n}'


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), {"a": {"b": [1, {"c": None}], "d": "/* , } */"}}),
        (("a", "b"), [1, {"c": None}]),
        (("a", "d"), "/* , } */"),
        (("a", "x"), "nothing"),
        (("x", "y"), "nothing"),
    ],
)
def test_a_value_is_read_through_comments_and_commas(path: Path, expected: Any) -> None:
    """`get` returns what JSON.parse would without the comments, or the default."""
    text = '{"a": {"b": [1, {"c": null,}, /* x */], // }\n "d": "/* , } */",},}'
    assert jsonc.get(text, path, "nothing") == expected


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("[1]", "the file holds a list, not an object", (1, 1, 4)),
        ("1", "the file holds a single value, not an object", (1, 1, 2)),
        ('{"mcpServers": []}', '"mcpServers" is a list, not an object', (1, 16, 18)),
        ('{"mcpServers": null}', '"mcpServers" is a single value, not an object', (1, 16, 20)),
        ('{\n "a" 1}', 'expected ":", found a value', (2, 6, 7)),
        ('{"a": 1 "b": 2}', 'expected "," or "}", found a value', (1, 9, 12)),
        ('{"a": [1 2]}', 'expected "," or "]", found a value', (1, 10, 11)),
        ("{a: 1}", 'expected a key in double quotes or "}", found \'a\'', (1, 2, 3)),
        ("{1: 1}", 'expected a key in double quotes or "}", found a value', (1, 2, 3)),
        ("{,}", 'expected a key in double quotes or "}", found ","', (1, 2, 3)),
        ("{'a': 1}", "a single quote, where JSON wants double ones", (1, 2, 3)),
        ('{"a": "x\n"}', "a string that is not closed", (1, 7, 8)),
        ('{"a": "\\x"}', "a string that is not closed, or holds a bad escape", (1, 7, 8)),
        ('{"a": /* x', "a comment that is not closed", (1, 7, 8)),
        ('{"a": tru}', "expected a value, found 't'", (1, 7, 8)),
        ('{"a": 01}', "expected a value, found '0'", (1, 7, 8)),
        ('{"a": NaN}', "expected a value, found 'N'", (1, 7, 8)),
        ('{"a": 1', 'expected "," or "}", found the end of the file', (1, 8, 8)),
        ('{"a": 1\n\n', 'expected "," or "}", found the end of the file', (1, 8, 8)),
        ('{"a": 1}}', 'expected the end of the file, found "}"', (1, 9, 10)),
        ('{"a": 1 //\u2028}', "found '\\u2028'", (1, 11, 12)),
        ("<<<<<<< HEAD\n{}", "expected a value, found '<'", (1, 1, 2)),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_is_refused_with_its_place(
    text: str, message: str, place: tuple[int, int, int]
) -> None:
    """A broken file, or a parent of another type, is an error that says what and where."""
    for edit in (jsonc.trace, jsonc.get, lambda text, path: jsonc.put(text, path, 1)):
        with pytest.raises(SpliceError) as caught:
            edit(text, SERVER)
        assert message in caught.value.message
        assert caught.value.at == Place("", *place)
        assert "nothing was changed" in caught.value.hint


def test_an_error_is_one_for_the_user_in_a_file() -> None:
    """The error is a ProvisionError and a ValueError, and takes the file's name later."""
    with pytest.raises(ProvisionError) as caught:
        jsonc.get('{\n  "a" 1\n}', ())
    error = caught.value
    assert isinstance(error, SpliceError)
    assert isinstance(error, ValueError)
    assert str(error) == 'line 2, column 7: expected ":", found a value'
    assert str(error.in_file("mcp.json")) == 'mcp.json:2:7: expected ":", found a value'
    assert error.in_file("mcp.json").excerpt == error.excerpt


@pytest.mark.parametrize(
    ("line", "excerpt"),
    [
        ('"env": {"API_KEY": "sk-1é", x', '"env": {"API_KEY": "**-**", *'),
        ('"args": ["--token", "abc" "x"]', '"args": ["--*****", "***" "*"]'),
        ('\t"a": 12 34\x1b', ' "a": ** **\ufffd'),
        ('"url": "http://u:p@h/" x', '"url": "****://*:*@*/" *'),
    ],
)
def test_an_excerpt_shows_no_secret(line: str, excerpt: str) -> None:
    """The line of an error keeps its keys and columns; values and control characters are blanked."""
    with pytest.raises(SpliceError) as caught:
        jsonc.get("{\n" + line + "\n}", ())
    assert caught.value.excerpt == excerpt


def test_a_long_line_is_not_shown() -> None:
    """The line of an error is left out where no terminal could show it."""
    with pytest.raises(SpliceError) as caught:
        jsonc.get('{"a": "' + "x" * 1000 + '" 1}', ())
    assert caught.value.excerpt == ""
    assert caught.value.at == Place("", 1, 1010, 1011)


def test_nesting_is_bounded() -> None:
    """A hundred brackets in each other are read, one more is refused and nothing overflows."""
    assert jsonc.get("[" * 100 + "]" * 100, ()) is not None
    for depth in (101, 100_000):
        with pytest.raises(SpliceError, match="at most 100 brackets"):
            jsonc.get("[" * depth, ())


@pytest.mark.parametrize(
    "text", ["[/*" * 200_000, '"/*' * 200_000, ",/*" * 200_000, '{"a": [' + "[1,]," * 200_000]
)
def test_a_broken_text_is_refused_in_one_pass(text: str) -> None:
    """What is never closed is looked for once, not once from each place where it might begin."""
    with pytest.raises(SpliceError):
        jsonc.get(text, ())


def test_brackets_in_a_value_that_a_later_one_hides_are_bounded_where_they_matter() -> None:
    """A value of an equal key that does not count is passed over, however deep, and stays."""
    deep = "[" * 200 + "]" * 200
    text = f'{{"a": {deep}, "a": 1}}'
    assert jsonc.get(text, ("a",)) == 1
    assert jsonc.put(text, ("a",), 2) == f'{{"a": {deep}, "a": 2}}'


def test_an_edit_that_does_something_else_is_refused() -> None:
    """The text after an edit is read: it must say what was wanted, and all else as before."""
    before = Json('{"a": 1, "b": {"c": 1.0}}')
    wanted: dict[Path, int] = {("b", "c"): 2}
    assert is_proven(before, '{"a": 1, "b": {"c": 2}}', wanted, ())
    assert is_proven(before, '{"a": 1}', {}, [("b", "c")])
    for after in ('{"a": 1, "b": {"c": 2.0}}', '{"a": 1.0, "b": {"c": 2}}', '{"b": {"c": 2}}', "{"):
        assert not is_proven(before, after, wanted, ())
    assert not is_proven(before, '{"a": 1, "b": {"c": null}}', {}, [("b", "c")])


def test_a_number_that_python_will_not_read_is_refused() -> None:
    """Thousands of digits stay where they are, and are refused where their value is wanted."""
    text = '{"a": ' + "1" * 5000 + ', "b": 2}'
    assert jsonc.put(text, ("b",), 3) == text.replace("2", "3")
    with pytest.raises(SpliceError, match="cannot be read"):
        jsonc.get(text, ("a",))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_not_written(value: Any) -> None:
    """Infinity, not-a-number and half a surrogate pair are refused as values."""
    with pytest.raises(ValueError, match=r"number|surrogate"):
        jsonc.put("{}", SERVER, value)
    with pytest.raises(TypeError):
        jsonc.put("{}", SERVER, {"a": object()})


@pytest.mark.parametrize(
    ("text", "comments", "commas"),
    [
        ("", False, False),
        ("\ufeff{}", False, False),
        ('{"a": "// x", "b": ["/* */", ","]}', False, False),
        ("{} // x", True, False),
        ("/* x */ {}", True, False),
        ('{"a": [1,]}', False, True),
        ('{"a": 1, // x\n}', True, True),
        ("// x", True, False),
    ],
)
def test_features_say_what_a_strict_reader_cannot_read(
    text: str, comments: bool, commas: bool
) -> None:
    """Comments and trailing commas are told apart from texts that look like them."""
    assert jsonc.features(text) == jsonc.Features(comments, commas)
