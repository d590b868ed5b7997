"""Decisions, sentence by sentence as Teleport makes them, and differences between two worlds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from provisioner.rbac.access import (
    Broken,
    Checker,
    Entry,
    Identity,
    Server,
    Why,
    World,
    connect,
    could_call,
    decide,
    depends_on_identity,
    difference,
    matrix,
)
from provisioner.rbac.patterns import compile_pattern
from provisioner.values import Body, freeze

BROKEN = "^[$"
DEV = Server("dev", {"env": "dev"}, ("read_file", "write_file"))
PROD = Server("prod", {"env": "prod"}, ("read_file", "delete_file"))


def role(
    name: str,
    labels: Any = None,
    tools: Any = None,
    *,
    deny: Mapping[str, Any] | None = None,
    version: str = "v8",
    **more: Any,
) -> Body:
    """Write a role as Teleport returns it; `more` are options, or an expression for `allow`."""
    allow = {
        "app_labels": labels,
        "mcp": {"tools": tools},
        "app_labels_expression": more.pop("expression", None),
    }
    spec = {"allow": {k: v for k, v in allow.items() if v not in (None, {"tools": None})}}
    body = {
        "kind": "role",
        "version": version,
        "metadata": {"name": name},
        "spec": {**spec, "deny": deny or {}, "options": more},
    }
    frozen: Body = freeze(body)
    return frozen


def bot(*roles: Body, **traits: tuple[str, ...]) -> Identity:
    return Identity("example", roles, traits)


READS = role("reads", {"env": "dev"}, ["read_*"])
ALL_DEV = role("all-dev", {"env": "dev"}, ["*"])
EVERYWHERE = role("everywhere", {"*": "*"}, ["*"])
NO_DELETE = role("no-delete", deny={"mcp": {"tools": ["delete_*"]}})

# What Teleport's access check says, one sentence a case: roles, server, tool, outcome, role, pattern.
CALLS: dict[str, tuple[Identity, Server, str, Why, str, str]] = {
    "a tool is allowed by a pattern of a role whose labels match": (
        bot(READS), DEV, "read_file", Why.GRANTED, "reads", "read_*",
    ),
    "a tool that is not listed is not allowed": (
        bot(READS), DEV, "write_file", Why.NO_TOOL, "", "",
    ),
    "a role without labels reaches no server": (
        bot(role("r", None, ["*"])), DEV, "read_file", Why.NO_SERVER, "", "",
    ),
    "a role with empty labels reaches no server": (
        bot(role("r", {}, ["*"])), DEV, "read_file", Why.NO_SERVER, "", "",
    ),
    "a role without tools allows none": (
        bot(role("r", {"env": "dev"})), DEV, "read_file", Why.NO_TOOL, "", "",
    ),
    "an empty list of tools allows none": (
        bot(role("r", {"env": "dev"}, [])), DEV, "read_file", Why.NO_TOOL, "", "",
    ),
    "nobody without a role may do anything": (
        bot(), DEV, "read_file", Why.NO_SERVER, "", "",
    ),
    "labels and tools must match in one and the same role": (
        bot(READS, role("prod", {"env": "prod"})), PROD, "read_file", Why.NO_TOOL, "", "",
    ),
    "a role with tools whose labels do not match gives nothing": (
        bot(ALL_DEV), PROD, "read_file", Why.NO_SERVER, "", "",
    ),
    "a device that is welcome and not required is no hindrance": (
        bot(role("m", {"env": "dev"}, ["*"], device_trust_mode="optional")),
        DEV, "read_file", Why.GRANTED, "m", "*",
    ),
    "roles add up: one of them is enough": (
        bot(READS, ALL_DEV), DEV, "write_file", Why.GRANTED, "all-dev", "*",
    ),
    "the first role that allows is the one that grants": (
        bot(ALL_DEV, READS), DEV, "read_file", Why.GRANTED, "all-dev", "*",
    ),
    "a denied tool is denied on every server, without a test of labels": (
        bot(EVERYWHERE, NO_DELETE), PROD, "delete_file", Why.DENIED_TOOL, "no-delete", "delete_*",
    ),
    "a denied tool is denied whichever role allows it first": (
        bot(NO_DELETE, EVERYWHERE), PROD, "delete_file", Why.DENIED_TOOL, "no-delete", "delete_*",
    ),
    "what is not denied stays allowed": (
        bot(EVERYWHERE, NO_DELETE), PROD, "read_file", Why.GRANTED, "everywhere", "*",
    ),
    "labels beside denied tools do not narrow the denial, they deny the server": (
        bot(EVERYWHERE, role("d", deny={"app_labels": {"env": "prod"}, "mcp": {"tools": ["read_*"]}})),
        DEV, "read_file", Why.DENIED_TOOL, "d", "read_*",
    ),
    "denied labels close the whole server": (
        bot(EVERYWHERE, role("d", deny={"app_labels": {"env": "prod"}})),
        PROD, "read_file", Why.DENIED_SERVER, "d", "",
    ),
    "denied labels leave other servers open": (
        bot(EVERYWHERE, role("d", deny={"app_labels": {"env": "prod"}})),
        DEV, "read_file", Why.GRANTED, "everywhere", "*",
    ),
    "a denied expression alone closes the server": (
        bot(EVERYWHERE, role("d", deny={"app_labels_expression": 'labels["env"] == "prod"'})),
        PROD, "read_file", Why.DENIED_SERVER, "d", "",
    ),
    "of denied labels and a denied expression either is enough": (
        bot(EVERYWHERE, role("d", deny={
            "app_labels": {"env": "qa"}, "app_labels_expression": 'labels["env"] == "prod"'})),
        PROD, "read_file", Why.DENIED_SERVER, "d", "",
    ),
    "an allowed expression reaches a server": (
        bot(role("r", None, ["*"], expression='labels["env"] == "dev"')),
        DEV, "read_file", Why.GRANTED, "r", "*",
    ),
    "of allowed labels and an allowed expression both must match": (
        bot(role("r", {"env": "dev"}, ["*"], expression='labels["env"] == "staging"')),
        DEV, "read_file", Why.NO_SERVER, "", "",
    ),
    "a role of version 3 without labels reaches every server": (
        bot(role("r", None, ["*"], version="v3")), PROD, "read_file", Why.GRANTED, "r", "*",
    ),
    "a role of version 3 with empty labels reaches none": (
        bot(role("r", {}, ["*"], version="v3")), PROD, "read_file", Why.NO_SERVER, "", "",
    ),
    "a role of version 3 denies no more than others": (
        bot(EVERYWHERE, role("r", version="v3")), PROD, "read_file", Why.GRANTED, "everywhere", "*",
    ),
    "the labels of a server may be given as a list": (
        bot(role("r", {"env": ["qa", "dev"]}, ["*"])), DEV, "read_file", Why.GRANTED, "r", "*",
    ),
    # session MFA and trusted devices
    "a bot cannot answer MFA, so a role that wants it closes the server it reaches": (
        bot(ALL_DEV, role("m", {"env": "dev"}, ["x"], require_session_mfa=True)),
        DEV, "read_file", Why.NEEDS_MFA, "m", "",
    ),
    "a role that wants a hardware key wants MFA": (
        bot(role("m", {"env": "dev"}, ["*"], require_session_mfa="hardware_key_touch")),
        DEV, "read_file", Why.NEEDS_MFA, "m", "",
    ),
    "a role that wants MFA does not count where it does not reach": (
        bot(ALL_DEV, role("m", {"env": "prod"}, ["*"], require_session_mfa=True)),
        DEV, "read_file", Why.GRANTED, "all-dev", "*",
    ),
    "a role that wants no MFA is no hindrance": (
        bot(role("m", {"env": "dev"}, ["*"], require_session_mfa=False)),
        DEV, "read_file", Why.GRANTED, "m", "*",
    ),
    "a bot has no trusted device": (
        bot(role("m", {"env": "dev"}, ["*"], device_trust_mode="required")),
        DEV, "read_file", Why.NEEDS_DEVICE, "m", "",
    ),
    "a device that only humans need is no hindrance": (
        bot(role("m", {"env": "dev"}, ["*"], device_trust_mode="required-for-humans")),
        DEV, "read_file", Why.GRANTED, "m", "*",
    ),
    "MFA is asked for before the device": (
        bot(role("m", {"env": "dev"}, ["*"], device_trust_mode="required", require_session_mfa=True)),
        DEV, "read_file", Why.NEEDS_MFA, "m", "",
    ),
    "a denied server is denied before anything else is asked for": (
        bot(role("m", {"env": "dev"}, ["*"], require_session_mfa=True, deny={"app_labels": {"*": "*"}})),
        DEV, "read_file", Why.DENIED_SERVER, "m", "",
    ),
    # rules that cannot be evaluated
    "a broken text in a list of denied tools refuses every tool on every server": (
        bot(ALL_DEV, role("d", deny={"mcp": {"tools": [BROKEN]}})),
        DEV, "read_file", Why.BROKEN, "d", BROKEN,
    ),
    "what stands before a broken denial is still denied by name": (
        bot(ALL_DEV, role("d", deny={"mcp": {"tools": ["read_*", BROKEN]}})),
        DEV, "read_file", Why.DENIED_TOOL, "d", "read_*",
    ),
    "a broken text in a list of allowed tools refuses what nothing before it matches": (
        bot(role("r", {"env": "dev"}, ["read_*", BROKEN, "*"])),
        DEV, "write_file", Why.BROKEN, "r", BROKEN,
    ),
    "what stands before a broken text is allowed": (
        bot(role("r", {"env": "dev"}, ["read_*", BROKEN])),
        DEV, "read_file", Why.GRANTED, "r", "read_*",
    ),
    "a broken text refuses although an earlier role allows, as no role ends the search": (
        bot(ALL_DEV, role("r", {"env": "dev"}, [BROKEN])),
        DEV, "read_file", Why.BROKEN, "r", BROKEN,
    ),
    "a broken text does not count in a role that does not reach": (
        bot(ALL_DEV, role("r", {"env": "prod"}, [BROKEN])),
        DEV, "read_file", Why.GRANTED, "all-dev", "*",
    ),
    "a broken label that is denied closes every server with that label": (
        bot(EVERYWHERE, role("d", deny={"app_labels": {"env": BROKEN}})),
        DEV, "read_file", Why.BROKEN, "d", "",
    ),
    "a broken label in an allowed role closes the server as well": (
        bot(EVERYWHERE, role("r", {"env": BROKEN}, ["*"])),
        DEV, "read_file", Why.BROKEN, "r", "",
    ),
    "a broken label is not looked at on a server without it": (
        bot(EVERYWHERE, role("r", {"team": BROKEN}, ["*"])),
        DEV, "read_file", Why.GRANTED, "everywhere", "*",
    ),
    "a broken expression in an allowed role closes every server": (
        bot(EVERYWHERE, role("r", {"env": "qa"}, expression="labels[")),
        DEV, "read_file", Why.BROKEN, "r", "",
    ),
    "a broken denied expression closes every server": (
        bot(EVERYWHERE, role("d", deny={"app_labels_expression": "labels["})),
        DEV, "read_file", Why.BROKEN, "d", "",
    ),
    "a denied label comes before the broken expression beside it": (
        bot(EVERYWHERE, role("d", deny={"app_labels": {"*": "*"}, "app_labels_expression": "labels["})),
        DEV, "read_file", Why.DENIED_SERVER, "d", "",
    ),
    # templates
    "a trait fills in the names of tools": (
        bot(role("r", {"env": "dev"}, ["{{internal.mcp_tools}}"]), mcp_tools=("read_file",)),
        DEV, "read_file", Why.GRANTED, "r", "read_file",
    ),
    "the value of a trait is a pattern": (
        bot(role("r", {"env": "dev"}, ["{{internal.mcp_tools}}"]), mcp_tools=("^.*$",)),
        DEV, "write_file", Why.GRANTED, "r", "^.*$",
    ),
    "a missing trait allows nothing, in silence": (
        bot(role("r", {"env": "dev"}, ["{{internal.mcp_tools}}"])),
        DEV, "read_file", Why.NO_TOOL, "", "",
    ),
    "a missing trait denies nothing, in silence": (
        bot(ALL_DEV, role("d", deny={"mcp": {"tools": ["{{external.forbidden}}"]}})),
        DEV, "read_file", Why.GRANTED, "all-dev", "*",
    ),
    "a trait fills in labels": (
        bot(role("r", {"env": "{{external.envs}}"}, ["*"]), envs=("qa", "dev")),
        DEV, "read_file", Why.GRANTED, "r", "*",
    ),
    "a missing trait in labels matches no server": (
        bot(role("r", {"env": "{{external.envs}}"}, ["*"])),
        DEV, "read_file", Why.NO_SERVER, "", "",
    ),
    "an expression reads the traits": (
        bot(role("r", None, ["*"], expression='contains(user.spec.traits["envs"], labels["env"])'),
            envs=("dev",)),
        DEV, "read_file", Why.GRANTED, "r", "*",
    ),
    "the user of a bot is called bot-NAME": (
        bot(role("r", None, ["*"], expression='user.metadata.name == "bot-example"')),
        DEV, "read_file", Why.GRANTED, "r", "*",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("identity", "server", "tool", "why", "by", "pattern"), CALLS.values(), ids=CALLS.keys()
)
def test_call(
    identity: Identity, server: Server, tool: str, why: Why, by: str, pattern: str
) -> None:
    """A call is decided as the name of the case says, with the role and the pattern that did it."""
    decision = decide(identity, server, tool)
    assert (decision.why, decision.role, decision.pattern) == (why, by, pattern)
    assert decision.allowed is (why is Why.GRANTED)


SESSIONS = {
    "labels alone open a session": (bot(role("r", {"env": "dev"})), DEV, Why.GRANTED, "r"),
    "denied tools close no session": (bot(ALL_DEV, NO_DELETE), DEV, Why.GRANTED, "all-dev"),
    "broken denied tools close no session": (
        bot(ALL_DEV, role("d", deny={"mcp": {"tools": [BROKEN]}})),
        DEV,
        Why.GRANTED,
        "all-dev",
    ),
    "no role, no session": (bot(), DEV, Why.NO_SERVER, ""),
    "other labels, no session": (bot(READS), PROD, Why.NO_SERVER, ""),
    "a session may need MFA": (
        bot(role("m", {"env": "dev"}, require_session_mfa="yes")),
        DEV,
        Why.NEEDS_MFA,
        "m",
    ),
}


@pytest.mark.parametrize(
    ("identity", "server", "why", "by"), SESSIONS.values(), ids=SESSIONS.keys()
)
def test_session(identity: Identity, server: Server, why: Why, by: str) -> None:
    """Whether there is a session at all is a matter of labels, MFA and devices, not of tools."""
    decision = connect(identity, server)
    assert (decision.why, decision.role) == (why, by)


def test_a_decision_carries_what_every_role_said() -> None:
    """Each role has its step, with what its labels and its tools say, also behind the decision."""
    decision = decide(bot(NO_DELETE, READS, ALL_DEV), DEV, "delete_file")
    denying, reads, everything = decision.steps
    assert decision.why is Why.DENIED_TOOL
    assert denying.deny_tools
    assert denying.deny_tools.answer is True
    assert denying.allow_labels.answer is False
    assert reads.allow_labels.labels
    assert reads.allow_labels.labels.why == "keys"
    assert reads.allow_tools
    assert reads.allow_tools.answer is False
    assert everything.allow_tools
    assert everything.allow_tools.entry == Entry("*", compile_pattern("*"))


def test_a_decision_shows_the_template_behind_a_pattern() -> None:
    """The entry that decides is shown as it is matched and as the role writes it."""
    template = "{{internal.mcp_tools}}"
    found = decide(bot(role("r", {"*": "*"}, [template]), mcp_tools=("read_*",)), DEV, "read_file")
    assert isinstance(found.entry, Entry)
    assert (found.entry.text, found.entry.source) == ("read_*", template)


def test_a_decision_names_what_was_dropped() -> None:
    """A step lists the templates that Teleport leaves out, with the reason."""
    holder = bot(role("r", {"env": "dev"}, ["{{external.no}}"], deny={"mcp": {"tools": ["{{a"]}}))
    (step,) = decide(holder, DEV, "read_file").steps
    assert [(one.source, bool(one.dropped)) for one in step.dropped] == [
        ("{{a", True),
        ("{{external.no}}", True),
    ]


def test_what_is_used_was_not_dropped() -> None:
    """Texts that stay in force are not told among those that Teleport leaves out."""
    holder = bot(
        role("r", {"env": "dev"}, ["read_*", "{{external.no}}"], deny={"mcp": {"tools": ["x"]}})
    )
    (step,) = decide(holder, DEV, "read_file").steps
    assert [one.source for one in step.dropped] == ["{{external.no}}"]


def test_a_broken_rule_is_explained() -> None:
    """The text that cannot be compiled is shown with RE2's reason."""
    found = decide(bot(role("r", {"env": "dev"}, [BROKEN])), DEV, "read_file")
    assert isinstance(found.entry, Broken)
    assert "missing ]" in found.entry.error
    labels = decide(bot(role("r", {"env": BROKEN}, ["*"])), DEV, "read_file").steps[0].allow_labels
    assert "missing ]" in labels.error


