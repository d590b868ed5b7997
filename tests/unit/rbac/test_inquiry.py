from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.errors import ProvisionError
from provisioner.rbac.access import Identity, Server, Why, decide, matrix
from provisioner.rbac.inquiry import (
    Question,
    cells,
    explain,
    identity_in,
    narrowed,
)
from tests.worlds import DB, DEV, FILES, NO_DELETE, READER, SCENE, WEB, role, scene

# --- narrowed ------------------------------------------------------------------------------------


def test_narrowed() -> None:
    """What is not asked about is left out, and only that."""
    (narrow,) = narrowed(Question(("admin",), ("db", "files")), SCENE)
    assert [each.name for each in narrow.world.identities] == ["admin"]
    assert narrow.world.servers == (FILES, DB)
    assert narrowed(Question(), SCENE) == (SCENE,)


def test_one_tool() -> None:
    """About one tool, a server has that tool alone, also where its tools are not known."""
    (narrow,) = narrowed(Question(servers=("web",), tool="anything"), SCENE)
    assert narrow.world.servers == (replace(WEB, tools=("anything",)),)


@pytest.mark.parametrize(
    ("question", "message", "hint"),
    [
        (Question(("admn",)), "there is no bot `admn` in site.yaml alone", "did you mean admin?"),
        (Question(servers=("fils",)), "there is no MCP server `fils` in", "did you mean files?"),
        (
            Question(servers=("files/x",)),
            "there is no MCP server `files/x` in",
            "did you mean files x, in two words?",
        ),
        (Question((), ("files",), "read_fil"), "no tool `read_fil` on files", "mean read_file?"),
        (Question(("xyz",)), "there is no bot `xyz`", "there are: admin, careful, idle"),
    ],
)
def test_unknown_names(question: Question, message: str, hint: str) -> None:
    """A name that nobody knows is an error that says which one was meant, or which there are."""
    with pytest.raises(ProvisionError) as error:
        narrowed(question, SCENE)
    assert message in error.value.message
    assert hint in error.value.hint


def test_a_name_is_known_where_any_scene_knows_it() -> None:
    """A bot that only an apply makes can be asked about."""
    before, after = narrowed(Question(("admin",)), scene(name="now"), SCENE)
    assert identity_in(before, "admin") is None
    assert identity_in(after, "admin") == SCENE.world.identities[0]
    assert "nowhere" not in after.world.named()


def test_many_names_are_not_all_told() -> None:
    """Of many known names the first are told, and how many there are besides."""
    crowd = scene(*(Identity(f"bot-{n:02}") for n in range(25)))
    with pytest.raises(ProvisionError) as error:
        narrowed(Question(("x",)), crowd)
    assert error.value.hint.endswith("bot-19 and 5 more")
    with pytest.raises(ProvisionError) as error:
        narrowed(Question(("x",)), scene())
    assert error.value.hint == "there is no bot at all"


def test_remarks_are_about_whom_is_asked() -> None:
    """Roles that are lacking are told of the bots that are asked about, and only so many."""
    roles = {f"bot-{n}": ("gone", "away") for n in range(25)}
    crowd = scene(*map(Identity, roles), notes=("Note.",), lacking=roles, so="is lost")
    (narrow,) = narrowed(Question(("bot-3",)), crowd)
    assert narrow.remarks == (
        "Note.",
        "bot bot-3 names role gone, which is lost.",
        "bot bot-3 names role away, which is lost.",
    )
    assert len(crowd.remarks) == 22
    assert crowd.remarks[-1] == "The same is true of 30 more roles of bots."


# --- cells and rows ------------------------------------------------------------------------------


def test_cells() -> None:
    """A cell has the tools that may be called, or the patterns with what is denied of them."""
    found = {(each.bot, each.server): each for each in cells(SCENE.world)}
    assert {at: each.items for at, each in found.items()} == {
        ("admin", "files"): ("delete_file", "read_file"),
        ("admin", "db"): ("list", "read_row"),
        ("admin", "web"): ("*", "read_*", "list"),
        ("careful", "files"): ("read_file",),
        ("careful", "web"): ("*",),
    }
    assert found["careful", "web"].but == ("delete_*",)
    assert [at for at, each in found.items() if each.is_all] == [
        ("admin", "files"),
        ("admin", "web"),
    ]


def test_a_session_without_tools_is_a_cell() -> None:
    """Whoever can connect and call nothing has an empty cell, which is not all of anything."""
    opener = Identity("opener", (role("opener", {"env": "*"}),))
    (known, unknown) = cells(scene(opener, servers=(FILES, WEB)).world)
    assert (known.items, known.total, known.is_all) == ((), 2, False)
    assert (unknown.items, unknown.total, unknown.is_all) == ((), None, False)


