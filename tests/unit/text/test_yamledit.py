"""`yamledit` on tbot.yaml, goose's config.yaml and sites, in the styles that people write."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from provisioner.errors import Place
from provisioner.text import yamledit
from provisioner.text.splice import SpliceError, Trace
from provisioner.text.yamledit import Item

OURS = yamledit.item_where({"type": "identity", "destination.path": "/opt/machine-id"})
SERVICE = ("services", OURS)
IDENTITY = {
    "type": "identity",
    "destination": {"type": "directory", "path": "/opt/machine-id", "readers": [{"user": "mcp"}]},
    "allow_reissue": True,
    "credential_ttl": "30m",
}

TBOT = """\
# /etc/tbot.yaml, managed by hand
version: v2
proxy_server: "example.teleport.sh:443"
onboarding: {join_method: token, token: /var/token}   # flow
storage: &store
    type: memory
services:
- type: ssh-multiplexer
  destination:
      type: directory
      path: /opt/ssh   # the agents'
  # credential_ttl: 1h

- {type: identity, destination: {type: directory, path: /opt/other}}

debug: ~
"""

GOOSE = """\
GOOSE_MODEL: gpt-4o
extensions:
  developer:
    bundled: true
    enabled: yes # 1.1
    name: 'developer'
    timeout: 300
  # commented:
  #   enabled: false
"""

EXTENSION = {
    "type": "stdio",
    "cmd": "/usr/local/bin/tsh",
    "args": ["mcp", "connect", "-i", "/opt/machine-id/identity", "--proxy", "a.b.example:443", "s"],
    "envs": {},
    "timeout": 300,
    "enabled": True,
    "bundled": None,
}


def test_a_service_goes_to_the_end_of_the_list() -> None:
    """A new item stands last, with the dashes and the indentation that the file has."""
    before, after = TBOT.split("\ndebug")
    assert yamledit.put(TBOT, SERVICE, IDENTITY) == (
        before
        + """\
- type: identity
  destination:
      type: directory
      path: /opt/machine-id
      readers:
      - user: mcp
  allow_reissue: true
  credential_ttl: "30m"

debug"""
        + after
    )


def test_an_extension_goes_after_the_comments_of_the_others() -> None:
    """A new key stands below commented-out neighbours, and long lists have lines of their own."""
    assert yamledit.put(GOOSE, ("extensions", "ours"), EXTENSION) == (
        GOOSE
        + """\
  ours:
    type: stdio
    cmd: /usr/local/bin/tsh
    args:
      - mcp
      - connect
      - "-i"
      - /opt/machine-id/identity
      - "--proxy"
      - a.b.example:443
      - s
    envs: {}
    timeout: 300
    enabled: true
    bundled: null
