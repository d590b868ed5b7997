from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.errors import FileError
from provisioner.machine.sidecar import Ledger, Owned, beside, digest, dump, parse
from provisioner.text.splice import Trace
from provisioner.values import freeze

PATH = Path("/home/me/.f.provision.json")
AT = ("mcpServers", "search")
OWNED = Owned(AT, "ci", ("aa",), Trace(1, "{ }"))


def ledger(*entries: Owned, bot: str = "", whole: tuple[str, ...] = ()) -> Ledger:
    return Ledger(freeze({entry.at: entry for entry in entries}), bot, whole)


def test_it_stands_beside_its_file() -> None:
    """Two files of one directory never share a ledger."""
    assert beside(Path("/d/mcp.json")) == Path("/d/.mcp.json.provision.json")
    assert beside(Path("/d/.mcp.json")) == Path("/d/..mcp.json.provision.json")


@pytest.mark.parametrize(
    "written",
    [
        ledger(),
        ledger(OWNED, Owned(("a", 'b "\n'), "x", ("b", "c"), Trace(-1))),
        ledger(OWNED, bot="ci", whole=("d", "e")),
    ],
)
def test_it_comes_back_as_it_was_written(written: Ledger) -> None:
    """Writing and reading a ledger loses nothing, and says the same each time."""
    assert parse(dump(written), PATH) == written
    assert dump(parse(dump(written), PATH)) == dump(written)


def test_an_empty_one_is_none() -> None:
    """A ledger without entries need not be kept."""
    assert not ledger()
    assert ledger(OWNED)
    assert ledger(whole=("d",))


GOOD = json.loads(dump(ledger(OWNED, bot="ci", whole=("d",))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({**GOOD, "entries": None}).encode(),
        json.dumps({**GOOD, "entries": [{**GOOD["entries"][0], "at": "search"}]}).encode(),
        json.dumps({**GOOD, "entries": [{**GOOD["entries"][0], "at": [1]}]}).encode(),
        json.dumps({**GOOD, "entries": [{**GOOD["entries"][0], "sha256": None}]}).encode(),
        json.dumps({**GOOD, "entries": [{**GOOD["entries"][0], "before": {}}]}).encode(),
        json.dumps(
            {**GOOD, "entries": [{**GOOD["entries"][0], "before": {"depth": "1", "text": ""}}]}
        ).encode(),
        json.dumps({**GOOD, "whole": {"bot": 1, "sha256": []}}).encode(),
    ],
)
def test_what_is_no_ledger_is_refused(data: bytes) -> None:
    """A ledger that cannot be understood says nothing of what is ours, and how to go on."""
    with pytest.raises(FileError, match=r"\.f\.provision\.json: this is not what") as caught:
        parse(data, PATH)
    assert "remove it" in caught.value.hint


def test_a_newer_one_is_refused() -> None:
    """A ledger of a later major version may mean other things; of a minor one it is read."""
    with pytest.raises(FileError, match="was written by a newer provision"):
        parse(json.dumps({**GOOD, "format_version": "2.0"}).encode(), PATH)
    assert parse(json.dumps({**GOOD, "format_version": "1.7"}).encode(), PATH)


def test_widened_covers_both_states() -> None:
    """While a file is written its entries may be as before or as after, and all are listed."""
    new, changed = Owned(("a",), "ci", ("n",), Trace(0)), Owned(AT, "ci", ("bb",), OWNED.trace)
    gone = Owned(("gone",), "ci", ("g",), Trace(0))
    both = ledger(OWNED, gone, whole=("d",)).widened(ledger(changed, new, bot="ci", whole=("e",)))
    assert both.entries[AT].digests == ("aa", "bb")
    assert both.entries["gone",] == gone
    assert both.entries["a",] == new
    assert (both.bot, both.whole) == ("ci", ("d", "e"))


def test_whose_a_whole_file_is() -> None:
    """A file is ours as a whole for the bot it was written for, until a byte of it changes."""
    ours = ledger(bot="ci", whole=(digest("text"),))
    assert ours.wrote_all("text", "ci")
    assert not ours.wrote_all("text\n", "ci")
    assert not ours.wrote_all("text", "other")


def test_digests() -> None:
    """Equal values have equal digests whatever the order of keys; 1 and true are two values."""
    assert digest({"a": 1, "b": (2,)}) == digest({"b": [2], "a": 1})
    assert digest(1) != digest(True)
    assert digest(float("nan")) == ""
    assert digest({"when": Path()}) == ""
