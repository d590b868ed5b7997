"""Decisions against a naive evaluator, and everything computed at once against decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provisioner.rbac.access import (
    Identity,
    Server,
    Why,
    World,
    connect,
    could_call,
    decide,
    difference,
    matrix,
)
from provisioner.rbac.patterns import compile_pattern
from provisioner.values import Body, freeze

BROKEN = "^[$"
TEMPLATE = "{{internal.mcp_tools}}"
TOOLS = ["read", "write", "r", "rw", "x"]
SHORT_NAMES = ["".join(name) for size in range(1, 4) for name in product("rwx", repeat=size)]

globs = st.sampled_from(["*", "r*", "*w", "r*d", "read", "x", "write", TEMPLATE])
tool_lists = st.lists(st.one_of(globs, globs, globs, st.just(BROKEN)), max_size=3)
label_values = st.sampled_from(["a", "a", "b", "*", "a*"])
selectors = st.dictionaries(
    st.sampled_from(["k", "l"]),
    st.one_of(label_values, st.lists(st.one_of(label_values, st.just(BROKEN)), max_size=2)),
    max_size=2,
)
everywhere = st.just({"*": "*"})
EXPRESSIONS: dict[str, Callable[[Mapping[str, str]], bool]] = {
    'labels["k"] == "a"': lambda labels: labels.get("k", "") == "a",
    'labels["l"] != "b"': lambda labels: labels.get("l", "") != "b",
    'labels["k"] == labels["l"]': lambda labels: labels.get("k", "") == labels.get("l", ""),
}
"""Expressions, and what they mean to the naive evaluator; any other text cannot be parsed."""

expressions = st.sampled_from([*EXPRESSIONS, 'labels["k"'])
allowances = st.fixed_dictionaries(
    {"tools": tool_lists},
    optional={"app_labels": st.one_of(everywhere, selectors), "app_labels_expression": expressions},
)
denials = st.fixed_dictionaries(
    {},
    optional={
        "app_labels": selectors,
        "app_labels_expression": expressions,
        "tools": st.lists(globs, max_size=2),
    },
)
options = st.sampled_from(
    [
        *[{}] * 12,
        {"require_session_mfa": True},
        {"require_session_mfa": "hardware_key_touch"},
        {"require_session_mfa": "no"},
        {"device_trust_mode": "required"},
        {"device_trust_mode": "required-for-humans"},
        {"device_trust_mode": "optional"},
    ]
)
labels = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["a", "b", "ab"]), max_size=2)
traits = st.sampled_from([{}, {"mcp_tools": ("r*", "x")}, {"mcp_tools": ()}, {"mcp_tools": ("",)}])


def written(half: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in half.items() if key != "tools"}
    return {**kept, "mcp": {"tools": half["tools"]}} if "tools" in half else kept


@st.composite
def roles(draw: st.DrawFn) -> Body:
    deny = draw(denials) if draw(st.integers(0, 3)) == 0 else {}
    body: Body = freeze(
        {
            "version": draw(st.sampled_from(["v3", "v8", "v8"])),
            "metadata": {"name": draw(st.sampled_from("pqrs"))},
            "spec": {
                "allow": written(draw(allowances)),
                "deny": written(deny),
                "options": draw(options),
            },
        }
    )
    return body


def identities(name: str, pool: st.SearchStrategy[Body]) -> st.SearchStrategy[Identity]:
    held = st.lists(pool, min_size=1, max_size=3).map(tuple)
    return st.builds(Identity, st.just(name), held, traits)


known_tools = st.lists(st.sampled_from(TOOLS), unique=True, min_size=1).map(tuple)


def servers(name: str) -> st.SearchStrategy[Server]:
    return st.builds(Server, st.just(name), labels, known_tools)


@st.composite
def served(draw: st.DrawFn) -> tuple[Server, ...]:
    """Draw what agents serve as `s` and as `t`, mostly with one set of labels, the same tools each."""
    found: list[Server] = []
    for name in "st":
        tools = draw(known_tools)
        some = draw(
            st.one_of(st.lists(labels, min_size=1, max_size=1), st.lists(labels, max_size=3))
        )
        found += (Server(name, tags, tools) for tags in some)
    return tuple(found)


@st.composite
def changes(draw: st.DrawFn) -> tuple[World, World]:
    """Draw two worlds whose bots hold roles of one pool, the very same objects."""
    pool = st.sampled_from(draw(st.lists(roles(), min_size=1, max_size=4)))
    bots = st.tuples(identities("one", pool), identities("two", pool))
    world = st.builds(World, bots, served())
    return draw(world), draw(world)


worlds = changes().map(lambda pair: pair[0])
somebody = identities("one", roles())


class Refused(Exception):
    """The naive evaluator met something that Teleport cannot evaluate."""


def glob(text: str, name: str) -> bool:
    if text == BROKEN:
        raise Refused
    if not text or not name:
        return not text.strip("*") and not name
    if text[0] == "*":
        return glob(text[1:], name) or glob(text, name[1:])
    return text[0] == name[0] and glob(text[1:], name[1:])


def in_list(texts: Any, name: str) -> bool:
    return any(glob(text, name) for text in texts)  # any() stops where Teleport stops


def labels_match(selector: Mapping[str, Any], target: Mapping[str, str]) -> bool:
    if selector.get("*") == "*":
        return True
    if not selector or any(key not in target for key in selector):
        return False
    refused, matched = False, True
    for key, values in selector.items():
        texts = [values] if isinstance(values, str) else values
        try:
            matched = matched and ("*" in texts or in_list(texts, target[key]))
        except Refused:
            refused = True
    if refused and matched:
        raise Refused
    return matched


def expression_says(text: str, target: Mapping[str, str]) -> bool:
    if text not in EXPRESSIONS:
        raise Refused
    return EXPRESSIONS[text](target)


def denies(half: Mapping[str, Any], target: Mapping[str, str]) -> bool:
    """Labels or expression: the first that matches ends the search."""
    if labels_match(half.get("app_labels", {}), target):
        return True
    text: str = half.get("app_labels_expression", "")
    return text != "" and expression_says(text, target)


def reaches(half: Mapping[str, Any], default: Mapping[str, Any], target: Mapping[str, str]) -> bool:
    """Labels and expression, those that are there; both are asked, whatever the first says."""
    selector, text = half.get("app_labels", default), half.get("app_labels_expression")
    answers = [labels_match(selector, target)] if selector else []
    answers += [expression_says(text, target)] if text else []
    return bool(answers) and all(answers)


def gated(wanted: Mapping[str, Any]) -> bool:
    """No bot has a second factor, or a device that could be trusted."""
    return (
        wanted.get("require_session_mfa") in (True, "hardware_key_touch")
        or wanted.get("device_trust_mode") == "required"
    )


def tools_of(side: Mapping[str, Any], identity: Identity) -> list[str]:
    texts: list[str] = []
    for text in side.get("mcp", {}).get("tools", ()):
        filled = identity.traits.get("mcp_tools", ()) if text == TEMPLATE else (text,)
        texts.extend(value for value in filled if value)
    return texts


def naive(identity: Identity, server: Server, tool: str | None) -> bool:
    """Follow Teleport's check with plain loops: once for the session, once for the tool."""
    session = tool is None or naive(identity, server, None)
    try:
        return session and checked(identity, server, tool)
    except Refused:
        return False