def test_known_tools_keep_the_order_of_the_server() -> None:
    """The tools that may be called are listed as the server lists them."""
    server = Server("s", {"env": "dev"}, ("read_z", "write", "read_a"))
    assert Checker(bot(READS)).tools(server) == ("read_z", "read_a")
    assert Checker(bot(READS)).tools(Server("s", {"env": "dev"})) == ()


@pytest.mark.parametrize(
    ("identity", "asked", "name"),
    [
        (bot(ALL_DEV), "delete_*", "delete_"),
        (bot(READS), "delete_*", None),
        (bot(READS), "*_file", "read_file"),
        (bot(ALL_DEV, NO_DELETE), "delete_*", None),
        (bot(ALL_DEV, NO_DELETE), "d*", "d"),
        (bot(READS, role("w", {"env": "dev"}, ["write_*"])), "write_*", "write_"),
        (bot(READS, role("w", {"env": "prod"}, ["write_*"])), "write_*", None),
        (bot(), "*", None),
        (bot(role("r", {"env": "prod"}, ["*"])), "*", None),
        (bot(ALL_DEV, role("d", deny={"app_labels": {"*": "*"}})), "*", None),
        (bot(ALL_DEV, role("d", deny={"mcp": {"tools": ["x", BROKEN]}})), "*", None),
        (bot(ALL_DEV, role("r", {"env": "dev"}, ["read_*", BROKEN])), "*", "read_"),
        (bot(ALL_DEV, role("r", {"env": "dev"}, ["read_*", BROKEN])), "write_*", None),
        (bot(role("m", {"env": "dev"}, ["*"], require_session_mfa=True)), "*", None),
    ],
)
def test_could_call(identity: Identity, asked: str, name: str | None) -> None:
    """Whether anything that a pattern matches may be called does not depend on known tools."""
    server = Server("dev", {"env": "dev"})
    answer = could_call(identity, server, compile_pattern(asked))
    assert (answer.value, answer.name) == (name is not None, name)


