"""What the access commands say, held against single decisions and against each other."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from provisioner.planning.impact import as_access
from provisioner.rbac.access import Identity, Server, World, connect, decide, difference, matrix
from provisioner.rbac.inquiry import Question, Scene, cells, explain, narrowed
from provisioner.rbac.patterns import compile_pattern
from provisioner.report import (
    access_data,
    access_explain,
    access_html,
    access_markdown,
    access_text,
    access_who,
)
from provisioner.report._layout import aligned, wrapped
from provisioner.text.terminal import plain, visible, width
from provisioner.values import Body
from tests.property.test_access import SHORT_NAMES, TOOLS, changes, roles, somebody, worlds
from tests.sites import TEMPLATES

names = st.text(max_size=12)
fewer = settings(max_examples=50)


class Data(HTMLParser):
    """The first script of a page, which is its data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside = False
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script" and ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found.append(data)


def read(page: str) -> dict[tuple[str, str], list[set[str]]]:
    """Return the parts of every cell of a page, as its script reads them."""
    data: dict[str, Any] = json.loads("".join(Data(page).found))
    sets = [int(text, 16) for text in data["sets"]]
    found = {}
    for bot in data["bots"]:
        for word in bot["line"].split():
            place, *parts = map(int, word.split(":"))
            server = data["servers"][place]
            found[bot["name"], server["name"]] = [
                {tool for bit, tool in enumerate(server["tools"]) if sets[part] >> bit & 1}
                for part in parts
            ]
    return found


@fewer
@given(worlds)
def test_cells_are_decisions(world: World) -> None:
    """There is a cell for each pair that can have a session, with the tools that may be called."""
    found = {(each.bot, each.server): each for each in cells(world)}
    for identity in world.identities:
        for server in world.servers:
            at = identity.name, server.name
            assert (at in found) == connect(identity, server).allowed
            if at in found:
                tools = server.tools or ()
                allowed = {tool for tool in tools if decide(identity, server, tool).allowed}
                assert set(found[at].items) == allowed
                assert found[at].is_all == (allowed == set(tools))


@fewer
@given(worlds)
def test_cells_of_unknown_tools(world: World) -> None:
    """A name that may be called matches a pattern of its cell, and one of the exceptions never is."""
    blind = replace(world, servers=tuple(replace(each, tools=None) for each in world.servers))
    found = {(each.bot, each.server): each for each in cells(blind)}
    for identity in blind.identities:
        for server in blind.servers:
            cell = found.get((identity.name, server.name))
            items = [compile_pattern(text) for text in cell.items] if cell else []
            but = [compile_pattern(text) for text in cell.but] if cell else []
            for name in SHORT_NAMES:
                if decide(identity, server, name).allowed:
                    assert any(pattern.matches(name) for pattern in items)
                    assert not any(pattern.matches(name) for pattern in but)


@fewer
@given(worlds)
def test_data_and_page_say_the_same(world: World) -> None:
    """JSON, CSV and the page have exactly the tools of the cells."""
    scene = Scene("test", world)
    wanted = {(each.bot, each.server): set(each.items) for each in cells(world)}
    assert {
        at: parts[0] for at, parts in read(access_html.matrix(scene, TEMPLATES)).items()
    } == wanted
    found: dict[tuple[str, str], set[str]] = {}
    for line in csv.DictReader("".join(access_data.matrix_csv(scene)).splitlines()):
        found.setdefault((line["bot"], line["server"]), set()).update({line["name"]} - {""})
    assert found == wanted
    document = json.loads("".join(access_data.matrix_json(scene, Question())))
    assert wanted == {
        (each["bot"], each["server"]): {
            name for grant in each["grants"] for name in grant["tools"] or [grant["pattern"]]
        }
        for each in document["sessions"]
    }