"""
    )


def test_a_site_takes_an_entry_beside_the_others() -> None:
    """An adopted role goes into `roles` of a site, whose comments and quotes stay."""
    site = "version: 1\nroles:  # ours\n  'a':\n    tools: ['*']\n\nbots: {}\n"
    role = {"app_labels": {"env": ["dev", "on"]}, "tools": ["read_*"]}
    assert yamledit.put(site, ("roles", "b"), role) == site.replace(
        "\n\n",
        '\n  b:\n    app_labels:\n      env: [dev, "on"]\n    tools: ["read_*"]\n\n'.replace(
            '"read_*"', "read_*"
        ),
    )


BLOCK = "services:\n  - id: 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BLOCK),
        ("# mine\n", f"# mine\n{BLOCK}"),
        ("# mine", f"# mine\n{BLOCK}".rstrip()),
        ("\ufeff# mine", f"\ufeff# mine\n{BLOCK}".rstrip()),
        ("{}\n", BLOCK),
        ("---\n", f"---\n{BLOCK}"),
        ("\ufeffa: 1\n", f"\ufeffa: 1\n{BLOCK}"),
        ("a: 1", f"a: 1\n{BLOCK}".rstrip()),
        ("a: 1\n...\n", f"a: 1\n{BLOCK}...\n"),
        ("a: 1\r\n", f"a: 1\r\n{BLOCK}".replace("\n", "\r\n").replace("\r\r", "\r")),
        ("services:\n", BLOCK),
        ("services: []\n", BLOCK),
        ("services:   ~   # none\n", "services:   # none\n  - id: 1\n"),
        ("services: null\nb: 2", "services:\n  - id: 1\nb: 2"),
        ("services: [ # none\n]\n", "services: [ # none\n  {id: 1}\n]\n"),
        ("services: [{id: 2}]\n", "services: [{id: 2}, {id: 1}]\n"),
        ("services: [\n  {id: 2}, # two\n]\n", "services: [\n  {id: 2}, # two\n  {id: 1},\n]\n"),
        ("{services: [], b: 2}\n", "{services: [{id: 1}], b: 2}\n"),
        ('{"b":2}\n', '{"b":2, services: [{id: 1}]}\n'),
        ("services:\n- id: 2\n", "services:\n- id: 2\n- id: 1\n"),
        ("services:\n    - id: 2\n", "services:\n    - id: 2\n    - id: 1\n"),
        ("services:\n  - id: 2\n  # of 2\n# of b\nb: 2\n", "services:\n  - id: 2\n  # of 2\n  - id: 1\n# of b\nb: 2\n"),
        ("services:\n  - |\n    text\n\nb: 2\n", "services:\n  - |\n    text\n  - id: 1\n\nb: 2\n"),
        ("services:\n  - |+\n    text\n\nb: 2\n", "services:\n  - |+\n    text\n\n  - id: 1\nb: 2\n"),
        ("services:\n  -\n    id: 2\n", "services:\n  -\n    id: 2\n  - id: 1\n"),
        ("a: &x [1]\nb: *x\nc: !t 1\n", f"a: &x [1]\nb: *x\nc: !t 1\n{BLOCK}"),
    ],
)  # fmt: skip
def test_each_way_to_write_a_parent_is_kept_and_restored(text: str, expected: str) -> None:
    """An item goes into any empty, flow, commented or block list, and out again."""
    path = ("services", yamledit.item_where({"id": 1}))
    assert yamledit.put(text, path, {"id": 1}) == expected
    assert yamledit.remove(expected, path, yamledit.trace(text, path)) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: {a: 1, b: [on, 'off', 30m]} # c\n", {"b": ["on", "off", "30m"], "a": 1}),
        ("x: { a: 0x10 }\n", {"a": "0x10"}),
        ("x:\n  a: 127.0.0.1:3001\n", {"a": "127.0.0.1:3001"}),
    ],
)
def test_an_equal_value_changes_nothing_if_it_is_equal_to_everybody(text: str, value: Any) -> None:
    """What YAML 1.1 and 1.2 both take for the value stays; what only one of them does is quoted."""
    once = yamledit.put(text, ("x",), value)
    assert yaml.load(once, yaml.CSafeLoader)["x"] == value
    assert yamledit.put(once, ("x",), value) == once
    assert (once == text) == (yaml.load(text, yaml.CSafeLoader)["x"] == value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("x: a # c", "b", "x: b # c"),
        ("x: a", "on", 'x: "on"'),
        ("x: 1h", "30m", "x: 30m"),
        ("x: 'a'", "it's", "x: 'it''s'"),
        ("x: 'a'", "two\nlines", 'x: "two\\nlines"'),
        ('x: "a"', "b", 'x: "b"'),
        ("x: 'a'", 1, "x: 1"),
        ("x: 1", "1", 'x: "1"'),
        ("x: yes", True, "x: true"),
        ("x: True", True, "x: True"),
        ("x: 1", 1.0, "x: 1.0"),
        ("x:", "a", "x: a"),
        ("x: ~", None, "x: ~"),
        ("x: # c", "a", "x: a # c"),
        ("x: |\n  text\ny: 1", "a", "x: a\ny: 1"),
        ("x: |\n  text\n\ny: 1", {"a": 1}, "x:\n  a: 1\n\ny: 1"),
        ("x: a # c", {"a": 1}, "x: # c\n  a: 1"),
        ("x: a # c", ["a"], "x: [a] # c"),
        ("x: [a]", {"a": 1}, "x: {a: 1}"),
        ("x: {a: 1, b: 2}", {"b": 3, "c": [1]}, "x: {b: 3, c: [1]}"),
        ("x: {a: 1}", {"b": 3}, "x: {b: 3}"),
        ("x: {a: 1}", {}, "x: {}"),
        ("x:\n  a: 1 # a\n  b: 2 # b", {"a": 3, "b": 2}, "x:\n  a: 3 # a\n  b: 2 # b"),
        ("x:\n  a: 1 # a\n  # of b\n  b: 2", {"b": 2}, "x:\n  # of b\n  b: 2"),
        ("x:\n  a: 1\n  b: 2", {"c": 3}, "x:\n  c: 3"),
        ("x: # c\n  a: 1", {}, "x: {} # c"),
        ("x:\n  a: 1", "s", "x: s"),
        ("x:\n- a\n- b", {"c": 1}, "x:\n  c: 1"),
        ("x:\n  a: 1", [{"b": 1}, "c"], "x:\n  - b: 1\n  - c"),
        ("x:\n- a # a\n- b # b\n- c", ["a", "d"], "x:\n- a # a\n- d # b"),
        ("x:\n  - a\n  - ~ # b", ["a", {"b": 1}], "x:\n  - a\n  - # b\n    b: 1"),
        ("x:\n  - a\n  - ~", ["a", {"b": 1, "c": 2}], "x:\n  - a\n  - b: 1\n    c: 2"),
        ("x:\n  - - a\n    - b", [["a"]], "x:\n  - - a"),
        ("x:\n  - - a\n    - b", [{"c": 1}], "x:\n  - c: 1"),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_changed_value_keeps_its_style(old: str, new: Any, expected: str, end: str) -> None:
    """Quotes, flow, comments and what is equal stay; a block becomes a scalar and the reverse."""
    assert yamledit.put(old + end, ("x",), new) == expected + end


def test_an_item_loses_its_first_key_to_the_next() -> None:
    """Where a key shares its line with the dash the next key moves up, unless a comment is between."""
    path = ("x", yamledit.item_where({"id": 1}))
    assert yamledit.put("x:\n  - a: 1\n    b: 2\n    id: 1\n", path, {"id": 1}) == "x:\n  - id: 1\n"
    text = "x:\n  - a: 1 # one\n    id: 1\n"
    assert yamledit.put(text, path, {"id": 1}) == "x:\n  -  # one\n    id: 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nx: 2\n", "a: 1\n"),
        ("x: 2 # two\na: 1\n", "a: 1\n"),
        ("# of x\nx:\n  b: 1\n  # of b\n\n# of a\na: 1\n", "# of x\n  # of b\n\n# of a\na: 1\n"),
        ("a: 1\nx: 2", "a: 1"),
        ("x: 2\n", "{}\n"),
        ("x: |\n  b\n\na: 1\n", "\na: 1\n"),
        ("{a: 1, x: 2}\n", "{a: 1}\n"),
        ("{x: 2, # two\n a: 1}\n", "{# two\n a: 1}\n"),
        ("{x: 2}\n", "{}\n"),
        ("a: 1\n", "a: 1\n"),
        ("", ""),
    ],
)
def test_a_removal_takes_the_lines_of_the_entry(text: str, expected: str) -> None:
    """An entry goes with the comments on its lines, and no other; an emptied mapping is `{}`."""
    assert yamledit.remove(text, ("x",)) == expected


def test_parents_go_only_if_they_were_made_and_are_empty() -> None:
    """A parent goes with its last entry if `put` made it, and stays with a comment or a neighbour."""
    path = ("a", "b", "c")
    trace = yamledit.trace("z: 1\n", path)
    made = yamledit.put("z: 1\n", path, 1)
    assert trace == Trace(0)
    assert made == "z: 1\na:\n  b:\n    c: 1\n"
    assert yamledit.remove(made, path) == "z: 1\na:\n  b: {}\n"
    assert yamledit.remove(made, path, trace) == "z: 1\n"
    assert yamledit.remove(made + "  d: 1\n", path, trace) == "z: 1\na:\n  d: 1\n"
    noted = made.replace("b:", "b: # mine")
    assert yamledit.remove(noted, path, trace) == "z: 1\na:\n  b: {} # mine\n"


def test_a_document_that_was_made_goes_only_if_nothing_came_to_it() -> None:
    """An empty file becomes empty again, unless somebody wrote something beside our entry."""
    trace = yamledit.trace("", ("x",))
    made = yamledit.put("", ("x",), 1)
    assert trace == Trace(-1, "")
    assert yamledit.remove(made, ("x",), trace) == ""
    assert yamledit.remove(f"# theirs\n{made}", ("x",), trace) == "# theirs\n{}\n"
    assert yamledit.remove(f"{made}y: 2\n", ("x",), trace) == "y: 2\n"


def test_a_trace_of_what_is_there_holds_none_of_it() -> None:
    """A trace can be stored: it holds the text of nothing, in brackets or not, and no value's."""
    assert yamledit.trace("a: {b: secret}", ("a", "b")) == Trace(2)
    assert yamledit.trace("a:  ~ # c", ("a", "b")) == Trace(1, "  ~")
    assert yamledit.trace("a: ~", ("a",)) == Trace(1)