def test_matrix() -> None:
    """The matrix holds the tools and the session of every identity on every server."""
    found = matrix(World((bot(READS), Identity("other", (EVERYWHERE, NO_DELETE))), (DEV, PROD)))
    assert found.tools("example", "dev") == ("read_file",)
    assert found.tools("example", "prod") == ()
    assert found.tools("other", "prod") == ("read_file",)
    assert found.connects("example", "dev")
    assert not found.connects("example", "prod")
    assert {(row.bot, row.server, row.kind, row.name) for row in found.rows()} == {
        ("example", "dev", "session", ""),
        ("example", "dev", "tool", "read_file"),
        ("other", "dev", "session", ""),
        ("other", "dev", "tool", "read_file"),
        ("other", "dev", "tool", "write_file"),
        ("other", "prod", "session", ""),
        ("other", "prod", "tool", "read_file"),
    }


def test_matrix_shows_patterns_where_tools_are_unknown() -> None:
    """A pattern is a row if it lets a name through; the others are denied altogether."""
    holder = bot(role("r", {"env": "dev"}, ["read_*", "delete_file"]), NO_DELETE)
    rows = [*matrix(World((holder,), (Server("s", {"env": "dev"}),))).rows()]
    assert [(row.kind, row.name, row.role, row.example) for row in rows] == [
        ("session", "", "r", None),
        ("pattern", "read_*", "r", "read_"),
    ]