def test_exceptions_are_those_that_overlap() -> None:
    """A denied pattern is told only beside allowed patterns that it takes something from."""
    both = Identity("both", (READER, NO_DELETE))
    reader = [row.but for row in matrix(scene(both).world).rows() if row.kind == "pattern"]
    assert reader == [(), ()]
    rows = matrix(SCENE.world).rows()
    everything = [row.but for row in rows if row.bot == "careful" and row.name == "*"]
    assert everything == [("delete_*",)]


def test_rows_are_what_decide_allows() -> None:
    """A tool has a row exactly when a call of it is allowed."""
    allowed = {
        (row.bot, row.server, row.name) for row in matrix(SCENE.world).rows() if row.kind == "tool"
    }
    assert allowed == {
        (identity.name, server.name, tool)
        for identity in SCENE.world.identities
        for server in SCENE.world.servers
        for tool in server.tools or ()
        if decide(identity, server, tool).allowed
    }


def gated(name: str, labels: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return a role that asks for something besides labels."""
    body = role(name, labels, "*")
    return {**body, "spec": {**body["spec"], "options": options}}


# --- explain -------------------------------------------------------------------------------------


def said(roles: list[dict[str, Any]], server: Server, tool: str) -> tuple[Why, str, list[str]]:
    found = explain(Identity("ci", tuple(roles), {"team": ("ml",)}), server, tool)
    assert found.decision == decide(Identity("ci", tuple(roles), {"team": ("ml",)}), server, tool)
    return found.decision.why, found.reason, list(found.cures)


ODD = (
    "role odd cannot be evaluated, so Teleport refuses the call: RE2 cannot compile '^($': "
    "missing ): ^($"
)
NEEDED = "a role is needed whose app_labels match the server (env: dev) and whose tools match"
CASES: list[tuple[list[dict[str, Any]], Server, str, Why, str, list[str]]] = [
    (
        [READER], FILES, "read_file", Why.GRANTED, "role reader allows it by read_*",
        ["role reader alone allows it, by read_*: take that from the role, or the role from the bot"],
    ),
    (
        [DEV, READER], FILES, "read_file", Why.GRANTED, "role dev allows it by *",
        [
            "role dev would still allow it by itself, by *",
            "role reader would still allow it by itself, by read_*",
        ],
    ),
    (
        [role("a", {"env": "dev"}, "list_file", "x")], FILES, "list_files", Why.NO_TOOL,
        "no role that matches the labels has a pattern for it",
        ["no role that matches the labels has a pattern for it; nearest: list_file in role a"],
    ),
    (
        [role("a", {"env": "dev"}), role("b", {"env": "prod"}, "zzz")], FILES, "zzz", Why.NO_TOOL,
        "no role that matches the labels has a pattern for it",
        [
            "no role that matches the labels has a pattern for it; it would go into role a",
            "role b has zzz for it, but its labels do not match: env is dev, wanted is prod",
        ],
    ),
    (
        [DEV], DB, "drop", Why.NO_SERVER, "no role matches the labels of the server",
        [
            "role dev has * for it, but its labels do not match: env is prod, wanted is dev",
            "a role is needed whose app_labels match the server (env: prod) and whose tools match",
        ],
    ),
    (
        [role("a", {}, "drop")], Server("bare"), "drop", Why.NO_SERVER,
        "no role matches the labels of the server",
        [
            "role a has drop for it, but its labels are none",
            "a role is needed whose app_labels match the server (none) and whose tools match",
        ],
    ),
    (
        [], DB, "drop", Why.NO_SERVER, "the bot holds no role",
        ["a role is needed whose app_labels match the server (env: prod) and whose tools match"],
    ),
    (
        [DEV, NO_DELETE], FILES, "delete_file", Why.DENIED_TOOL,
        "role no-delete denies delete_*, and so on every server",
        [
            "take delete_* out of deny.tools of role no-delete, or the role from the bot",
            "then role dev allows it, by *",
        ],
    ),
    (
        [role("shut", {}, deny={"app_labels": {"env": "dev"}})], FILES, "read_file",
        Why.DENIED_SERVER, "role shut denies the server by its labels",
        [
            "take the labels out of the deny of role shut, or the role from the bot",
            f"and besides: {NEEDED}",
        ],
    ),
    (
        [role("odd", {"env": "dev"}, "^($")], FILES, "read_file", Why.BROKEN,
        ODD,
        ["mend role odd, or take it from the bot"],
    ),
    (
        [role("odd", {"env": "^($"}, "*")], FILES, "read_file", Why.BROKEN,
        ODD,
        ["mend role odd, or take it from the bot"],
    ),
    (
        [role("mfa", {"env": "dev"}, "*", options={"require_session_mfa": True})], FILES,
        "read_file", Why.NEEDS_MFA, "role mfa asks for session MFA, which no bot can answer",
        ["take the option out of role mfa, or the role from the bot"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("roles", "server", "tool", "why", "reason", "cures"), CASES)
def test_reasons_and_cures(
    roles: list[dict[str, Any]], server: Server, tool: str, why: Why, reason: str, cures: list[str]
) -> None:
    """Each way to decide has its reason, and says what would have to change for another decision."""
    assert said(roles, server, tool) == (why, reason, cures)


@pytest.mark.parametrize(
    ("body", "server", "phrases"),
    [
        (READER, FILES, ("none", "none", "match env: dev", "read_* matches")),
        (READER, WEB, ("none", "none", "match env: dev", "read_* matches")),
        (DEV, DB, ("none", "none", "do not match: env is prod, wanted is dev", "* matches")),
        (
            role("a", {"team": ["x", "y"]}, "b"),
            FILES,
            (
                "none", "none", "do not match: the server has no label team (wanted is x or y)",
                "its one entry does not match",
            ),
        ),
        (
            role("a", {"*": "*"}, "b", "c", deny={"mcp": {"tools": ["read_*"]}}),
            FILES,
            ("none", "read_* matches", "match every app", "none of 2 entries matches"),
        ),
        (
            role("a", {"env": "dev"}, "{{external.team}}*", "^($"),
            FILES,
            (
                "none", "none", "match env: dev",
                "^($ cannot be compiled: RE2 cannot compile '^($': missing ): ^($",
            ),
        ),
        (
            role("a", {"env": "dev"}, "*", allow={"app_labels_expression": 'labels["env"] == "prod"'}),
            FILES,
            ("none", "none", "match env: dev; the expression is false", "* matches"),
        ),
        (
            role("a", {}, "*", allow={"app_labels_expression": "nonsense("}),
            FILES,
            ("none", "none", "cannot be evaluated: ", "* matches"),
        ),
    ],
)  # fmt: skip
def test_what_a_role_says(
    body: dict[str, Any], server: Server, phrases: tuple[str, str, str, str]
) -> None:
    """Each list of a role is told in words: what matched, or what kept it from matching."""
    (found,) = explain(Identity("ci", (body,), {"team": ("ml",)}), server, "read_file").opinions
    told = (found.deny_labels, found.deny_tools, found.allow_labels, found.allow_tools)
    assert all(text.startswith(start) for text, start in zip(told, phrases, strict=True)), told


def test_the_source_of_an_entry_is_told() -> None:
    """Where a template came to the pattern that matched, both are told."""
    body = role("a", {"env": "dev"}, "{{external.tools}}")
    (found,) = explain(Identity("ci", (body,), {"tools": ("read_*",)}), FILES, "read_file").opinions
    assert found.allow_tools == "read_* matches, which {{external.tools}} comes to"


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "allowed", "reason", "demand"),
    [
        ([DEV], True, "role dev matches the labels; resources", "no role asks for session MFA"),
        ([], False, "the bot holds no role", "no role asks for session MFA"),
        ([role("prod", {"env": "prod"}, "*")], False, "no role matches the labels", "no role asks"),
        (
            [DEV, gated("mfa", {"env": "dev"}, require_session_mfa=True)],
            False, "role mfa asks for session MFA, which no bot can answer",
            "role mfa asks for session MFA, which no bot has: it closes the server",
        ),
        (
            [DEV, gated("mfa", {"env": "prod"}, require_session_mfa="yes")],
            True, "role dev matches the labels",
            "role mfa asks for session MFA, but not here: its labels do not match",
        ),
        (
            [gated("device", {"env": "dev"}, device_trust_mode="required")],
            False, "role device asks for a trusted device, which no bot has",
            "role device asks for a trusted device, which no bot has: it closes the server",
        ),
        (
            [DEV, role("odd", {"env": "^($"}, "*")],
            False, "role odd cannot be evaluated, so Teleport refuses the call: RE2", "no role asks",
        ),
    ],
)  # fmt: skip
def test_sessions(held: list[dict[str, Any]], *, allowed: bool, reason: str, demand: str) -> None:
    """Of the session it is said whether it can be, why, and what roles ask besides their labels."""
    told = explain(Identity("ci", tuple(held)), FILES, "read_file").session
    assert (told.decision.allowed, told.reason.startswith(reason)) == (allowed, True)
    assert told.demands[0].startswith(demand)
    assert "whether the cluster asks" in told.demands[-1]


def test_changes_count_when_tbot_renews() -> None:
    """Gains and losses come as the site configures tbot, else as tbot does by itself."""
    ours = explain(Identity("ci"), FILES, "x", ("10m", "30m")).session.effect
    assert [each.rpartition(", ")[2] for each in ours[1:]] == ["every 10m", "after 30m"]
    theirs = explain(Identity("ci"), FILES, "x").session.effect
    assert "every 20m, unless its tbot is configured otherwise" in theirs[1]
    assert "after 1h, unless" in theirs[2]