def test_an_item_is_found_by_what_it_says() -> None:
    """An item is selected by values at dotted paths, in block and flow style and through aliases."""
    other = yamledit.item_where({"destination.path": "/opt/other"})
    assert yamledit.get(TBOT, ("services", other, "type")) == "identity"
    assert yamledit.get(TBOT, ("services", yamledit.item_where({"destination.x": 1})), "no") == "no"
    text = "a: &a {path: /x}\nservices: [text, {destination: *a, id: 7}]\n"
    found = yamledit.item_where({"destination.path": "/x"})
    assert yamledit.get(text, ("services", found, "id")) == 7
    assert yamledit.get(text, ("services", found)) == {"destination": {"path": "/x"}, "id": 7}


def test_a_setting_of_an_item_can_be_put_alone() -> None:
    """A path leads through an item to one of its keys, and changes nothing beside that."""
    other = yamledit.item_where({"destination.path": "/opt/other"})
    after = yamledit.put(TBOT, ("services", other, "allow_reissue"), True)
    assert after == TBOT.replace("path: /opt/other}}", "path: /opt/other}, allow_reissue: true}")


def test_a_value_must_be_the_item_that_it_is_put_as() -> None:
    """An item that its own path would not find again is refused."""
    with pytest.raises(ValueError, match=r"\[type: identity, destination.path: /opt/machine-id\]"):
        yamledit.put(TBOT, SERVICE, {"type": "identity"})


