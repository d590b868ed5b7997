from __future__ import annotations

from provisioner.change import Key
from provisioner.cluster.resource import resource
from provisioner.importing.choice import Left
from provisioner.importing.entries import Entry, entry_of
from provisioner.importing.summary import next_steps, summary
from tests import sites
from tests.foreign import OPERATOR, OTHER, app, bot, reading, role


def entry(body: dict[str, object]) -> Entry:
    return entry_of(resource(body), set())


DEV = entry(role("dev", allow=reading()))
CI = entry(bot("ci"))
INNER = app("static", mcp={"command": "x"})
STATIC = entry(
    {"kind": "app_server", "version": "v3", "metadata": {"name": "static"}, "spec": {"app": INNER}}
)


def lines(*written: Entry, left: tuple[Left, ...] = (), apps: int = 0, text: str = "") -> list[str]:
    return list(summary(written, left, apps, sites.site(text)))


def test_what_was_written() -> None:
    """What was written is counted by kind, and what follows from it is said."""
    assert lines(DEV, STATIC, CI, text="roles: {}\nbots: {}") == [
        "Imported 1 role, 1 MCP server, 1 bot.",
        "without `app:`, since an agent's own configuration has it: static",
        "now in the scope of the site: mcp_servers",
        "not in the cluster, for you to add: join, identity, tbot and clients of bots",
    ]
    assert lines() == ["Imported nothing."]


def test_what_was_not() -> None:
    """What was left out stands by its reason, with the cure, and nothing from a server moves the terminal."""
    presets = tuple(Left(Key("role", f"p{number}"), "preset", "name it") for number in range(10))
    odd = Left(Key("role", "o\x1b[1m"), "no\nway")
    assert lines(left=(*presets, odd), apps=2)[1:] == [
        "left out: role/o\\x1b[1m: no\\x0away",
        "left out: role/p0, role/p1, role/p2, role/p3, role/p4, role/p5, role/p6, role/p7 and 2 more: preset",
        "  = name it",
        "left out: 2 apps that are no MCP servers",
    ]


def test_what_comes_next() -> None:
    """Each kind of owner is taken over in its own way; what is ours needs none."""
    theirs = entry(role("operators", labels=OPERATOR, allow=reading()))
    other = entry(role("others", labels=OTHER, allow=reading()))
    ours = entry(role("ours", labels={"provisioner/site": "acme"}, allow=reading()))
    assert list(next_steps([DEV, theirs, other, ours, STATIC], "acme")) == [
        ("--all",),
        ("role/operators",),
        ("role/others", "--from-site", "other"),
    ]
    assert list(next_steps([ours, STATIC], "acme")) == []
    assert list(next_steps([theirs], "acme")) == [("role/operators",)]
