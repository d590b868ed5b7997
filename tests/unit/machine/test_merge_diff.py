from __future__ import annotations

import json
from functools import partial

import pytest

from provisioner.clients import FORMATS
from provisioner.machine.merge import Existing, diff, merge_client
from provisioner.machine.merge.diff import masked
from provisioner.machine.sidecar import Ledger
from tests.counting import calls

OURS = frozenset({"ours", "tsh", "30", "a b", "mcp_servers"})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('    "token": "hush",', '    "token": ***,'),
        ('  "command": "tsh", "port": 8080', '  "command": "tsh", "port": ***'),
        ('{"env": {"KEY": "hush"}, "on": true, "x": null}', '{"env": {"KEY": ***}, "on": true, "x": null}'),
        ('  "args": ["hush", "tsh", "a b", "30"]', '  "args": [***, "tsh", "a b", "30"]'),
        ("  token: hush", "  token: ***"),
        ("  token: hush hush # hush", "  token: *** # ***"),
        ("  - hush", "  - ***"),
        ("- {user: hush, timeout: 30}", "- {user: ***, timeout: 30}"),
        ("  'quoted key': \"tsh\"", "  'quoted key': \"tsh\""),
        ("key = 'hush'", "key = ***"),
        ("[mcp_servers.hush]", "[***]"),
        ('[mcp_servers."ours"]', '[mcp_servers."ours"]'),
        ("env = { A = 'hush', B = \"tsh\" }", 'env = { A = ***, B = "tsh" }'),
        ("// my token is hush", "// ***"),
        ("c2VjcmV0c2VjcmV0=", "***"),
        ("c2VjcmV0c2VjcmV0==", "***"),
        ("postgres://me:hush@host/db", "***"),
        ("  url: postgres://me:hush@host/db", "  url: ***"),
        ('  "a\\"b": "hush"', '  "a\\"b": ***'),
        ('"half of a string', "***"),
        ("}", "}"),
        ("", ""),
    ],
)  # fmt: skip
def test_only_keys_and_our_values_are_shown(line: str, shown: str) -> None:
    """Whatever the language, a value that is not ours is starred and its key is not."""
    found = masked(line, OURS)
    assert found.replace('"***', "***") == shown
    assert "hush" not in found
    assert "c2V" not in found


def test_nothing_invisible_is_shown() -> None:
    """Escape sequences and bidirectional marks of a file do not reach the terminal."""
    assert masked('"\x1b[31m\u202ekey": "tsh"', OURS) == '"\\x1b[31m\\u202ekey": "tsh"'


def lines(before: str | None, after: str | None, shown: frozenset[str] = OURS) -> list[str]:
    return list(diff("f", before, after, shown))


def test_hunks_as_diff_writes_them() -> None:
    """One line of context, and the ranges that `diff -u` would give."""
    before = "".join(f"{n}: ours\n" for n in range(9))
    after = before.replace("2: ours", "2: tsh").replace("7: ours\n", "")
    assert lines(before, after) == [
        "--- f",
        "+++ f",
        "@@ -2,3 +2,3 @@",
        " 1: ours",
        "-2: ours",
        "+2: tsh",
        " 3: ours",
        "@@ -7,3 +7,2 @@",
        " 6: ours",
        "-7: ours",
        " 8: ours",
    ]


def test_equal_texts_have_no_diff() -> None:
    """Nothing is said where nothing changes."""
    assert lines("a\n", "a\n") == []
    assert lines(None, None) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "a: ours\n", ["--- /dev/null", "+++ f", "@@ -0,0 +1 @@", "+a: ours"]),
        ("a: ours\n", None, ["--- f", "+++ /dev/null", "@@ -1 +0,0 @@", "-a: ours"]),
        ("", "a: ours\n", ["--- f", "+++ f", "@@ -0,0 +1 @@", "+a: ours"]),
    ],
)
def test_files_that_come_and_go(before: str | None, after: str | None, expected: list[str]) -> None:
    """A file that does not exist is /dev/null, as `diff` and `git` say."""
    assert lines(before, after) == expected


def test_a_long_line_is_shown_where_it_changes() -> None:
    """Of a file in one line only the change and a little around it is shown."""
    servers = {f"s{n}": {"command": "hush", "env": {"A": "hush"}} for n in range(200)}
    text = json.dumps({"mcpServers": servers})
    ours = json.dumps({"mcpServers": {"ours": {"command": "tsh"}}})
    result = merge_client(Existing(text, Ledger(), "ci"), ours, FORMATS["cursor"])
    *_, old, new = lines(text, result.text, result.shown)
    assert new.endswith('"ours": {"command": "tsh"}}}')
    assert max(len(old), len(new)) < 200


def test_a_long_line_beside_others_is_cut() -> None:
    """A line of context is no reason to fill the screen."""
    *_, added, context = lines("k: " + "ours," * 200, "a: 1\nk: " + "ours," * 200)
    assert (added, len(context)) == ("+a: ***", 243)


def test_values_of_secrets_in_our_own_entries() -> None:
    """What we write as environment or header is not shown either."""
    entry = {"command": "tsh", "env": {"API": "hush"}, "headers": {"X": "hush"}, "token": "hush"}
    ours = json.dumps({"mcpServers": {"ours": entry}}, indent=1)
    result = merge_client(Existing(None, Ledger(), "ci"), ours, FORMATS["cursor"])
    told = "\n".join(lines(None, result.text, result.shown))
    assert '"command": "tsh"' in told
    assert "hush" not in told


def changed_at_both_ends(entries: int) -> tuple[str, str]:
    """Return a large file, and the same with a change near its beginning and one near its end."""
    before = "".join(f'  "m{n}": {{\n    "command": "x"\n  }},\n' for n in range(entries))
    return before, before.replace('"m1"', '"ours"').replace(f'"m{entries - 2}"', '"tsh"')


def test_a_large_file_is_compared_quickly() -> None:
    """Of four times as many equal lines between two changes the work is four times as much, not more."""
    few, many = changed_at_both_ends(1_500), changed_at_both_ends(6_000)
    assert len(lines(*many)) == 12
    assert calls(partial(lines, *many)) < 4.1 * calls(partial(lines, *few))