def test_values_are_read_by_the_core_schema() -> None:
    """`get` reads YAML 1.2: `on` and `12:30` are texts, and a tag means nothing."""
    text = "{a: on, b: 12:30, c: 010, d: -1.5e3, e: TRUE, f: , g: '1', h: !t x, i: [0, 0x1]}"
    words = {"a": "on", "b": "12:30", "c": "010", "g": "1", "h": "x"}
    others = {"d": -1500.0, "e": True, "f": None, "i": [0, "0x1"]}
    assert yamledit.get(text, ()) == words | others
    assert yamledit.get("", (), "nothing") == "nothing"


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("- a\n", "the document is a list, not a mapping", (1, 1, 4)),
        ("text\n", "the document is a single value, not a mapping", (1, 1, 5)),
        ("x: [1]\n", '"x" is a list, not a mapping', (1, 4, 7)),
        ("x: 1\n", '"x" is a single value, not a mapping', (1, 4, 5)),
        ("x: {y: 1, y: 2}\n", '"y" stands here for the second time', (1, 11, 12)),
        ("x: &a\n  y: 1\nz: *a\n", '"x" has an anchor, an alias or a tag', (1, 4, 6)),
        ("z: &a {y: 1}\nx: *a\n", '"x" has an anchor, an alias or a tag', (2, 4, 6)),
        ("x: !t {y: 1}\n", '"x" has an anchor, an alias or a tag', (1, 4, 13)),
        ("x: {y: &a 1}\n", "this has an anchor or a tag (&a)", (1, 8, 12)),
        ("x: {y: !t 1}\n", "this has an anchor or a tag (!t)", (1, 8, 12)),
        ("&a x: 1\n", "this key has an anchor, an alias or a tag", (1, 1, 5)),
        ("z: &x x\n*x : 1\n", "this key has an anchor, an alias or a tag", (2, 1, 3)),
        ("? x\n: {y: 1}\n", "this is written in a way that cannot be edited", (1, 3, 4)),
        ("{} # c\n", "a comment would be lost", (1, 1, 3)),
        ("a: |\n  text", "the file ends in a block scalar and without a line break", (2, 7, 7)),
        ("--- {}\n", "this cannot be edited without a change to something else", (1, 5, 6)),
        ("x: 1\n---\nx: 2\n", "a second document begins here", (2, 1, 4)),
        ("x: {\n", "not YAML: did not find expected node content", (1, 5, 5)),
        ("x: 1\n\ty: 2\n", "not YAML: found a tab character that violates indentation", (2, 1, 2)),
        ("x: \x07\n", "not YAML: control characters are not allowed", (1, 4, 5)),
        ("x: *a\n", "there is no anchor &a before this", (1, 4, 6)),
        ("x: &a [*a]\n", "there is no anchor &a before this", (1, 8, 10)),
        ("x: a\x85y: b\n", "a line break that not every reader takes for one (U+0085)", (1, 5, 6)),
        ("x: a\r", "a line break that not every reader takes for one (U+000D)", (1, 5, 5)),
        ("x: a\ry: b\n", "a line break that not every reader takes for one (U+000D)", (1, 5, 6)),
        ("x: " + "[" * 100, "nested more than 64 levels deep", (1, 67, 68)),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_is_refused_with_its_place(
    text: str, message: str, place: tuple[int, int, int]
) -> None:
    """A broken or shared value, or one of another type, is an error that says what and where."""
    with pytest.raises(SpliceError) as caught:
        yamledit.put(text, ("x", "y"), {"z": 1})
    assert message in caught.value.message
    assert caught.value.at == Place("", *place)
    assert "nothing was changed" in caught.value.hint


