"""Laws of merging into files of others, in every language, whatever stands in them."""

from __future__ import annotations

import json
import os
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import pyjson5
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provisioner.clients import FORMATS
from provisioner.machine.merge import Existing, Merged, diff, merge_client, merge_tbot
from provisioner.machine.sidecar import Ledger, dump, parse
from provisioner.text.splice import SpliceError
from tests.property.test_splice import Jsonc, Toml
from tests.unit.machine.test_sidecar import PATH

examples = settings(max_examples=int(os.environ.get("PROVISION_EXAMPLES", "500")))

BOTS = ("ci", "other")
SECRET = "hush"
HALF = 0.5
TBOT = """\
version: v2
proxy_server: example.teleport.sh:443
services:
  - type: identity
    destination: {type: directory, path: /opt/PATH}
    allow_reissue: true
"""

KEYS = ("a", "b c", "mcpServers", "//", "ü", 'q"', "x-1", "[fake]")
TEXTS = ("", " /* ", "// ", "a,}", "\\", '"', "😀", "\n", "'''", ": ")


def value(choose: random.Random, depth: int = 3) -> Any:
    """Return something that a file may say, in which every text is a secret."""
    kind = choose.randrange(6 if depth else 3)
    if kind == 3:
        return [value(choose, depth - 1) for _ in range(choose.randrange(4))]
    if kind > 3:
        return table(choose, depth - 1)
    return choose.choice([None, True, False, *(f"{SECRET}{text}{SECRET}" for text in TEXTS)])


def table(choose: random.Random, depth: int = 3) -> dict[str, Any]:
    return {choose.choice(KEYS): value(choose, depth) for _ in range(choose.randrange(5))}


def split_names(choose: random.Random) -> tuple[list[str], int]:
    """Return names of entries, and how many of them are those of the first bot."""
    names = choose.sample("uvwxyz", choose.randint(1, 6))
    return names, choose.randint(0, len(names))


# Made from a seed: drawn piece by piece they would take longer than all that is tested.
seeds = st.randoms(use_true_random=True)
documents, ours = seeds.map(table), seeds.map(split_names)
choices = st.randoms(use_true_random=True)
line_breaks = st.sampled_from(["\n", "\r\n"])


