from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from provisioner.change import Access, AccessRow, Op, Plan
from provisioner.report._drawing import drawn
from provisioner.report._graph import PER_LAYER, READABLE, Graph, Node, State, graph
from tests.bodies import bot, role
from tests.plans import EVERYTHING, made


def gained(bot: str, server: str, role: str, tool: str = "t", *, is_gain: bool = True) -> AccessRow:
    return AccessRow(is_gain, bot, server, "tool", tool, role)


def with_rows(shown: Plan, *rows: AccessRow) -> Graph:
    return graph(replace(shown, access=Access(rows)))


def nodes(found: Graph) -> set[tuple[int, str, str]]:
    return {(node.layer, node.name, node.state) for node in found.nodes}


def ties(found: Graph) -> dict[tuple[str, str], State]:
    return {(start.name, end.name): state for (start, end), state in found.ties.items()}


def test_states_of_nodes() -> None:
    """New, changed and deleted resources are told apart from those that are only on the way."""
    found = with_rows(
        made(role("new"), role("kept"), existing=(role("gone"), role("kept")), prune=True),
        gained("ci", "files", "kept"),
    )
    assert nodes(found) == {
        (0, "ci", ""),
        (1, "gone", "deleted"),
        (1, "kept", ""),
        (1, "new", "new"),
        (2, "files", ""),
    }


def test_roles_of_changed_bots() -> None:
    """A tie from a bot says whether it gains, loses or keeps a role; grants are such changes."""
    found = graph(
        made(
            bot(roles=["new", "held"]),
            bot("theirs", ["new"]),
            role("new"),
            role("held"),
            existing=(bot(roles=["held", "old"]), role("held", description="x"), bot("theirs", labels={})),
        )
    )  # fmt: skip
    assert ties(found) == {
        ("ci", "new"): "gained",
        ("ci", "old"): "lost",
        ("ci", "held"): "kept",
        ("theirs", "new"): "gained",
    }


def test_ways_of_access() -> None:
    """Access goes from a bot by a role to a server; without a role, straight there."""
    found = with_rows(
        EVERYTHING,
        gained("x", "files", "r"),
        gained("x", "db", "", is_gain=False),
        gained("y", "files", "r", is_gain=False),
    )
    told = ties(found)
    assert told["x", "r"] == told["y", "r"] == "kept"
    assert told["r", "files"] == "both"
    assert told["x", "db"] == "lost"


def test_numbers_count_tools() -> None:
    """At a bot and at a server stands how many tools are gained and lost there."""
    found = with_rows(
        EVERYTHING,
        gained("x", "files", "r", "a"),
        gained("x", "files", "r", "b"),
        gained("y", "files", "r", "c", is_gain=False),
    )
    effects = {node.name: effect for node, effect in found.effects.items()}
    assert effects == {"x": (2, 0), "y": (0, 1), "files": (2, 1)}


def test_tokens_and_notes_are_not_drawn() -> None:
    """Only what changes is in the drawing: no note, and no token, which belongs to its bot."""
    found = graph(replace(EVERYTHING, access=Access()))
    names = {change.key.name for change in EVERYTHING.changes}
    assert {node.name for node in found.nodes} <= {*names, "dev"}
    token = replace(EVERYTHING.changes[0], key=replace(EVERYTHING.changes[0].key, kind="token"))
    assert graph(replace(EVERYTHING, changes=(token,), access=Access())).nodes == ()


def fleet(bots: int, roles: int) -> Plan:
    """Return a plan of bots with two roles each, which make a tangle."""
    wanted: list[dict[str, Any]] = [role(f"r{n}") for n in range(roles)]
    for number in range(bots):
        held = {f"r{number * 7 % roles}", f"r{(number * 5 + 3) % roles}"}
        wanted.append(bot(f"b{number}", sorted(held)))
    return made(*wanted)


def test_equals_are_joined_first() -> None:
    """Bots with the same state and the same roles become one node that names them all."""
    found = graph(made(role(), *(bot(f"b{n:02}", ["dev"]) for n in range(60))))
    assert [node.name for node in found.nodes] == ["60 bots: b00, b01, b02", "dev"]
    assert found.nodes[0].names == tuple(f"b{n:02}" for n in range(60))
    assert ties(found) == {("60 bots: b00, b01, b02", "dev"): "gained"}


def test_a_drawing_stays_readable() -> None:
    """However many there are, a drawing has at most 40 nodes, and all names are in one of them."""
    for bots, roles in ((10, 10), (30, 30), (300, 100)):
        found = graph(fleet(bots, roles))
        assert len(found.nodes) <= READABLE
        assert all(
            sum(node.layer == layer for node in found.nodes) <= max(PER_LAYER, bots)
            for layer in (0, 1)
        )
        names = [name for node in found.nodes for name in node.names or (node.name,)]
        assert sorted(names) == sorted(
            [f"b{n}" for n in range(bots)] + [f"r{n}" for n in range(roles)]
        )
        assert {node for tie in found.ties for node in tie} <= set(found.nodes)


def test_effects_survive_joining() -> None:
    """Joined nodes add up what their members gain."""
    rows = [gained(f"b{n}", f"s{n}", "r") for n in range(100)]
    found = with_rows(EVERYTHING, *rows)
    for layer in (0, 2):
        counted = [found.effects.get(node, (0, 0)) for node in found.nodes if node.layer == layer]
        assert sum(more for more, _ in counted) == 100


def test_nothing_overlaps() -> None:
    """Boxes of a column have room between them, and everything is inside of the drawing."""
    for shown in (fleet(3, 2), fleet(30, 30), EVERYTHING):
        picture = drawn(graph(shown))
        boxes = sorted(picture["boxes"], key=lambda box: (box["x"], box["y"]))
        for one, other in pairwise(boxes):
            assert one["x"] < other["x"] or one["y"] + one["height"] < other["y"]
        for box in boxes:
            assert 0 <= box["x"] <= picture["width"] - box["width"]
            assert 0 <= box["y"] <= picture["height"] - box["height"]


def test_ties_are_drawn_without_needless_crossings() -> None:
    """Two bots with a role each stand opposite to them, whatever they are called."""
    picture = drawn(graph(made(bot("a", ["z"]), bot("b", ["y"]), role("y"), role("z"))))
    tops = {(box["x"], box["name"]): box["y"] for box in picture["boxes"]}
    left, right = sorted({x for x, _ in tops})
    assert (tops[left, "a"] < tops[left, "b"]) is (tops[right, "z"] < tops[right, "y"])


def test_long_names_are_cut_in_the_box_and_whole_in_its_title() -> None:
    """A box shows as much of a name as it has room for, wide characters counted double."""
    name = "界" * 40
    (box,) = drawn(Graph((Node(0, name),)))["boxes"]
    assert box["name"] == "界" * 12 + "…"
    assert box["title"] == name
    many = tuple(f"n{n}" for n in range(150))
    (box,) = drawn(Graph((Node(0, "150 bots", names=many),)))["boxes"]
    assert box["title"].endswith("n99, and 50 more")


def test_nothing_is_drawn_of_nothing() -> None:
    """A plan without changes has no drawing."""
    assert drawn(graph(made(role(), existing=(role(),)))) == {}
    assert Op.CREATE not in {change.op for change in made(role(), existing=(role(),)).changes}