def test_an_app_that_is_no_mcp_server_has_a_session_only() -> None:
    """Tools play no part on other apps, but that they are opened is shown."""
    app = Server("wiki", {"env": "dev"}, ())
    rows = [*matrix(World((bot(ALL_DEV),), (app,))).rows()]
    assert [(row.server, row.kind) for row in rows] == [("wiki", "session")]


# From (roles, server) to (roles, server): what is gained, what is lost, why.
CHANGES: dict[str, tuple[Identity | None, Server | None, Identity | None, Server | None, list[Any], list[Any]]] = {
    "nothing changes": (bot(READS), DEV, bot(READS), DEV, [], []),
    "another word for the same": (
        bot(READS), DEV, bot(role("reads", {"env": ["dev"]}, ["^read_.*$"])), DEV, [], [],
    ),
    "a wider pattern": (
        bot(READS), DEV, bot(ALL_DEV), DEV, [("tool", "write_file", "all-dev", "*", Why.GRANTED)], [],
    ),
    "a new role": (
        bot(), DEV, bot(READS), DEV,
        [("session", "", "reads", "", Why.GRANTED), ("tool", "read_file", "reads", "read_*", Why.GRANTED)],
        [],
    ),
    "a role is taken": (
        bot(READS, ALL_DEV), DEV, bot(READS), DEV,
        [], [("tool", "write_file", "all-dev", "*", Why.NO_TOOL)],
    ),
    "a tool is denied": (
        bot(EVERYWHERE), PROD, bot(EVERYWHERE, NO_DELETE), PROD,
        [], [("tool", "delete_file", "no-delete", "delete_*", Why.DENIED_TOOL)],
    ),
    "a server is denied": (
        bot(READS), DEV, bot(READS, role("d", deny={"app_labels": {"env": "dev"}})), DEV,
        [], [("session", "", "d", "", Why.DENIED_SERVER), ("tool", "read_file", "d", "", Why.DENIED_SERVER)],
    ),
    "a denial breaks": (
        bot(READS), DEV, bot(READS, role("d", deny={"mcp": {"tools": [BROKEN]}})), DEV,
        [], [("tool", "read_file", "d", BROKEN, Why.BROKEN)],
    ),
    "an allowance breaks": (
        bot(ALL_DEV), DEV, bot(ALL_DEV, role("r", {"env": "dev"}, ["read_*", BROKEN])), DEV,
        [], [("tool", "write_file", "r", BROKEN, Why.BROKEN)],
    ),
    "the labels of a server change": (
        bot(READS), DEV, bot(READS), Server("dev", {"env": "qa"}, DEV.tools),
        [], [("session", "", "reads", "", Why.NO_SERVER), ("tool", "read_file", "reads", "read_*", Why.NO_SERVER)],
    ),
    "a server disappears": (
        bot(READS), DEV, bot(READS), None,
        [], [("session", "", "reads", "", Why.GONE), ("tool", "read_file", "reads", "read_*", Why.GONE)],
    ),
    "a tool disappears": (
        bot(READS), DEV, bot(READS), Server("dev", DEV.labels, ("write_file",)),
        [], [("tool", "read_file", "reads", "read_*", Why.GONE)],
    ),
    "a bot appears": (
        None, DEV, bot(role("r", {"env": "dev"})), DEV, [("session", "", "r", "", Why.GRANTED)], [],
    ),
    "unknown tools, a wider pattern": (
        bot(READS), Server("dev", DEV.labels), bot(ALL_DEV), Server("dev", DEV.labels),
        [("pattern", "*", "all-dev", "*", Why.GRANTED)], [],
    ),
    "unknown tools, another word for the same": (
        bot(READS), Server("dev", DEV.labels), bot(role("r", {"*": "*"}, ["^read_.*$"])), Server("dev", DEV.labels),
        [], [],
    ),
    "unknown tools, some are denied": (
        bot(ALL_DEV), Server("dev", DEV.labels), bot(ALL_DEV, NO_DELETE), Server("dev", DEV.labels),
        [], [("pattern", "*", "all-dev", "*", Why.NO_TOOL)],
    ),
    "unknown tools, a denial is lifted": (
        bot(ALL_DEV, NO_DELETE), Server("dev", DEV.labels), bot(ALL_DEV), Server("dev", DEV.labels),
        [("pattern", "*", "all-dev", "*", Why.GRANTED)], [],
    ),
    "unknown tools, a role breaks": (
        bot(ALL_DEV), Server("dev", DEV.labels),
        bot(ALL_DEV, role("r", {"*": "*"}, ["read_*", BROKEN])), Server("dev", DEV.labels),
        [], [("pattern", "*", "all-dev", "*", Why.NO_TOOL)],
    ),
    "tools become unknown": (
        bot(READS), DEV, bot(ALL_DEV), Server("dev", DEV.labels),
        [("pattern", "*", "all-dev", "*", Why.GRANTED)], [],
    ),
    "a server is no MCP server any more": (
        bot(READS), DEV, bot(READS), Server("dev", DEV.labels, ()),
        [], [("tool", "read_file", "reads", "read_*", Why.GONE)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("bot_before", "server_before", "bot_after", "server_after", "gained", "lost"),
    CHANGES.values(),
    ids=CHANGES.keys(),
)
def test_difference(
    bot_before: Identity | None,
    server_before: Server | None,
    bot_after: Identity | None,
    server_after: Server | None,
    gained: list[Any],
    lost: list[Any],
) -> None:
    """A change gives and takes what the case says, with the role and the pattern that does it."""

    def world(identity: Identity | None, server: Server | None) -> World:
        return World((identity,) if identity else (), (server,) if server else ())

    found = difference(world(bot_before, server_before), world(bot_after, server_after))
    for rows, expected in ((found.gained, gained), (found.lost, lost)):
        assert [(row.kind, row.name, row.role, row.pattern, row.why) for row in rows] == expected


def test_difference_states_its_domain() -> None:
    """The answer says about how much it is, and where it is about patterns."""
    unknown, app = Server("u", {}), Server("a", {}, ())
    found = difference(World((bot(),), (DEV,)), World((bot(),), (DEV, PROD, unknown, app)))
    assert (found.bots, found.servers, found.tools, found.unknown) == (1, 4, 3, ("u",))
    many = tuple(Server(name, {}) for name in "gcafebd")
    assert difference(World((), ()), World((), many)).unknown == tuple("abcdefg")


def test_difference_is_in_order() -> None:
    """Rows come by bot, server and name, whatever the order of the worlds."""
    bots = tuple(Identity(name, (EVERYWHERE,)) for name in "gcafebd")
    servers = tuple(Server(name, {}, ("z", "a")) for name in "yxzwv")
    gained = difference(World((), ()), World(bots, servers)).gained
    assert [(row.bot, row.server, row.name) for row in gained] == [
        (name, server, tool) for name in "abcdefg" for server in "vwxyz" for tool in ("", "a", "z")
    ]


def test_a_role_with_traits_is_each_bots_own() -> None:
    """What a role with a trait in it gives to one bot, it does not give to the next."""
    shared = role("r", {"env": "dev"}, ["{{internal.mcp_tools}}"])
    one = Identity("one", (shared,), {"mcp_tools": ("read_*",)})
    two = Identity("two", (shared,), {"mcp_tools": ("write_*",)})
    found = matrix(World((one, two), (DEV,)))
    assert found.tools("one", "dev") == ("read_file",)
    assert found.tools("two", "dev") == ("write_file",)


def test_a_server_with_one_tool() -> None:
    """The only tool of all is a row, as is each of many."""
    found = matrix(World((bot(ALL_DEV),), (Server("s", {"env": "dev"}, ("only",)),)))
    assert [(row.kind, row.name) for row in found.rows()] == [("session", ""), ("tool", "only")]
    (spot,) = found.spots()
    assert [(grant.role, grant.tools) for grant in spot.grants] == [("all-dev", ("only",))]


def test_difference_gives_an_example() -> None:
    """A pattern that gives more than before shows a name that shows it."""
    servers = (Server("dev", {"env": "dev"}),)
    found = difference(World((bot(READS),), servers), World((bot(ALL_DEV),), servers))
    (row,) = found.gained
    assert row.example
    assert not decide(bot(READS), DEV, row.example).allowed
    assert decide(bot(ALL_DEV), DEV, row.example).allowed


def test_what_cannot_be_decided_counts_as_a_difference() -> None:
    """A pattern beyond the automata is shown without an example rather than left out."""
    servers = (Server("dev", {"env": "dev"}),)
    wide = bot(role("r", {"env": "dev"}, [r"^\pL+$"]))
    (row,) = difference(World((bot(READS),), servers), World((wide,), servers)).gained
    assert (row.name, row.example) == (r"^\pL+$", None)


def test_order() -> None:
    """Rows are ordered by bot, server, kind and name, whatever the order of the world."""
    bots = (Identity("b", (EVERYWHERE,)), Identity("a", (EVERYWHERE,)))
    found = difference(World((), ()), World(bots, (PROD, DEV)))
    keys = [(row.bot, row.server, row.kind, row.name) for row in found.gained]
    assert keys == sorted(keys)
    assert len(keys) == 12


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"spec": None},
        {"spec": {"allow": None, "deny": None, "options": None}},
        {"metadata": {}, "spec": {"allow": {"mcp": None, "app_labels": {"*": "*"}}}},
        {
            "metadata": {"name": "r"},
            "spec": {"allow": {"mcp": {"tools": None}, "app_labels": None}},
        },
    ],
)
def test_bodies_with_holes(body: Body) -> None:
    """What a body leaves out or sets to null allows and denies nothing."""
    assert not decide(bot(body), DEV, "read_file").allowed
    assert decide(bot(body, ALL_DEV), DEV, "read_file").allowed


