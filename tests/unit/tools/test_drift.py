from __future__ import annotations

import hashlib
import json

from provisioner.errors import ProvisionError
from provisioner.rbac.access import Identity, Server, World
from provisioner.rbac.inquiry import Scene
from provisioner.report import tools_json, tools_text
from provisioner.text.terminal import plain
from provisioner.tools.drift import Comparison, Grant, compare
from tests import bodies
from tests.pins import pin, tool

ALL = bodies.role("all", allow={"mcp": {"tools": ["*"]}})
READ = bodies.role("read", allow={"mcp": {"tools": ["read_*"]}})
WORLD = World(
    (
        *(Identity(name, (ALL,)) for name in ("a", "b", "c", "d")),
        Identity("reader", (READ,)),
        Identity("nobody"),
    ),
    (Server("files", {"env": "dev"}),),
)
SCENE = Scene("the site", WORLD, ("That is all.",))
HOSTILE = "\x1b[31m\u202e\n::error::`` ![x](http://evil) `"


def shown(*comparisons: Comparison, full: bool = False) -> str:
    """Return what is told, but for the last line, which says whose roles these are."""
    *told, last = tools_text.drift(comparisons, SCENE, plain, full=full).split("\n")
    drifted = any(each.state == "drift" for each in comparisons)
    assert (last == "Granted as in the site. That is all.") is drifted
    return "\n".join(told if drifted else [*told, last])


def test_hashes_are_those_of_other_locks() -> None:
    """As data, a tool has the hash that RugSnare and mcpseal pin, beside that of its whole definition.

    Both hash name, description and inputSchema as JSON with sorted keys and without blanks.
    """
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    read = tool(description="Read a f\u00fcle.", inputSchema=schema, annotations={"title": "x"})
    found = compare("files", None, pin(read), WORLD)
    (server,) = json.loads(tools_json.as_json([found], "l.yaml"))["servers"]
    contract = (
        '{"description":"Read a f\u00fcle.","inputSchema":{"properties":{"path":{"type":"string"}},'
        '"type":"object"},"name":"read_file"}'
    )
    assert server["hashes"] == {
        "read_file": {
            "sha256": read.sha256,
            "contract_sha256": hashlib.sha256(contract.encode()).hexdigest(),
        }
    }


def test_what_a_server_adds_is_joined_to_roles() -> None:
    """A new tool that a glob admits is told with the role, the pattern and the bots."""
    found = compare("files", pin("read_a"), pin("read_a", "drop", "read_b"), WORLD)
    assert found.state == "drift"
    assert [(each.tool.name, each.grants) for each in found.added] == [
        ("drop", (Grant("all", "*", ("a", "b", "c", "d")),)),
        (
            "read_b",
            (Grant("all", "*", ("a", "b", "c", "d")), Grant("read", "read_*", ("reader",))),
        ),
    ]
    everybody = "already granted to 4 bots (a, b, c, …) by `*` (role all)"
    assert shown(found).splitlines()[1:] == [
        f"  + added `drop`: {everybody}",
        f"  + added `read_b`: {everybody}; 1 bot (reader) by `read_*` (role read)",
    ]


def test_what_any_agent_lets_through_is_granted() -> None:
    """Where agents serve a server with different labels, one that grants the tool is enough."""
    for labels in (({"env": "x"}, {"env": "dev"}), ({"env": "dev"}, {"env": "x"})):
        world = World(WORLD.identities, tuple(Server("files", each) for each in labels))
        (added,) = compare("files", pin(), pin("drop"), world).added
        assert added.grants == (Grant("all", "*", ("a", "b", "c", "d")),)


def test_changes_and_removals_are_told() -> None:
    """Every part of a definition that changed is named, and what is gone is told as well."""
    old = pin("gone", tool("read_a"), tool("same"))
    new = pin(tool("read_a", description="Delete.", title="T"), tool("same"))
    found = compare("files", old, new)
    assert shown(found) == (
        "files: has drifted since pinned at 2026-06-30T12:00:00Z (3 tools)\n"
        "  - removed `gone`\n"
        "  ~ title and description of `read_a` changed"
    )


