"""Laws of the JSONC and TOML editors, over documents with anything in them that people write."""

from __future__ import annotations

import json
import os
import random
import re
import tomllib
from typing import Any, TypeVar

import pyjson5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.text.splice import SpliceError, jsonc, toml
from provisioner.text.splice._base import toml_reading
from provisioner.text.splice._base.json_fault import fault
from provisioner.text.splice._base.json_text import Json
from provisioner.text.splice._base.proof import at
from provisioner.text.splice._base.toml_text import tables_of

examples = settings(max_examples=int(os.environ.get("PROVISION_EXAMPLES", "300")))

OURS = "@ours@"
SERVER = ("mcpServers", "ours")
TABLE = ("mcp_servers", "ours")

KEYS = ("a", "b c", "mcpServers", "//", "ü", 'q"', "x-1", "[fake]")
TEXTS = ("", "/* no */", "// no", "a,}", "\\", '"', "😀", "\t\n", "[x]\n", "'''", "\u2028", "\x7f")

Table = dict[str, Any]
AnyWriter = TypeVar("AnyWriter", bound="Writer")


def is_within(part: str, whole: str) -> bool:
    """Whether `whole` can become `part` by deletions alone."""
    rest = iter(whole)
    return all(char in rest for char in part)


def comments(text: str) -> list[str]:
    """Return the numbered comments that the writers below have put into `text`."""
    return re.findall(r"<\d+>", text)


def strict(text: str) -> Any:
    """Return what a reader of strict JSON finds in `text`, None where it finds fault."""
    try:
        return json.loads(text)
    except ValueError:
        return None


class Writer:
    """Makes up values and their spelling as `choose` decides; its comments are numbered."""

    def __init__(self, choose: random.Random, line_break: str) -> None:
        self.line_break = line_break
        self.choose = choose
        self._comments = 0

    def odds(self, chance: float) -> bool:
        return self.choose.random() < chance

    def one_of(self, *choices: str) -> str:
        return self.choose.choice(choices)

    def comment(self) -> str:
        self._comments += 1
        return f"<{self._comments}> , }} [x] \" ' : = "

    def value(self, depth: int = 3) -> Any:
        kind = self.choose.randrange(8 if depth else 5)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.choose.randrange(4))]
        if kind > 5:
            return self.table(depth - 1)
        number = round(self.choose.uniform(-1e6, 1e6), self.choose.randrange(9))
        return self.choose.choice([True, False, number, int(number) ** 3, self.one_of(*TEXTS)])

    def table(self, depth: int = 3) -> Table:
        return {self.one_of(*KEYS): self.value(depth) for _ in range(self.choose.randrange(4))}


class Jsonc(Writer):
    """Writes values as JSONC, with comments, white space and commas wherever they may stand."""

    def value(self, depth: int = 3) -> Any:
        return None if self.odds(0.1) else super().value(depth)

    def gap(self) -> str:
        if self.odds(0.5):
            return ""
        if self.odds(0.7):
            return self.one_of(" ", "\t", self.line_break, self.line_break + "    ") + self.gap()
        if self.odds(0.5):
            return f"/*{self.comment()}*/" + self.gap()
        return f"//{self.comment()}{self.line_break}" + self.gap()

    def write(self, value: Any) -> str:
        if isinstance(value, dict):
            members = [self.member(key, value[key]) for key in value]
            doubled = [self.member(key, 0) for key in value if key != "ours" and self.odds(0.1)]
            return self.group("{", doubled + members, "}")
        if isinstance(value, list):
            return self.group("[", [self.write(item) for item in value], "]")
        return self.gap() + json.dumps(value, ensure_ascii=self.odds(0.5)) + self.gap()

    def member(self, key: str, value: Any) -> str:
        return f"{self.gap()}{json.dumps(key)}{self.gap()}:{self.write(value)}"

    def group(self, opening: str, members: list[str], closing: str) -> str:
        comma = "," if members and self.odds(0.3) else ""
        inside = ",".join(members) + comma + self.gap()
        return f"{self.gap()}{opening}{inside}{closing}{self.gap()}"

    def around(self, document: Table) -> tuple[str, str]:
        """Return what stands before and after our server's value in a document that has one."""
        others = document.get("mcpServers")
        members = {**(others if isinstance(others, dict) else {}), "ours": OURS}
        document = {**document, "mcpServers": members}
        head, _, tail = self.write(document).rpartition(json.dumps(OURS))
        return head, tail