def checked(identity: Identity, server: Server, tool: str | None) -> bool:
    allowed = False
    for body in identity.roles:
        deny = body["spec"]["deny"]
        if denies(deny, server.labels):
            return False
        if tool is not None and in_list(tools_of(deny, identity), tool):
            return False
    for body in identity.roles:
        allow = body["spec"]["allow"]
        default = {"*": "*"} if body["version"] == "v3" else {}
        if not reaches(allow, default, server.labels):
            continue
        if tool is not None and not in_list(tools_of(allow, identity), tool):
            continue
        if gated(body["spec"]["options"]):
            return False
        allowed = True
    return allowed


@given(identity=somebody, server=servers("s"), tool=st.sampled_from(TOOLS))
def test_decide_is_what_plain_loops_say(identity: Identity, server: Server, tool: str) -> None:
    """A decision and a session are what a literal reading of Teleport's check says."""
    assert decide(identity, server, tool).allowed is naive(identity, server, tool)
    assert connect(identity, server).allowed is naive(identity, server, None)


@given(identity=somebody, server=servers("s"), tool=st.sampled_from(TOOLS))
def test_the_order_of_roles_does_not_count(identity: Identity, server: Server, tool: str) -> None:
    """Roles in another order may give another reason, but never another answer."""
    turned = Identity(identity.name, identity.roles[::-1], identity.traits)
    assert decide(identity, server, tool).allowed is decide(turned, server, tool).allowed