def shared(split: tuple[list[str], int]) -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of two bots, told apart by their names."""
    names, at = split
    parts = {"ci": names[:at], "other": names[at:]}
    return {bot: {name: {"command": f"tsh {name}"} for name in parts[bot]} for bot in BOTS}


class File:
    """A file in which two bots install, remember in a ledger on disk, and remove."""

    def __init__(self, text: str, form: str) -> None:
        self.text, self.form = text, FORMATS[form]
        self.ledger = Ledger()

    def install(self, bot: str, rendering: str | None) -> Merged:
        result = merge_client(Existing(self.text, self.ledger, bot), rendering, self.form)
        assert result.text is not None
        assert not result.conflicts
        told = "\n".join(diff("f", self.text, result.text, result.shown))
        assert SECRET not in told
        assert bool(told) == (result.text != self.text)
        self.text, self.ledger = result.text, parse(dump(result.ledger), PATH)
        return result


def round_trip(file: File, renderings: Mapping[str, str], order: Sequence[str]) -> tuple[str, str]:
    """Install all, twice, and remove all in `order`; return the text in between and at the end."""
    for bot, rendering in renderings.items():
        file.install(bot, rendering)
        assert file.install(bot, rendering).changes == ()
    between = file.text
    for bot in order:
        file.install(bot, None)
    assert not file.ledger
    return between, file.text


@given(documents, ours, choices, line_breaks, st.permutations(BOTS))
@examples
def test_entries_in_json_come_and_go(
    document: dict[str, Any],
    split: tuple[list[str], int],
    choose: random.Random,
    line_break: str,
    order: list[str],
) -> None:
    """Entries of two bots are put beside whatever is there, and go without a trace."""
    text = Jsonc(choose, line_break).write(document)
    entries = shared(split)
    if not isinstance(servers := document.setdefault("mcpServers", {}), dict):
        assume(False)
    renderings = {bot: json.dumps({"mcpServers": mine}) for bot, mine in entries.items()}
    between, after = round_trip(File(text, "cursor"), renderings, order)
    assert after == text
    servers.update({**entries["ci"], **entries["other"]})
    assert pyjson5.decode(between) == document
    assert re.findall(r"<\d+>", between) == re.findall(r"<\d+>", text)


@given(ours, choices, line_breaks, st.integers(0, 3), st.permutations(BOTS))
@examples
def test_tables_in_toml_come_and_go(
    split: tuple[list[str], int],
    choose: random.Random,
    line_break: str,
    size: int,
    order: list[str],
) -> None:
    """Tables of two bots are appended to whatever is there, and go without a trace."""
    text = Toml(choose, line_break).document(size=size)
    entries = shared(split)
    renderings = {
        bot: "".join(f'[mcp_servers.{name}]\ncommand = "tsh {name}"\n' for name in mine)
        for bot, mine in entries.items()
    }
    between, after = round_trip(File(text, "codex"), renderings, order)
    assert after == text
    assert between.startswith(text)
    found = tomllib.loads(between)["mcp_servers"]
    assert {name: found[name] for mine in entries.values() for name in mine} == {
        **entries["ci"],
        **entries["other"],
    }


def commented(document: Any, choose: random.Random, line_break: str) -> str:
    """Return a value as YAML with comments on lines of their own, or after a value."""
    lines = []
    dumped = yaml.dump(
        document, None, yaml.CSafeDumper, sort_keys=False, allow_unicode=True, indent=3
    )
    for line in dumped.split("\n"):
        # Inside a quoted text of several lines a comment would be part of it.
        is_plain = re.fullmatch(r"[\w -]+:( [{\[].*| \w+)?", line)
        if is_plain and choose.random() < HALF:
            lines.append(f"# {SECRET}")
        lines.append(f"{line} # {SECRET}" if is_plain and choose.random() < HALF else line)
    return line_break.join(lines)


@given(documents, ours, choices, line_breaks, st.permutations(BOTS))
@examples
def test_extensions_in_yaml_come_and_go(
    document: dict[str, Any],
    split: tuple[list[str], int],
    choose: random.Random,
    line_break: str,
    order: list[str],
) -> None:
    """Extensions of two bots are put beside whatever is there, and go without a trace."""
    if choose.random() < HALF:
        document = {**document, "extensions": {"developer": {"enabled": True}}}
    text = commented(document, choose, line_break)
    assume(yaml.load(text, yaml.CSafeLoader) == document)
    entries = shared(split)
    renderings = {bot: json.dumps({"extensions": mine}) + "\n" for bot, mine in entries.items()}
    between, after = round_trip(File(text, "goose"), renderings, order)
    assert after == text
    theirs = document.get("extensions", {})
    assert yaml.safe_load(between) == {
        **document,
        "extensions": {**theirs, **entries["ci"], **entries["other"]},
    }


@given(documents, choices, line_breaks, st.permutations(BOTS))
@examples
def test_services_in_tbot_yaml_come_and_go(
    document: dict[str, Any], choose: random.Random, line_break: str, order: list[str]
) -> None:
    """Identity services of two bots are put after those of others, and go without a trace."""
    head = {"version": "v2", "proxy_server": "example.teleport.sh:443", **document}
    if choose.random() < HALF:
        head["services"] = [{"type": "application", "app_name": SECRET}] * 2
    text, ledger = commented(head, choose, line_break), Ledger()
    assume(yaml.load(text, yaml.CSafeLoader) == head)
    after = text
    for bot in (*BOTS, *BOTS):
        result = merge_tbot(Existing(after, ledger, bot), TBOT.replace("PATH", bot))
        assert SECRET not in "\n".join(diff("f", after, result.text, result.shown))
        after, ledger = result.text or "", result.ledger
    paths = [
        service["destination"]["path"]
        for service in yaml.safe_load(after)["services"]
        if service["type"] == "identity"
    ]
    assert paths == ["/opt/ci", "/opt/other"]
    for bot in order:
        result = merge_tbot(Existing(after, ledger, bot), None)
        after, ledger = result.text or "", result.ledger
    assert after == text


@given(
    st.text('{}[]:,"\\/*n0-e=#&!| \n\r\ufeff', max_size=40),
    st.sampled_from(["cursor", "codex", "goose"]),
)
@examples
def test_whatever_the_text_nothing_else_is_raised(text: str, form: str) -> None:
    """Any text is merged into or refused; what was merged can be taken out again."""
    assume("\ufeff" not in text[1:] and not text.endswith("\r"))
    wanted = {
        "cursor": '{"mcpServers": {"u": {}}}',
        "codex": "[mcp_servers.u]\n",
        "goose": "extensions: {u: {}}\n",
    }
    try:
        added = merge_client(Existing(text, Ledger(), "ci"), wanted[form], FORMATS[form])
    except SpliceError:
        return
    assert [change.op for change in added.changes] == ["add"]
    removed = merge_client(Existing(added.text, added.ledger, "ci"), None, FORMATS[form])
    assert removed.text == text


@given(
    st.lists(st.sampled_from("abc\n"), max_size=30), st.lists(st.sampled_from("abc\n"), max_size=30)
)
@examples
def test_a_diff_leads_from_one_text_to_the_other(one: list[str], other: list[str]) -> None:
    """Whoever applies the hunks to the old lines gets the new ones."""
    before, after = "\n".join(one), "\n".join(other)
    old, new = before.splitlines(), after.splitlines()
    found: list[str] = []
    at = 0
    for line in list(diff("f", before, after, frozenset("abc")))[2:]:
        if line.startswith("@@"):
            start = int(line[4:].split(",")[0].split(" ")[0])
            length = line.split(" ")[1].partition(",")[2]
            begin = start if length == "0" else start - 1
            found += old[at:begin]
            at = begin
        else:
            assert line[0] == "+" or old[at] == line[1:]
            found += [] if line[0] == "-" else [line[1:]]
            at += line[0] != "+"
    assert found + old[at:] == new