@pytest.mark.parametrize(
    "said", [None, "", "no", "No", "nope", "n", "false", "0", "off", "OFF", False]
)
def test_spellings_of_no_session_mfa(said: object) -> None:
    """Every way in which Teleport reads that no session MFA is wanted leaves the server open."""
    identity = bot(role("m", {"env": "dev"}, ["*"], require_session_mfa=said))
    assert connect(identity, DEV).allowed


@pytest.mark.parametrize("said", [None, "", "off", "optional", "required-for-humans"])
def test_device_trust_that_asks_nothing_of_bots(said: object) -> None:
    """Every device trust mode but `required` leaves the server open to a bot."""
    identity = bot(role("m", {"env": "dev"}, ["*"], device_trust_mode=said))
    assert connect(identity, DEV).allowed


def test_what_depends_on_who_asks() -> None:
    """A role with a trait in it, or with an expression, is worked out for each bot by itself."""
    assert not depends_on_identity(role("m", {"env": "dev"}, ["*"]))
    assert depends_on_identity(role("m", {"env": "dev"}, ["{{internal.mcp_tools}}"]))
    expression = 'contains(user.spec.traits["team"], labels["team"])'
    assert depends_on_identity(role("m", {"env": "dev"}, ["*"], expression=expression))


def test_a_row_says_what_it_leaves_out() -> None:
    """Where tools are not known, a pattern is told with the denials that cut into it, and no others."""
    unknown = Server("dev", {"env": "dev"})
    denied = {"mcp": {"tools": ["delete_*", "*_secret", "x"]}}
    holder = bot(role("r", {"env": "dev"}, ["read_*"], deny=denied))
    rows = [row for row in matrix(World((holder,), (unknown,))).rows() if row.kind == "pattern"]
    assert [(row.name, row.but) for row in rows] == [("read_*", ("*_secret",))]