@fewer
@given(changes())
def test_a_page_of_a_difference_is_the_difference(pair: tuple[World, World]) -> None:
    """The page of a difference has what is in one matrix and not in the other, and nothing else."""
    before, after = pair
    access = as_access(difference(before, after))
    page = access_html.difference(access, Scene("a", before), Scene("b", after), TEMPLATES)
    found = {
        (bot, server, tool, gained)
        for (bot, server), parts in read(page).items()
        for part, gained in zip(parts, (True, False), strict=True)
        for tool in part - {"connect"}
    }
    calls = [
        {(r.bot, r.server, r.name) for r in matrix(world).rows() if r.kind == "tool"}
        for world in pair
    ]
    assert found == {(*at, True) for at in calls[1] - calls[0]} | {
        (*at, False) for at in calls[0] - calls[1]
    }


@fewer
@given(changes(), st.sampled_from(["one", "two"]), st.sampled_from(["s", "t"]))
def test_a_narrowed_difference_is_a_part_of_the_whole(
    pair: tuple[World, World], bot: str, server: str
) -> None:
    """To ask about one bot and one server gives the rows about them, and no others."""
    assume(any(server in world.named() for world in pair))
    whole = difference(*pair)
    scenes = narrowed(Question((bot,), (server,)), *(Scene("x", world) for world in pair))
    part = difference(scenes[0].world, scenes[1].world)
    for all_rows, some in ((whole.gained, part.gained), (whole.lost, part.lost)):
        assert some == tuple(row for row in all_rows if (row.bot, row.server) == (bot, server))


@fewer
@given(worlds, st.sampled_from(TOOLS))
def test_who_is_everybody_who_may(world: World, tool: str) -> None:
    """`who` names exactly the bots that a decision allows, also where the tools are not known."""
    blind = replace(world, servers=tuple(replace(each, tools=None) for each in world.servers))
    for server in blind.servers:
        (scene,) = narrowed(Question(servers=(server.name,), tool=tool), Scene("x", blind))
        found = {row.bot for row in matrix(scene.world).rows() if row.kind == "tool"}
        allowed = {each.name for each in world.identities if decide(each, server, tool).allowed}
        assert found == allowed
        told = access_who.text(scene, server.name, tool, plain, 80)
        assert told.startswith(f"{len(allowed)} of 2 bots may call {tool} on {server.name}")


def without(identity: Identity, role: str) -> Identity:
    kept = (body for body in identity.roles if body["metadata"]["name"] != role)
    return replace(identity, roles=tuple(kept))


def distinct(identity: Identity) -> Identity:
    """Return the identity with one role of each name, as Teleport has it."""
    bodies: dict[str, Body] = {body["metadata"]["name"]: body for body in identity.roles}
    return replace(identity, roles=tuple(bodies.values()))


@fewer
@given(somebody.map(distinct), worlds, st.sampled_from(TOOLS))
def test_an_explanation_is_the_decision(identity: Identity, world: World, tool: str) -> None:
    """Whatever is asked, the explanation decides as Teleport does, and gives a reason and a cure."""
    for server in world.servers:
        found = explain(identity, server, tool)
        assert found.decision == decide(identity, server, tool)
        assert found.reason
        assert found.cures
        document = json.loads(access_explain.as_json([((found,), Scene("x", world))]))
        assert document["allowed"] is found.decision.allowed
        assert [step["role"] for step in document["steps"]] == [
            body["metadata"]["name"] for body in identity.roles
        ]


@fewer
@given(somebody.map(distinct), worlds, st.sampled_from(TOOLS))
def test_what_takes_a_call_away(identity: Identity, world: World, tool: str) -> None:
    """A role that is said to allow a call alone does: without it the call is denied."""
    for server in world.servers:
        found = explain(identity, server, tool)
        if not found.decision.allowed:
            continue
        alone = re.fullmatch(r"role (\w) alone allows it, by .*", found.cures[0])
        others = [re.fullmatch(r"role (\w) would still .*", cure) for cure in found.cures]
        if alone:
            assert not decide(without(identity, alone[1]), server, tool).allowed
        for one in filter(None, others):
            rest = [other[1] for other in others if other and other is not one]
            kept = replace(identity, roles=identity.roles)
            for role in rest:
                kept = without(kept, role)
            assert decide(kept, server, tool).allowed


