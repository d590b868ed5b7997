"""Laws of pinned tools, and of the proxy that stands before them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provisioner.proxy import Referee
from provisioner.tools.lock import Lock, Pin, Tool, diff, read, text
from provisioner.values import freeze

WORDS = st.text(max_size=20).filter(lambda word: "\0" not in word)
NAMES = st.text(min_size=1, max_size=20).filter(lambda word: "\0" not in word)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=8,
)
SCHEMAS = st.dictionaries(st.text(), VALUES, max_size=3)
DEFINITIONS = st.fixed_dictionaries(
    {"inputSchema": SCHEMAS},
    optional={
        "title": WORDS,
        "description": WORDS,
        "outputSchema": SCHEMAS,
        "annotations": st.fixed_dictionaries(
            {}, optional={"title": WORDS, "readOnlyHint": st.booleans()}
        ),
    },
)
PINS = st.builds(
    lambda complete, source, tools: Pin(
        complete, source, "now", freeze({name: Tool(name, freeze(d)) for name, d in tools.items()})
    ),
    st.booleans(),
    WORDS,
    st.dictionaries(NAMES, DEFINITIONS, max_size=3),
)
LOCKS = st.dictionaries(NAMES, PINS, max_size=3).map(lambda pins: Lock(freeze(pins)))

NUMBERS = st.integers() | st.text(max_size=5)
TOOLS = st.sampled_from(["read_a", "read_b", "drop", "écrire", "\U0001f600", ""])
SPACES = st.sampled_from(["", " ", "\t ", "  "])


def may(name: str) -> bool:
    return name.startswith("read_")


@st.composite
def lines(draw: st.DrawFn, message: Any) -> bytes:
    """Return a message as one of the lines that say it."""
    gap, after = draw(SPACES), draw(SPACES)
    written = json.dumps(
        message, ensure_ascii=draw(st.booleans()), separators=(f"{gap},{after}", f"{after}:{gap}")
    )
    return f"{gap}{written}{after}".encode() + draw(st.sampled_from([b"\n", b"\r\n"]))


@given(LOCKS)
def test_a_lock_loses_nothing_and_injects_nothing(lock: Lock) -> None:
    """What servers say of themselves comes back equal from the lock, whatever it is."""
    written = text(lock)
    again, problems = read(written.encode(), "tools.lock.yaml")
    assert not problems
    assert again
    assert again.pins == lock.pins
    assert text(lock) == written


@given(PINS, PINS)
def test_drift_is_none_exactly_between_equal_pins(one: Pin, other: Pin) -> None:
    """Every tool of both is the same, added, removed, unseen or changed, and nothing is two of these."""
    drift = diff(one, other)
    told = [
        *(tool.name for tool in (*drift.added, *drift.removed, *drift.unseen)),
        *(each.after.name for each in drift.changed),
    ]
    both = one.tools.keys() & other.tools.keys()
    same = {name for name in both if one.tools[name].sha256 == other.tools[name].sha256}
    assert sorted([*told, *same]) == sorted(one.tools.keys() | other.tools.keys())
    assert not diff(one, one)
    assert all(each.parts for each in drift.changed)


@given(st.data(), st.dictionaries(st.text(), VALUES, max_size=4), NUMBERS)
def test_what_is_not_filtered_passes_byte_for_byte(
    data: st.DataObject, content: dict[str, Any], number: int | str
) -> None:
    """Requests, notifications, answers and batches of them go through both ways as they are."""
    messages = [
        {"jsonrpc": "2.0", "id": number, "method": "resources/read", "params": content},
        {"jsonrpc": "2.0", "method": "notifications/x", "params": content},
        {"jsonrpc": "2.0", "id": number, "result": {"tools": [content], **content}},
        {"id": number, "method": "tools/call", "params": {**content, "name": "read_a"}},
        {"id": number, "method": "tools/list", "params": content},
    ]
    for message in (*messages, messages):
        line = data.draw(lines(message))
        assert Referee(may).from_client(line).forward == line
        assert Referee(may).from_server(line).forward == line


@given(st.data(), st.lists(TOOLS, max_size=6), st.lists(TOOLS, max_size=6), NUMBERS)
def test_enforcement_is_what_was_decided(
    data: st.DataObject, listed: list[str], called: list[str], number: int | str
) -> None:
    """Exactly the allowed tools are shown and exactly the allowed calls arrive, alone or in a batch."""
    referee = Referee(may)
    referee.from_client(data.draw(lines({"id": number, "method": "tools/list"})))
    tools = [{"name": name, "x": [name]} for name in listed]
    answer = {"id": number, "result": {"tools": tools, "nextCursor": "c"}}
    seen = json.loads(referee.from_server(data.draw(lines(answer))).forward)
    shown = [tool for tool, name in zip(tools, listed, strict=True) if may(name)]
    assert seen == {"id": number, "result": {"tools": shown, "nextCursor": "c"}}
    calls: list[dict[str, Any]] = [
        {"id": at, "method": "tools/call", "params": {"name": name}}
        for at, name in enumerate(called)
    ]
    for asked in [calls, *([call] for call in calls)] if calls else []:
        verdict = referee.from_client(data.draw(lines(asked)))
        arrived = json.loads(verdict.forward or b"[]")
        refused = json.loads(verdict.reply or b"[]")
        assert arrived == [call for call in asked if may(called[call["id"]])]
        assert [each["id"] for each in refused] == [
            call["id"] for call in asked if not may(called[call["id"]])
        ]


@given(st.binary(max_size=60))
def test_no_bytes_break_the_referee(data: bytes) -> None:
    """Whatever a line is, it passes as it is, is answered, or is dropped."""
    verdict = Referee(may).from_client(data)
    assert verdict.forward in (b"", data)
    assert verdict.forward or verdict.reply
    assert Referee(may).from_server(data).forward in (b"", data)