def written_by(writer: type[AnyWriter]) -> st.SearchStrategy[AnyWriter]:
    return st.builds(writer, st.randoms(use_true_random=True), st.sampled_from(["\n", "\r\n"]))


@given(written_by(Jsonc))
@examples
def test_a_new_entry_comes_and_goes_without_a_trace(writer: Jsonc) -> None:
    """A put adds the entry and nothing else; a remove after it gives the original bytes."""
    document, entry = writer.table(), writer.table()
    text = writer.write(document)
    if not isinstance(document.setdefault("mcpServers", {}), dict):
        with pytest.raises(SpliceError, match="not an object"):
            jsonc.put(text, SERVER, entry)
        return
    after = jsonc.put(text, SERVER, entry)
    document["mcpServers"]["ours"] = entry
    assert pyjson5.decode(after) == document
    assert comments(after) == comments(text)
    assert is_within("".join(text.split()), "".join(after.split()))
    assert jsonc.remove(after, SERVER, jsonc.trace(text, SERVER)) == text


@given(written_by(Jsonc))
@examples
def test_a_changed_entry_changes_nothing_around_it(writer: Jsonc) -> None:
    """All before and all after the entry's value stays, byte for byte; equal values change nothing."""
    old, new = writer.value(), writer.value()
    head, tail = writer.around(writer.table())
    text = f"{head}{json.dumps(old) if writer.odds(0.3) else writer.write(old)}{tail}"
    assert jsonc.put(text, SERVER, old) == text
    after = jsonc.put(text, SERVER, new)
    assert after.startswith(head)
    assert after.endswith(tail)
    assert pyjson5.decode(after[len(head) : len(after) - len(tail)]) == new
    assert jsonc.get(after, SERVER) == new
    assert jsonc.get(jsonc.put(after, SERVER, old), SERVER) == old


@given(written_by(Jsonc))
@examples
def test_a_removed_entry_leaves_all_others(writer: Jsonc) -> None:
    """A remove only deletes; the other entries and all comments around the entry are left."""
    head, tail = writer.around(writer.table())
    text = head + json.dumps(writer.value()) + tail
    after = jsonc.remove(text, SERVER)
    expected = pyjson5.decode(text)
    del expected["mcpServers"]["ours"]
    assert pyjson5.decode(after) == expected
    assert is_within(after, text)
    lost = [comment for comment in comments(text) if comment not in comments(after)]
    assert all(comment in comments(head.rpartition('"ours"')[2]) for comment in lost)


@given(st.text('{}[]:,"\\/*n0.e-atrule \n\r\ufeff\u2028', max_size=30))
@examples
def test_whatever_the_text_only_splice_errors_arise(text: str) -> None:
    """Any text is edited or refused; what strict JSON reads as an object is edited."""
    try:
        after = jsonc.put(text, ("x",), 1)
    except SpliceError:
        assert not isinstance(strict(text), dict)
    else:
        assert jsonc.get(after, ("x",)) == 1


@given(written_by(Jsonc))
@examples
def test_features_tell_what_strict_json_refuses(writer: Jsonc) -> None:
    """A text is strict JSON exactly if it has neither comments nor trailing commas."""
    text = writer.write(writer.table())
    found = jsonc.features(text)
    assert (found.has_comments or found.has_trailing_commas) == (strict(text) is None)


@given(
    written_by(Jsonc),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from('{}[]:,"\\/*n0e \n\u2028'))),
)
@examples
def test_json_is_what_either_reader_finds_no_fault_in(
    writer: Jsonc, edits: list[tuple[float, str]]
) -> None:
    """The quick reader refuses exactly the texts in which the one that says why finds a fault."""
    text = writer.write(writer.table())
    for place, new in edits:
        start = round(place * len(text))
        text = text[:start] + new + text[start + writer.choose.randrange(3) :]
    if found := fault(text):
        with pytest.raises(SpliceError, match=re.escape(str(found))):
            Json(text)
    else:
        Json(text)