def test_a_pair_in_a_list_cannot_grow() -> None:
    """A mapping without brackets in a flow list is read, and refused where it would need some."""
    is_pair = Item("pair", lambda item: isinstance(item, dict) and "a" in item)
    assert yamledit.get("x: [a: b, c]", ("x", is_pair, "a")) == "b"
    with pytest.raises(SpliceError, match="this mapping has no brackets of its own"):
        yamledit.put("x: [a: b, c]", ("x", is_pair, "d"), 1)


def test_two_items_that_could_be_meant_are_refused() -> None:
    """An item that stands twice is not guessed at; the second one is named."""
    text = TBOT.replace("/opt/ssh ", "/opt/other ")
    with pytest.raises(SpliceError, match="destination.path: /opt/other") as caught:
        yamledit.get(text, ("services", yamledit.item_where({"destination.path": "/opt/other"})))
    assert caught.value.at.line == 14


def test_what_others_use_is_not_removed() -> None:
    """A value with an anchor stays where it is: something else says the same by its name."""
    with pytest.raises(SpliceError, match=r"this has an anchor or a tag \(&a\)"):
        yamledit.remove("x: {y: &a 1}\nz: *a\n", ("x",))
    with pytest.raises(SpliceError, match=r"this has an anchor or a tag \(&store\)"):
        yamledit.remove(TBOT, ("storage",))


def test_aliases_that_multiply_are_refused() -> None:
    """A file of a few lines that says millions of values is refused before anybody counts them."""
    text = "a0: &a0 x\n" + "".join(
        f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
    )
    with pytest.raises(SpliceError, match="aliases repeat this too often"):
        yamledit.get(text, ("a0",))


