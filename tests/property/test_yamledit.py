"""Laws of the YAML editor, over documents in any style, read back by two other readers."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from provisioner.text import yamledit
from provisioner.text.splice import SpliceError
from provisioner.text.yamledit._base import Node, outline, window
from provisioner.text.yamledit._base.reader import read_all
from provisioner.text.yamledit._edit import Document

examples = settings(max_examples=int(os.environ.get("PROVISION_EXAMPLES", "300")))

EXTENSION = ("extensions", "ours")
IS_OURS = yamledit.item_where({"id": "ours"})
SERVICE = ("services", IS_OURS)

KEYS = ("a", "b c", "on", "12", "k: v", "#", "x-1", "")
TEXTS = (
    *(
        "",
        "on",
        "off",
        "~",
        "12:30",
        "1h30m",
        "0x1f",
        "1e3",
        "010",
        "a: b",
        "- a",
        "#",
        " x ",
        "x # y",
    ),
    *("it's", 'say "x"', "two\nlines\n", "\t", "ü😀", "\x85", "*a", "&a", "!t", "{", "%", "@"),
)

Table = dict[str, Any]


class Writer:
    """Makes up values and writes them as YAML, as `choose` decides; its comments are numbered.

    `inside` collects the comments of the item that is ours.
    """

    def __init__(self, choose: random.Random, line_break: str) -> None:
        self.choose = choose
        self._break = line_break
        self._step = choose.choice([2, 4, 3])
        self._dash = choose.choice([0, 2, self._step])
        self._comments = 0
        self.inside: set[str] = set()

    def document(self, value: Table) -> str:
        lines = [*self.noise(0), *(["---"] if self.odds(0.2) else []), *self.noise(0)]
        lines += self.block(value, 0) if value else ["{}"]
        text = self._break.join([*lines, *self.noise(0), ""])
        return text.rstrip() if self.odds(0.2) and "|" not in text else text

    def value(self, depth: int = 3) -> Any:
        kind = self.choose.randrange(8 if depth else 5)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.choose.randrange(4))]
        if kind > 5:
            return self.table(depth - 1)
        number = round(self.choose.uniform(-1e6, 1e6), self.choose.randrange(4))
        text = self.choose.choice(TEXTS)
        return self.choose.choice([True, False, None, number, int(number) ** 3, text, text])

    def table(self, depth: int = 3) -> Table:
        count = self.choose.randrange(5)
        return {self.choose.choice(KEYS): self.value(depth) for _ in range(count)}

    def odds(self, chance: float) -> bool:
        return self.choose.random() < chance

    def comment(self) -> str:
        self._comments += 1
        return f"# <{self._comments}> - a: {{ ' \""

    def end(self) -> str:
        return " " + self.comment() if self.odds(0.2) else self.choose.choice(["", "", " "])

    def noise(self, column: int) -> list[str]:
        if self.odds(0.7):
            return []
        return [" " * column + self.comment() if self.odds(0.7) else ""]

    def block(self, value: Any, column: int, lead: str = "") -> list[str]:
        """Return the lines of a filled mapping or list; `lead` stands before the first of them."""
        lines: list[str] = []
        is_map = isinstance(value, dict)
        for key, item in value.items() if is_map else enumerate(value):
            pad = " " * column if lines or not lead else lead
            lines += self.noise(column) if lines or not lead else []
            first = self._comments
            if is_map:
                lines += self.entry(f"{pad}{self.key(key)}:", item, column)
            elif isinstance(item, dict) and item and self.odds(0.7):
                lines += self.block(item, column + 2, f"{pad}- ")
            else:
                lines.append(f"{pad}- {self.flow(item)}{self.end()}")
            self.note_inside(item.get("id") if isinstance(item, dict) else None, first)
        return lines

    def note_inside(self, name: str | None, first: int) -> None:
        """Remember the comments after number `first` as those of our item."""
        if name == "ours":
            self.inside |= {f"<{number}>" for number in range(first + 1, self._comments + 1)}

    def entry(self, head: str, value: Any, column: int) -> list[str]:
        if isinstance(value, dict) and value and self.odds(0.7):
            return [head + self.end(), *self.block(value, column + self._step)]
        if isinstance(value, list) and value and self.odds(0.7):
            return [head + self.end(), *self.block(value, column + self._dash)]
        if value == "two\nlines\n" and self.odds(0.5):
            pad = " " * (column + self._step)
            return [f"{head} |", f"{pad}two", f"{pad}lines"]
        return [f"{head} {self.flow(value)}{self.end()}"]

    def key(self, key: Any) -> str:
        return key if key in ("a", "x-1", "extensions", "services", "ours") else json.dumps(key)

    def flow(self, value: Any) -> str:
        if isinstance(value, dict):
            first = self._comments
            members = [f"{json.dumps(key)}: {self.flow(value[key])}" for key in value]
            group = self.group("{", members, "}")
            self.note_inside(value.get("id"), first)
            return group
        if isinstance(value, list):
            return self.group("[", [self.flow(item) for item in value], "]")
        if isinstance(value, str) and value.isprintable() and self.odds(0.5):
            return "'" + value.replace("'", "''") + "'"
        if value is None:
            return self.choose.choice(["null", "~"])
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii="\x85" in value)
        return str(value).lower()

    def group(self, opening: str, members: list[str], closing: str) -> str:
        gaps = [self.gap() for _ in members] + [self.gap()]
        inside = ",".join(gap + member for gap, member in zip(gaps, members, strict=False))
        comma = "," if members and self.odds(0.2) else ""
        return opening + inside + comma + gaps[-1] + closing

    def gap(self) -> str:
        if self.odds(0.7):
            return self.choose.choice(["", " "])
        comment = " " + self.comment() if self.odds(0.5) else ""
        return comment + self._break + " " * 14


def comments(text: str) -> set[str]:
    return set(re.findall(r"<\d+>", text))


def assert_says(text: str, expected: Any, *, read: Callable[[str], Any] | None = None) -> None:
    """Hold that a reader, of YAML 1.1 if not said otherwise, finds `expected`, 1 and 1.0 apart."""
    found = read(text) if read else yaml.load(text, yaml.CSafeLoader)
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


writers = st.builds(Writer, st.randoms(use_true_random=True), st.sampled_from(["\n", "\r\n"]))


@given(writers)
@examples
def test_a_new_entry_comes_and_goes_without_a_trace(writer: Writer) -> None:
    """A put adds the entry to a mapping and nothing else; a remove gives the original bytes."""
    document, entry, others = writer.table(), writer.table(), writer.table()
    document |= writer.choose.choice([{}, *({"extensions": there} for there in (None, {}, others))])
    text = writer.document(document)
    after = yamledit.put(text, EXTENSION, entry)
    expected = {**document, "extensions": {**(document.get("extensions") or {}), "ours": entry}}
    assert_says(after, expected)
    assert_says(after, expected, read=YAML(typ="safe", pure=True).load)
    assert comments(after) == comments(text)
    assert yamledit.remove(after, EXTENSION, yamledit.trace(text, EXTENSION)) == text


@given(writers)
@examples
def test_a_new_item_comes_and_goes_without_a_trace(writer: Writer) -> None:
    """A put appends the item to a list and nothing else; a remove gives the original bytes."""
    document, item, other = writer.table(), {**writer.table(), "id": "ours"}, writer.table()
    document |= writer.choose.choice(
        [{}, *({"services": there} for there in (None, [], [other, "x"]))]
    )
    text = writer.document(document)
    after = yamledit.put(text, SERVICE, item)
    assert_says(after, {**document, "services": [*(document.get("services") or []), item]})
    assert comments(after) == comments(text)
    assert yamledit.remove(after, SERVICE, yamledit.trace(text, SERVICE)) == text


def with_services(document: Table, *services: Table) -> Table:
    """Return `document` with these services between others, and mappings of other names."""
    other = {"id": "other", **document}
    return {**document, "extensions": document, "services": [other, *services, "text"]}


@given(writers)
@examples
def test_a_changed_item_changes_nothing_around_it(writer: Writer) -> None:
    """An item in whatever style gets its new value; the rest and all comments around it stay."""
    document, new = writer.table(), {**writer.table(), "id": "ours"}
    text = writer.document(with_services(document, {**writer.table(), "id": "ours"}))
    after = yamledit.put(text, SERVICE, new)
    assert_says(after, with_services(document, new))
    assert comments(text) - comments(after) <= writer.inside
    assert yamledit.put(after, SERVICE, new) == after


@given(writers)
@examples
def test_a_change_between_put_and_remove_leaves_no_trace_either(writer: Writer) -> None:
    """Put, put another value, remove: the original bytes, so that each put kept to its entry."""
    document, one, other = {"a": 1, **writer.table()}, writer.table(), writer.table()
    text = writer.document(document)
    first = yamledit.put(text, EXTENSION, {"cmd": "tsh", **one})
    second = yamledit.put(first, EXTENSION, other)
    assert_says(second, {**document, "extensions": {"ours": other}})
    assert yamledit.remove(second, EXTENSION, yamledit.trace(text, EXTENSION)) == text


@given(writers)
@examples
def test_a_removed_item_leaves_all_others(writer: Writer) -> None:
    """An item in whatever style goes; the rest and all comments around it stay."""
    document = writer.table()
    text = writer.document(with_services(document, {**writer.table(), "id": "ours"}))
    after = yamledit.remove(text, SERVICE)
    assert_says(after, with_services(document))
    assert comments(text) - comments(after) <= writer.inside


def many(writer: Writer) -> Table:
    """Return a mapping, a list and a mapping in it, each of so many entries that most are far off."""
    tables: list[Table] = [writer.table(2) for _ in range(writer.choose.randrange(12))]
    named = {f"n{number}": table for number, table in enumerate(tables)}
    return {**named, "extensions": {**named, "x-1": writer.value()}, "services": [*tables, "x"]}


def one_by_one(text: str, entries: dict[Any, Any], gone: list[str]) -> str:
    """Return `text` with these extensions, without those, each put and removed by itself."""
    for name, value in entries.items():
        text = yamledit.put(text, ("extensions", name), value)
    for name in gone:
        text = yamledit.remove(text, ("extensions", name))
    return text


@given(writers, st.sampled_from([0, window.WHOLE]))
@examples
def test_many_entries_come_and_go_at_once(writer: Writer, whole: int) -> None:
    """Entries put in one pass, and removed in one, are as if each had been for itself.

    Only the white space between comments in brackets may differ.
    """
    document = many(writer)
    added: dict[yamledit.Step, Any] = {"u": writer.table(), "n3": writer.table(), "x-1": 1}
    text, all_of_them = writer.document(document), document["extensions"] | added
    gone = list(all_of_them)[:: writer.choose.randrange(1, 4)]
    gone = gone if writer.odds(0.25) else gone[: writer.choose.randrange(1, 4)]
    try:
        expected = one_by_one(text, added, []), one_by_one(text, added, gone)
    except SpliceError:  # a comment right behind a bracket is in the way
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "WHOLE", whole)
        after = yamledit.put_all(text, ("extensions",), added)
        without = yamledit.remove_all(after, ("extensions",), dict.fromkeys(gone))
    assert (after, "".join(without.split())) == (expected[0], "".join(expected[1].split()))
    assert_says(after, {**document, "extensions": all_of_them})
    left = {name: value for name, value in all_of_them.items() if name not in gone}
    assert_says(without, {**document, "extensions": left})


FRAGMENTS = (
    *("a: 1\n", "- 1\n", "  - 1\n", "    a: 1\n", "  a:\n", "? a\n", ": a\n", "-\n", "a"),
    *("\n", " ", "#", "# c\n", '"', "'", "|\n", ">\n", "{", "}", "[", "]", ",", ":", "&a ", "*a"),
    *("---\n", "...\n", "!t ", "%TAG\n", "\t", "@", "\r", "  ", ""),
)


@given(
    writers, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(FRAGMENTS)))
)
@examples
def test_what_is_near_an_edit_tells_whether_it_is_right(
    writer: Writer, edits: list[tuple[float, int, str]]
) -> None:
    """Whatever is done to a long text, what is near shows a change if the whole text would."""
    text = writer.document(many(writer))
    document = Document(text)
    placed = []
    for place, length, new in edits:
        start = round(place * len(text))
        start = writer.choose.choice([start, text.find("\n", start) + 1])
        placed.append((start, start + writer.choose.choice([0, 0, length]), new))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "WHOLE", 0)
        cuts = window.far_from(placed, document)
    if yamledit._is_proven(document, placed, cuts, {}):
        assert yamledit._is_proven(document, placed, [], {})


def spelled_out(node: Node | None) -> Any:
    """Return everything about a value, for it to be compared."""
    if node is None:
        return None
    entries = [(spelled_out(entry.key), spelled_out(entry.value)) for entry in node.entries]
    return (*node[: Node._fields.index("entries")], entries)


@given(writers, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(FRAGMENTS))))
@examples
def test_a_text_read_entry_by_entry_says_what_it_says(
    writer: Writer, edits: list[tuple[float, int, str]]
) -> None:
    """Whatever the text: where its entries can be read one by one, each is as if all were read."""
    text = writer.document(many(writer))
    for place, length, new in edits:
        start = round(place * len(text))
        start = writer.choose.choice([start, text.find("\n", start) + 1])
        text = text[:start] + new + text[start + writer.choose.choice([0, 0, length]) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "LONG", 0)
        patch.setattr(outline, "SHORT", 0)
        try:
            found = spelled_out(outline.read(text))
        except SpliceError as error:
            refused = str(error)
        else:
            assert found == spelled_out(read_all(text))
            return
    with pytest.raises(SpliceError, match=re.escape(refused)):
        read_all(text)


@given(st.text("a: -[]{}#'\"|>&*!?\n\t,~", max_size=25))
@examples
def test_whatever_the_text_it_is_edited_or_refused(text: str) -> None:
    """Any text gets the entry, beside all that it said, or is refused with a place in it."""
    try:
        after = yamledit.put(text, ("x",), {"y": [1]})
    except SpliceError as error:
        refused = error
    else:
        assert yamledit.get(after, ("x",)) == {"y": [1]}
        # PyYAML makes no values of keys that are mappings, and of tags that it does not know.
        with suppress(yaml.YAMLError):
            before = yaml.load(text, yaml.CSafeLoader) or {}
            assert yaml.load(after, yaml.CSafeLoader) == {**before, "x": {"y": [1]}}
        return
    assert refused.at.line <= text.count("\n") + 1