@fewer
@given(somebody.map(distinct), roles(), worlds, st.sampled_from(TOOLS))
def test_what_a_deny_is_lifted_to(identity: Identity, extra: Body, world: World, tool: str) -> None:
    """Where a cure says which role would allow the call then, it does once nothing denies it."""
    held = distinct(replace(identity, roles=(*identity.roles, extra)))
    for server in world.servers:
        cures = explain(held, server, tool).cures
        if any(cure.startswith("then role ") for cure in cures):
            bare = [{**b, "spec": {**b["spec"], "deny": {}}} for b in held.roles]
            assert decide(replace(held, roles=tuple(bare)), server, tool).allowed


# --- any names at all ----------------------------------------------------------------------------


@st.composite
def named(draw: st.DrawFn) -> Scene:
    """Draw a scene in which everything is called anything."""
    body = {
        "version": "v8",
        "metadata": {"name": draw(names)},
        "spec": {"allow": {"app_labels": {"*": "*"}, "mcp": {"tools": ["*"]}}},
    }
    tools = draw(st.none() | st.lists(names.filter(bool), max_size=3, unique_by=visible).map(tuple))
    server = Server(draw(names), {draw(names): draw(names)}, tools)
    return Scene(draw(names), World((Identity(draw(names), (body,)),), (server,)))


@given(named(), st.integers(1, 200))
def test_any_name_is_told(scene: Scene, columns: int) -> None:
    """Whatever things are called, every format tells of them, and shows nothing that is not visible."""
    for told in (
        access_text.matrix(scene, plain, columns),
        access_who.text(scene, scene.world.servers[0].name, "", plain, columns),
        access_markdown.matrix(scene),
        "".join(access_data.matrix_csv(scene)),
        access_html.matrix(scene, TEMPLATES),
    ):
        assert all(visible(line) == line for line in told.split("\n") if "\u200b" not in line)


@given(named())
def test_a_page_has_one_shape(scene: Scene) -> None:
    """No name adds an element to the page or takes one away."""
    tags = re.findall(r"<[a-z!/]+", access_html.matrix(scene, TEMPLATES))
    usual = re.findall(r"<[a-z!/]+", access_html.matrix(Scene("x", scene.world), TEMPLATES))
    assert tags == usual
    assert len(tags) < 80


@given(named())
def test_a_csv_has_one_shape(scene: Scene) -> None:
    """No name adds a line or a column, and no cell begins as a formula does."""
    lines = list(csv.reader("".join(access_data.matrix_csv(scene)).splitlines()))
    assert {len(line) for line in lines} == {7}
    assert not any(cell.startswith(tuple("=+-@\t\r")) for line in lines[1:] for cell in line)


@given(st.lists(st.lists(names.map(visible), min_size=3, max_size=3), min_size=1, max_size=5))
def test_columns_begin_at_one_place(lines: list[list[str]]) -> None:
    """In a table, each column begins where its longest cell so far allows, whatever is in it."""
    told = aligned(lines)
    sizes = [max(width(line[at]) for line in lines) for at in range(2)]
    for line, shown in zip(lines, told, strict=True):
        start = sizes[0] + sizes[1] + 4
        if line[2].strip():
            assert width(shown[: len(shown) - len(line[2].rstrip())]) == start
        assert width(shown) <= start + width(line[2])


@given(
    st.lists(st.text("ab,", min_size=1, max_size=9)), st.text("x ", max_size=6), st.integers(0, 40)
)
def test_wrapping_loses_nothing(words: list[str], head: str, columns: int) -> None:
    """All words are there in their order, and a line is too wide only when one word is."""
    told = list(wrapped(words, head, columns))
    assert [line[len(head) :] for line in told] == [line[width(head) :] for line in told]
    joined = " ".join(line[len(head) :] for line in told)
    assert joined == ", ".join(words)
    assert all(width(line) <= columns or ", " not in line[len(head) :] for line in told)