def test_an_excerpt_shows_no_secret() -> None:
    """The line of an error keeps its keys; values are blanked, plain ones as well."""
    with pytest.raises(SpliceError) as caught:
        yamledit.get("env: {TOKEN: abc, PASS: 'd e', x: *y}\n", ())
    assert caught.value.excerpt == "env: {TOKEN: ***, PASS: '* *', x: **}"


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1: 2}, object(), {"a": {"b": {1}}}])
def test_what_yaml_cannot_say_is_not_written(value: Any) -> None:
    """Not-a-number, half a surrogate pair, keys that are not text: refused as values."""
    with pytest.raises((TypeError, ValueError), match=r"."):
        yamledit.put("a: 1\n", ("x",), value)


LONG = "".join(
    f"long-{number}: {{a: [{number}, 'x'], of: some length}}\n" for number in range(2_000)
)


@pytest.mark.parametrize(
    "head",
    [
        "a: &x {b: 1}\nc: *x\n",
        "a:\n- 1\n-\n  b: 2\n# c\n'k k': |+\n  text\n\n\n\"q\":\n",
        "# c\n\na:\n\n  # c\n  b:\n    c: 'it''s\n\n      two'\n   # d\n  e: >-\n    x\n",
        "a: 'one\nlong-1: '\n",
        "a: {b: 1,\nlong-1: 2}\n",
        "---\n? a\n: b\n",
        "# c\n--- \na: 1\n",
        'key with spaces: 1\n\u00fc: 2\n"a\\tb": 3\n',
    ],
)
def test_a_long_text_says_what_its_parts_say(head: str) -> None:
    """A text whose entries are read one by one says the same, however its first ones are written."""
    said = yaml.safe_load(head + LONG)
    assert yamledit.get(head + LONG, ()) == said
    after = yamledit.put(head + LONG, ("new", "a"), 1)
    assert after == head + LONG + "new:\n  a: 1\n"
    assert yamledit.remove(after, ("long-7",)) == after.replace(LONG.splitlines(True)[7], "")


@pytest.mark.parametrize("indent", ["", "  "])
@pytest.mark.parametrize(
    "head", ["- a: 1\n", "- - a\n  - b\n", "-\n  a\n", '- "word"\n', "# c\n\n- {}\n"]
)
def test_a_long_list_says_what_its_items_say(indent: str, head: str) -> None:
    """A list whose items are read one by one says the same, and gives those that have a word."""
    items = "".join(f"- {{a: [{number}, 'x'], of: some length}}\n" for number in range(1_500))
    text = "list:\n" + "".join(indent + line for line in (head + items).splitlines(True))
    said = yaml.safe_load(text)
    assert yamledit.get(text, ()) == said
    some = yamledit.part(text, ["list", "none"], ["word", "[17,"])
    assert [
        item for item in said["list"] if item in ("word", {"a": [17, "x"], "of": "some length"})
    ] == some["list"]
    item = Item("17", lambda value: value == {"a": [17, "x"], "of": "some length"}, "17")
    assert yamledit.remove(text, ("list", item)) == text.replace(
        f"{indent}- {{a: [17, 'x'], of: some length}}\n", ""
    )


@pytest.mark.parametrize(
    ("end", "place"),
    [("a: 'x\n", (2001, 6, 6)), ("a: [\n", (2001, 5, 5)), ("a: x: y\n", (2001, 5, 6))],
)
def test_a_long_text_that_is_broken_is_refused_where_it_is(
    end: str, place: tuple[int, int, int]
) -> None:
    """An entry that is no document of its own is an error with its place in the whole text."""
    with pytest.raises(SpliceError) as caught:
        yamledit.get(LONG + end, ("long-1",))
    assert caught.value.at == Place("", *place)


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 900 + "x, " * 100_000 + "]" * 900, "- " * 100_000 + "a"]
)
def test_a_long_text_that_is_deep_is_refused_at_once(text: str) -> None:
    """Depth is found where it begins: what libyaml takes long for is not shown to it."""
    with pytest.raises(SpliceError, match="nested more than 64"):
        yamledit.get(text + "\n", ("a",))