def allowed(world: World) -> set[tuple[str, str, str | None]]:
    return {
        (identity.name, server.name, tool)
        for identity in world.identities
        for server in world.servers
        for tool in (None, *(server.tools or ()))
        if (connect(identity, server) if tool is None else decide(identity, server, tool)).allowed
    }


@given(world=worlds)
def test_the_matrix_is_all_decisions(world: World) -> None:
    """The matrix allows exactly what decisions on any side allow, and each row names what one names."""
    found = matrix(world)
    rows = [*found.rows()]
    assert {(row.bot, row.server, row.name or None) for row in rows} == allowed(world)
    assert len(rows) == len(allowed(world))
    bots = {one.name: one for one in world.identities}
    for row in rows:
        bot = bots[row.bot]
        sides = [server for server in world.servers if server.name == row.server]
        decisions = [decide(bot, at, row.name) if row.name else connect(bot, at) for at in sides]
        granting = {(each.role, each.pattern) for each in decisions if each.allowed}
        assert (row.role, row.pattern) in granting
        assert row.name in (*found.tools(row.bot, row.server), "")


@given(change=changes())
def test_difference_is_the_difference_of_sets(change: tuple[World, World]) -> None:
    """What is gained is allowed after and not before; what is lost, the reverse."""
    before, after = change
    found = difference(before, after)
    old, new = allowed(before), allowed(after)
    assert {(row.bot, row.server, row.name or None) for row in found.gained} == new - old
    assert {(row.bot, row.server, row.name or None) for row in found.lost} == old - new


@given(change=changes())
def test_a_loss_names_what_refuses_now(change: tuple[World, World]) -> None:
    """The reason of a loss is the reason that a decision gives now, with the role if there is one."""
    before, after = change
    bots = {one.name: one for one in after.identities}
    for row in difference(before, after).lost:
        sides = [server for server in after.servers if server.name == row.server]
        if not sides or (row.name and row.name not in (sides[0].tools or ())):
            assert row.why is Why.GONE
            continue
        bot = bots[row.bot]
        found = [decide(bot, at, row.name) if row.name else connect(bot, at) for at in sides]
        now = [each for each in found if each.why is row.why]
        assert now
        assert any(
            not each.role or (row.role, row.pattern) == (each.role, each.pattern) for each in now
        )


@given(world=worlds)
def test_no_difference_to_itself(world: World) -> None:
    """A world does not differ from itself, nor from an equal one that shares no objects with it."""
    copies = tuple(
        Identity(one.name, tuple(freeze(dict(body)) for body in one.roles), dict(one.traits))
        for one in world.identities
    )
    copy = World(copies, tuple(Server(s.name, dict(s.labels), s.tools) for s in world.servers))
    for other in (world, copy):
        found = difference(world, other)
        assert not found.gained
        assert not found.lost


@given(
    identity=somebody,
    server=servers("s"),
    asked=st.sampled_from(["*", "r*", "*w", "rw", "^(r|x)+$", "^[^r]*$"]),
)
def test_could_call_is_about_all_names(identity: Identity, server: Server, asked: str) -> None:
    """A yes comes with a name that may be called; after a no, no short name may."""
    pattern = compile_pattern(asked)
    answer = could_call(identity, server, pattern)
    if answer.value:
        assert answer.name
        assert pattern.matches(answer.name)
        assert decide(identity, server, answer.name).allowed
    else:
        assert answer.value is False
        fitting = (name for name in SHORT_NAMES if pattern.matches(name))
        assert not any(decide(identity, server, name).allowed for name in fitting)


unknown = st.lists(labels.map(lambda tags: Server("s", tags)), min_size=1, max_size=3).map(tuple)


@given(before=somebody, after=somebody, old=unknown, new=unknown, same=st.booleans())
def test_patterns_differ_where_names_do(
    before: Identity, after: Identity, old: tuple[Server, ...], new: tuple[Server, ...], same: bool
) -> None:
    """Where tools are unknown, every name gained is covered by a pattern, and every example is one."""
    new = old if same else new

    def gains(name: str) -> bool:
        allowed_after = any(decide(after, at, name).allowed for at in new)
        return allowed_after and not any(decide(before, at, name).allowed for at in old)

    gained = difference(World((before,), old), World((after,), new)).gained
    patterns = [row for row in gained if row.kind == "pattern"]
    for row in patterns:
        assert row.example
        assert gains(row.example)
    for name in filter(gains, SHORT_NAMES):
        assert any(compile_pattern(row.name).matches(name) for row in patterns)