class Toml(Writer):
    """Writes TOML documents whose keys are all different, with what looks like headers in texts."""

    def document(self, *, size: int) -> str:
        return self.keys() + "".join(self.section(f"t{number}") for number in range(size))

    def section(self, name: str) -> str:
        head = self.one_of(f"[{name}]", f"[ {name} . 'x' ]", f"[[{name}]]", f"[mcp_servers.{name}]")
        lead = self.one_of("", self.line_break, f"#{self.comment()}{self.line_break}", "  ")
        return f"{lead}{head}{self.rest_of_line()}{self.keys()}"

    def keys(self) -> str:
        count = int(self.one_of("0", "1", "3"))
        return "".join(
            f"k{number} = {self.spelling()}{self.rest_of_line()}" for number in range(count)
        )

    def spelling(self) -> str:
        end = self.line_break
        return self.one_of(
            "1", "'[t]'", '"a # \\" b"', f'"""{end}[mcp_servers.ours]{end}\\""" # = """',
            f"'''{end}[x]{end}''''", f"[{end}  [1], # [y]{end}[ 2 ],{end}]", "{ a = 1, b.c = ']' }",
            "2020-01-01T00:00:00Z", "nan", '""',
        )  # fmt: skip

    def line(self, text: str) -> str:
        return text + self.line_break

    def rest_of_line(self) -> str:
        comment = self.one_of("", "  ", f" #{self.comment()}")
        return (
            comment + self.line_break + self.one_of("", "", self.line_break, "  " + self.line_break)
        )


def said(text: str) -> str:
    """Return what a TOML text says, as text: NaN equals itself there, and 1 is not 1.0."""
    return json.dumps(tomllib.loads(text), sort_keys=True, default=repr)


def with_table(text: str, table: Table | None) -> str:
    """Return what a TOML text says with our table in it, or without and without an empty parent."""
    value = tomllib.loads(text)
    inner = {key: item for key, item in value.get("mcp_servers", {}).items() if key != "ours"}
    value["mcp_servers"] = inner if table is None else {**inner, "ours": table}
    return json.dumps(value, sort_keys=True, default=repr)


@given(written_by(Toml))
@examples
def test_a_new_table_comes_and_goes_without_a_trace(writer: Toml) -> None:
    """A put appends the table and nothing else; a remove after it gives the original bytes."""
    text, table = writer.document(size=writer.choose.randrange(4)), writer.table()
    text = writer.one_of(text, text.rstrip(), text + writer.line_break * 2)
    after = toml.put(text, TABLE, table)
    assert after.startswith(text)
    assert said(after) == with_table(text, table)
    assert toml.remove(after, TABLE, toml.trace(text, TABLE)) == text


@given(written_by(Toml))
@examples
def test_a_changed_table_changes_nothing_around_it(writer: Toml) -> None:
    """All before the table's header and all after its last key stays, byte for byte."""
    old, new = writer.table(), writer.table()
    head, tail = writer.document(size=1), writer.line("# about z") + writer.section("z")
    text = toml.put(head + writer.line_break, TABLE, old) + tail
    after = toml.put(text, TABLE, new)
    assert after.startswith(head)
    assert after.endswith(tail)
    assert said(after) == with_table(text, new)
    assert json.dumps(toml.get(toml.put(after, TABLE, old), TABLE), sort_keys=True) == json.dumps(
        old, sort_keys=True
    )


@given(written_by(Toml))
@examples
def test_a_removed_table_leaves_all_others(writer: Toml) -> None:
    """A remove only deletes; the other tables and their comments are left."""
    head, tail = writer.document(size=1), writer.line("# about z") + writer.section("z")
    text = toml.put(head, TABLE, writer.table()) + tail
    after = toml.remove(text, TABLE)
    assert after.startswith(head)
    assert after.endswith(tail)
    assert with_table(after, None) == with_table(text, None)


NAMES = ("t1", "t3", "new", "other")


@given(written_by(Toml), st.sampled_from([0, toml_reading.WHOLE]))
@examples
def test_many_tables_come_and_go_at_once(writer: Toml, whole: int) -> None:
    """Tables put in one pass, and removed in one, are as if each had been for itself."""
    text = writer.document(size=8) + writer.one_of("", writer.line("# the end"))
    added = {name: writer.table() for name in NAMES}
    one_by_one = text
    for name, value in added.items():
        one_by_one = toml.put(one_by_one, ("mcp_servers", name), value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toml_reading, "WHOLE", whole)
        after = toml.put_all(text, ("mcp_servers",), added)
        without = toml.remove_all(after, ("mcp_servers",), dict.fromkeys(NAMES))
    assert said(after) == said(one_by_one)
    for name in NAMES:
        one_by_one = toml.remove(one_by_one, ("mcp_servers", name))
    assert said(without) == said(one_by_one)
    assert without.rstrip() == one_by_one.rstrip()