def test_reasons_in_words() -> None:
    """These are the words of reasons in JSON, on which programs rely."""
    assert [str(why) for why in Why] == [
        "granted", "denied server", "denied tool", "broken rule", "needs session MFA",
        "needs a trusted device", "no role allows the tool", "no role reaches the server", "gone",
    ]  # fmt: skip


@pytest.mark.parametrize(("sides", "example"), [(4, "x"), (5, None)])
def test_many_sides_with_broken_roles(sides: int, example: str | None) -> None:
    """So many ways to be refused are looked at; beyond them nothing is promised, and nothing hidden."""
    servers = tuple(Server("s", {"env": f"e{number}"}) for number in range(sides))
    broken = [
        role(f"r{number}", {"env": f"e{number}"}, [f"a{number}*", BROKEN])
        for number in range(sides)
    ]
    before = World((bot(*broken),), servers)
    after = World((bot(role("one", {"env": "e0"}, ["x"])),), servers)
    rows = [row for row in difference(before, after).gained if row.kind == "pattern"]
    assert [(row.name, row.example) for row in rows] == [("x", example)]


def test_what_is_lost_at_a_server_with_sides() -> None:
    """Of a tool that no side lets through any more, it is told what refuses it, if anything does."""
    sides = (
        Server("s", {"env": "dev"}, ("delete_file", "x")),
        Server("s", {"env": "test"}, ("delete_file", "x")),
    )
    before = World((bot(EVERYWHERE),), sides)
    after = World((bot(READS, NO_DELETE),), sides)
    rows = [(row.name, row.why, row.role, row.pattern) for row in difference(before, after).lost]
    assert rows == [
        ("delete_file", Why.DENIED_TOOL, "no-delete", "delete_*"),
        ("x", Why.NO_TOOL, "everywhere", "*"),
    ]