def test_a_tool_that_nobody_may_call_is_told_too() -> None:
    """No grant is not the same as nobody knows: then nothing is said of grants."""
    world = World(WORLD.identities[-1:], WORLD.servers)
    known = compare("files", pin(), pin("x"), world)
    unknown = compare("elsewhere", pin(), pin("x"), world)
    assert shown(known).endswith("+ added `x`: granted to no bot")
    assert shown(unknown).endswith("+ added `x`")


def test_the_full_text_has_old_and_new() -> None:
    """`diff` shows the lines of each part that changed, and the whole definition of what is new."""
    old = pin(tool("a", description="one\ntwo\nthree", inputSchema={"a": 1}))
    new = pin(
        tool("a", description="one\n2\nthree", inputSchema={"a": 2}), tool("b", inputSchema={})
    )
    assert shown(compare("s", old, new), full=True).splitlines()[1:] == [
        "  + added `b`",
        "      description: `Read.`",
        "      input schema: `{}`",
        "  ~ description and input schema of `a` changed",
        "      description:",
        "          `one`",
        "        - `two`",
        "        + `2`",
        "          `three`",
        "      input schema:",
        "          `{`",
        '        - `   "a": 1 `',
        '        + `   "a": 2 `',
        "          `}`",
    ]


def test_what_a_server_says_stays_text() -> None:
    """Control characters, bidi and Markdown of names and descriptions act nowhere."""
    old = pin(tool("a", description="fine"))
    new = pin(tool(HOSTILE), tool("a", description=HOSTILE, title=HOSTILE))
    found = compare("s", old, new)
    broken = compare("s", old, ProvisionError(HOSTILE, hint=HOSTILE))
    for text in (shown(found, broken, full=True), tools_text.pulled(found, plain)):
        assert not set(text) & set("\x1b\u202e\r")
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        assert "``` \\x1b[31m\\u202e\\x0a::error::`` ![x](http://evil) ` ```" in text


def test_states_without_a_comparison() -> None:
    """No baseline, and a server that cannot be read, each say their cure."""
    assert shown(compare("s", None, pin("x"))).splitlines() == [
        "s: no baseline: nothing is pinned",
        "  = provision tools pull pins what the server has now",
    ]
    assert shown(compare("s", pin(), ProvisionError("it is mute", hint="ask it"))).splitlines() == [
        "s: cannot be read: it is mute",
        "  = ask it",
    ]


def test_an_incomplete_reading_is_told_as_such() -> None:
    """What an identity may not call is told as not seen, and is no drift."""
    found = compare("s", pin("a", "b"), pin("a", complete=False))
    assert found.state == "same"
    assert shown(found) == (
        "s: as pinned at 2026-06-30T12:00:00Z (2 tools; only those that this identity may call)\n"
        "  ? not seen by this identity: `b`"
    )


def test_a_pull_says_what_it_pins() -> None:
    """A first pin, an unchanged one and a changed one are told apart."""
    told = [
        tools_text.pulled(compare("s", old, pin("a")), plain) for old in (None, pin("a"), pin("b"))
    ]
    assert told == [
        "s: pinned (1 tool)",
        "s: as pinned before (1 tool)",
        "s: pinned anew (1 tool)\n  + added `a`\n  - removed `b`",
    ]


def test_programs_get_the_whole_of_it() -> None:
    """JSON has every tool with both hashes, the old and new parts, and all bots that it concerns."""
    old, new = pin("gone", tool("a")), pin(tool("a", description="new"), tool("b"))
    broken = compare("t", None, ProvisionError("mute"))
    document = json.loads(tools_json.as_json([compare("files", old, new, WORLD), broken], "l.yaml"))
    first, second = document["servers"]
    assert document["format_version"] == "1.0"
    assert (first["state"], first["tools"], first["complete"]) == ("drift", ["a", "b"], True)
    assert first["added"] == [
        {
            "tool": "b",
            "sha256": tool("b").sha256,
            "granted": [{"role": "all", "pattern": "*", "bots": ["a", "b", "c", "d"]}],
        }
    ]
    assert [each["tool"] for each in first["removed"]] == ["gone"]
    assert first["changed"][0]["parts"] == ["description"]
    assert first["changed"][0]["before"] == {"sha256": tool("a").sha256, "description": "Read."}
    assert first["changed"][0]["after"]["description"] == "new"
    assert (second["state"], second["message"], second["tools"]) == ("unreachable", "mute", None)