FRAGMENTS = (
    *("[x]\n", "[[x]]\n", "[t1]\n", "[mcp_servers]\n", "[t2.x]\n", "a = 1\n", "k0 = 2\n", "[", "]"),
    *(
        '"',
        "'",
        '"""',
        "'''",
        "#",
        "\n",
        "=",
        "{",
        "}",
        ",",
        " ",
        "1",
        "a",
        "mcp_servers = {}\n",
        "",
    ),
)


@given(
    written_by(Toml),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(FRAGMENTS))),
)
@examples
def test_what_is_near_an_edit_tells_whether_it_is_right(
    writer: Toml, edits: list[tuple[float, int, str]]
) -> None:
    """Whatever is done to a table of a long text, what is near shows it if the whole text would."""
    text = writer.document(size=9)
    document = toml._Document(text)
    placed = []
    for place, length, new in edits:
        start = text.find("\n", round(place * len(text))) + 1
        placed.append((start, start + writer.choose.choice([0, 0, length]), new))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toml_reading, "WHOLE", 0)
        cuts = next(document._cuts(placed, [TABLE]))
    wanted: dict[tuple[str, ...], None] = {TABLE: None}
    if document._is_proven(placed, cuts, wanted):
        assert document._is_proven(placed, [], wanted)


PLAIN = (
    *("[a]\n", "[a.b]\n", "[c]\n", "[c.d.e]\n", "[a.f]\r\n", "  [f.g]  # g\n", "[x-1]\n", "\n"),
    *("a = 1\n", "b = 'x'\n", "c=true\n", "d = -0.5 # d\n", 'e = "\\t"\r\n', "x-1 = []\n", "# c\n"),
    *("g = [1, 'a',\n #x\n]\n", "  h = [ 1,2 ]\n", "j = ''\n", "1 = 1\n"),
)
ODD = (
    *(
        "[ a ]\n",
        "[a.'b']\n",
        "[[a]]\n",
        "[a\n",
        'd = """x"""\n',
        "e = 1_0\n",
        "g = 01\n",
        "g = 2020-01-01\n",
    ),
    *(
        "a.b = 1\n",
        "h = {}\n",
        "i = [\n",
        "#\x00\n",
        'j = "\x7f"\n',
        'j = "\\z"\n',
        "k = ''\r",
        "j = [,]\n",
    ),
    *(
        "k = inf\n",
        "1 = 1",
        "a",
        "=1\n",
        '"',
        "k = 1 2\n",
        "k = 'a' 'b'\n",
        "k = [1 2]\n",
        "k = tru\n",
    ),
)


@given(
    st.lists(st.sampled_from(PLAIN), max_size=9),
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(ODD)), max_size=1),
    st.sampled_from("abcdefgx"),
)
@examples
def test_toml_that_is_plain_is_toml_and_says_so(
    lines: list[str], odd: list[tuple[int, str]], name: str
) -> None:
    """What the quick reader accepts, tomllib reads; both find the same values and the same tables."""
    for place, line in odd:
        lines.insert(place, line)
    text = "".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toml_reading, "WHOLE", -1)
        try:
            reading = toml_reading.Reading(text)
        except SpliceError:
            with pytest.raises(tomllib.TOMLDecodeError):
                tomllib.loads(text)
            return
        found = [reading.value(path) for path in ((), ("a",), (name,), ("a", name), ("c", name))]
    whole = tomllib.loads(text)
    assert found[0] == whole
    for path, value in zip((("a",), (name,), ("a", name), ("c", name)), found[1:], strict=True):
        assert at(value, path) == at(whole, path)
        assert (path[0] in value) == (path[0] in whole)
    assert reading.tables == tables_of(text)


@given(st.text("[]{}=.\"'#\\a1 \n\r\ufeff", max_size=30))
@examples
def test_whatever_the_text_toml_is_edited_or_refused(text: str) -> None:
    """Any text is edited, or refused with a place; what tomllib can read is edited."""
    try:
        after = toml.put(text, TABLE, {"x": 1})
    except SpliceError:
        with pytest.raises(tomllib.TOMLDecodeError):
            tomllib.loads(text.removeprefix("\ufeff"))
    else:
        assert tomllib.loads(after.removeprefix("\ufeff"))["mcp_servers"]["ours"] == {"x": 1}
