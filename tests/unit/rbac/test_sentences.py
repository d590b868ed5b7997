"""What is known of Teleport's evaluation of MCP roles, sentence by sentence, each in its section.

2.1 says where roles are evaluated, 2.2 in which order, 2.3 what comes out of it, 2.4 what happens
to what cannot be evaluated. These sentences are about something else than a decision:

- 2.1, each item of `tools/list` is checked, a refusal is error -32602 with Teleport's text: `provision
  try` does so, in tests/unit/proxy. The audit event that Teleport writes as well is no part of it.
- 2.2, the cluster asks every session for MFA: cannot be seen in roles, and `access explain` says
  that it is not looked at; below.
- 2.3, nobody but tbot chooses among the roles of a bot: an `Identity` has those of the certificate.
- 2.3, who wants to deny on one server only has to subtract when roles are rendered: `except_tools`
  does, in tests/unit/tools/test_pinned.py; that a narrower role does the same is held here.
- 2.4, contents of roles count in sessions that begin afterwards, whatever an agent remembers of a
  session (it forgot after 10 minutes, until 18.9), and names when tbot renews: every plan says so,
  "When it counts" in docs/apply.md, and `access explain`; below.
- 2.4, the client enumerates what it may call, in `tsh mcp ls`: it is asked by `provision doctor
  --bot` and `provision tools pull`, in tests/unit/doctor and tests/unit/tools.

One half of a sentence holds for humans alone: that the first role that allows ends the search (2.2),
so that a broken text in a later one is not reached (2.4). Bots have no trusted device, and for them
every role is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from provisioner.rbac.access import Identity, Server, Why, World, connect, decide, matrix
from provisioner.rbac.inquiry import explain
from provisioner.values import Body, freeze
from tests import bodies

BROKEN: Final = "^[$"
DEV: Final = Server("dev", {"env": "dev"})
PROD: Final = Server("prod", {"env": "prod"})
SESSION: Final = None  # in the place of a tool
MFA: Final = {"require_session_mfa": True}
DEVICE: Final = {"device_trust_mode": "required"}
TRAVELLING: Final = {"device_trust_mode": "required-for-humans"}
IS_PROD: Final = 'labels["env"] == "prod"'


def role(
    name: str,
    env: str | None = None,
    *tools: str,
    deny: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **allow: Any,
) -> Body:
    """Return a role for servers of `env`; `allow` has what else stands there."""
    found = bodies.role(name, deny=deny or {}, options=options or {})
    labels = {"app_labels": {"env": env}} if env else {}
    found["spec"]["allow"] = labels | ({"mcp": {"tools": tools}} if tools else {}) | allow
    frozen: Body = freeze(found)
    return frozen


def denying(name: str, *tools: str, **more: Any) -> Body:
    """Return a role that denies, and allows nothing."""
    return role(name, deny={"mcp": {"tools": tools}, **more} if tools else more)


READS: Final = role("reads", "dev", "read_*")
ALL: Final = role("all", "*", "*")
DEV_ALL: Final = role("dev-all", "dev", "*")
PROD_BARE: Final = role("prod-bare", "prod")
NO_DELETE: Final = denying("no-delete", "delete_*")
NO_PROD: Final = denying("no-prod", app_labels={"env": "prod"})
NO_EXPRESSION: Final = denying("no-prod", app_labels_expression=IS_PROD)
EITHER: Final = {"app_labels": {"env": "dev"}, "app_labels_expression": IS_PROD}
BAD_DENY: Final = denying("bad", "other", BROKEN)
BAD_ALLOW: Final = role("bad", "dev", "read_*", BROKEN, "write_*")

# Sentence: the roles of a bot, the server, the tool (or the session), what settles it, in which role.
SENTENCES: Final[dict[str, tuple[tuple[Body, ...], Server, str | None, Why, str]]] = {
    # 2.1 Where
    "2.1 a call is checked with its tool": ((READS,), DEV, "write", Why.NO_TOOL, ""),
    "2.1 a role without mcp matches no tool": ((role("r", "dev"),), DEV, "x", Why.NO_TOOL, ""),
    "2.1 deny without mcp matches no tool": ((DEV_ALL, NO_PROD), DEV, "x", Why.GRANTED, "dev-all"),
    "2.1 tools may be literals": ((role("r", "dev", "x"),), DEV, "x", Why.GRANTED, "r"),
    "2.1 tools may be globs": ((READS,), DEV, "read_x", Why.GRANTED, "reads"),
    "2.1 tools may be regexes": ((role("r", "dev", "^x+$"),), DEV, "xx", Why.GRANTED, "r"),
    "2.1 to connect takes labels only": ((PROD_BARE,), PROD, SESSION, Why.GRANTED, "prod-bare"),
    "2.1 to connect takes labels": ((READS,), PROD, SESSION, Why.NO_SERVER, ""),
    "2.1 no denied tool closes a session": ((DEV_ALL, denying("d", "*")), DEV, SESSION, Why.GRANTED, "dev-all"),
    "2.1 resources and prompts, so a session, take app access and no more": (
        (role("r", "dev", mcp={"tools": [], "resources": [], "prompts": []}),), DEV, SESSION, Why.GRANTED, "r",
    ),
    # 2.2 checkAccess, step 1: deny
    "2.2 deny: the namespace is always default": ((DEV_ALL, denying("d", "x", namespaces=["default"])), DEV, "x", Why.DENIED_TOOL, "d"),
    "2.2 deny: labels close": ((ALL, NO_PROD), PROD, "x", Why.DENIED_SERVER, "no-prod"),
    "2.2 deny: an expression closes": ((ALL, NO_EXPRESSION), PROD, "x", Why.DENIED_SERVER, "no-prod"),
    "2.2 deny: of labels and expression, labels are enough": ((ALL, denying("d", **EITHER)), DEV, "x", Why.DENIED_SERVER, "d"),
    "2.2 deny: of labels and expression, the expression is enough": ((ALL, denying("d", **EITHER)), PROD, "x", Why.DENIED_SERVER, "d"),
    "2.2 deny: neither leaves open": ((ALL, denying("d", **EITHER)), Server("qa", {"env": "qa"}), "x", Why.GRANTED, "all"),
    "2.2 deny: any tool of the list": ((ALL, denying("d", "a", "b", "x")), DEV, "x", Why.DENIED_TOOL, "d"),
    "2.2 deny: a tool, without a test of labels": ((ALL, denying("d", "x", app_labels={"env": "prod"})), DEV, "x", Why.DENIED_TOOL, "d"),
    "2.2 deny: all roles before any allows": ((DEV_ALL, READS, denying("d", "read_x")), DEV, "read_x", Why.DENIED_TOOL, "d"),
    "2.2 deny: the same role denies what it allows": ((role("r", "dev", "*", deny={"mcp": {"tools": ["x"]}}),), DEV, "x", Why.DENIED_TOOL, "r"),
    # 2.2 checkAccess, step 2: allow
    "2.2 allow: the namespace is always default": ((role("r", "dev", "x", namespaces=["default"]),), DEV, "x", Why.GRANTED, "r"),
    "2.2 allow: labels and expression both": ((role("r", "prod", "x", app_labels_expression=IS_PROD),), PROD, "x", Why.GRANTED, "r"),
    "2.2 allow: labels without the expression are not enough": ((role("r", "dev", "x", app_labels_expression=IS_PROD),), DEV, "x", Why.NO_SERVER, ""),
    "2.2 allow: the expression without labels is not enough": ((role("r", "dev", "x", app_labels_expression=IS_PROD),), PROD, "x", Why.NO_SERVER, ""),
    "2.2 allow: of labels and expression those that are set": ((role("r", None, "x", app_labels_expression=IS_PROD),), PROD, "x", Why.GRANTED, "r"),
    "2.2 allow: neither is set": ((role("r", None, "x"),), DEV, "x", Why.NO_SERVER, ""),
    "2.2 allow: labels and tools of this role": ((READS, role("w", "prod", "write")), DEV, "write", Why.NO_TOOL, ""),
    "2.2 allow: the first that does is named": ((PROD_BARE, READS, DEV_ALL), DEV, "read_x", Why.GRANTED, "reads"),
    "2.2 allow: a role that requires MFA errs": ((role("m", "dev", "*", options=MFA),), DEV, "x", Why.NEEDS_MFA, "m"),
    "2.2 allow: a role that requires a device errs": ((role("d", "dev", "*", options=DEVICE),), DEV, "x", Why.NEEDS_DEVICE, "d"),
    "2.2 allow: remembered, then a stricter role wants MFA": ((DEV_ALL, role("m", "dev", "*", options=MFA)), DEV, "x", Why.NEEDS_MFA, "m"),
    "2.2 allow: remembered, then a stricter role wants a device": ((DEV_ALL, role("d", "dev", "*", options=DEVICE)), DEV, "x", Why.NEEDS_DEVICE, "d"),
    "2.2 allow: remembered, and no stricter role reaches": ((DEV_ALL, role("m", "prod", "*", options=MFA)), DEV, "x", Why.GRANTED, "dev-all"),
    "2.2 allow: a stricter role is stricter from the session on": ((DEV_ALL, role("m", "dev", options=MFA)), DEV, "x", Why.NEEDS_MFA, "m"),
    # 2.2 checkAccess, step 3
    "2.2 nothing allowed": ((), DEV, "x", Why.NO_SERVER, ""),
    # 2.3 Answers
    "2.3 union over roles": ((READS, role("w", "dev", "write")), DEV, "write", Why.GRANTED, "w"),
    "2.3 no flattening: dev with tools, prod without": ((READS, PROD_BARE), PROD, "read_x", Why.NO_TOOL, ""),
    "2.3 no flattening: prod keeps its session": ((READS, PROD_BARE), PROD, SESSION, Why.GRANTED, "prod-bare"),
    "2.3 app_labels without mcp: connect": ((role("r", "dev"),), DEV, SESSION, Why.GRANTED, "r"),
    "2.3 app_labels without mcp: zero tools": ((role("r", "dev"),), DEV, "x", Why.NO_TOOL, ""),
    "2.3 tools without matching labels: no session": ((role("r", "prod", "*"),), DEV, SESSION, Why.NO_SERVER, ""),
    "2.3 tools without matching labels: no tool": ((role("r", "prod", "*"),), DEV, "x", Why.NO_SERVER, ""),
    "2.3 tools without labels: nothing": ((role("r", None, "*"), READS), DEV, "write", Why.NO_TOOL, ""),
    "2.3 denied tools on one server": ((ALL, NO_DELETE), DEV, "delete_x", Why.DENIED_TOOL, "no-delete"),
    "2.3 denied tools on every other": ((ALL, NO_DELETE), PROD, "delete_x", Why.DENIED_TOOL, "no-delete"),
    "2.3 on one server only: narrower in prod": ((DEV_ALL, role("p", "prod", "read_*")), PROD, "delete_x", Why.NO_TOOL, ""),
    "2.3 on one server only: as wide in dev": ((DEV_ALL, role("p", "prod", "read_*")), DEV, "delete_x", Why.GRANTED, "dev-all"),
    "2.3 deny.app_labels blocks the session": ((ALL, NO_PROD), PROD, SESSION, Why.DENIED_SERVER, "no-prod"),
    "2.3 deny.app_labels blocks each tool": ((ALL, NO_PROD), PROD, "read_x", Why.DENIED_SERVER, "no-prod"),
    "2.3 a deny-only role that is held": ((ALL, NO_DELETE), DEV, "delete_x", Why.DENIED_TOOL, "no-delete"),
    "2.3 a deny-only role that is not held": ((ALL,), DEV, "delete_x", Why.GRANTED, "all"),
    "2.3 a deny-only role gives nothing": ((NO_DELETE,), DEV, "read_x", Why.NO_SERVER, ""),
    "2.3 the implicit role has no mcp": ((role("default-implicit-role", rules=[{"resources": ["node"], "verbs": ["list"]}]),), DEV, "x", Why.NO_SERVER, ""),
    "2.3 the implicit role takes nothing": ((DEV_ALL, role("default-implicit-role")), DEV, "x", Why.GRANTED, "dev-all"),
    "2.3 required-for-humans lets bots through": ((role("h", "dev", "*", options=TRAVELLING),), DEV, "x", Why.GRANTED, "h"),
    # 2.4 Failure
    "2.4 broken deny: every tool": ((DEV_ALL, BAD_DENY), DEV, "x", Why.BROKEN, "bad"),
    "2.4 broken deny: every server": ((DEV_ALL, PROD_BARE, BAD_DENY), PROD, "x", Why.BROKEN, "bad"),
    "2.4 broken deny: in whichever role": ((BAD_DENY, DEV_ALL), DEV, "x", Why.BROKEN, "bad"),
    "2.4 broken deny: also what an entry before it denies": ((DEV_ALL, BAD_DENY), DEV, "other", Why.DENIED_TOOL, "bad"),
    "2.4 broken deny: only tool checks fail": ((DEV_ALL, BAD_DENY), DEV, SESSION, Why.GRANTED, "dev-all"),
    "2.4 broken deny: only holders": ((DEV_ALL,), DEV, "x", Why.GRANTED, "dev-all"),
    "2.4 broken allow: when it is reached": ((BAD_ALLOW,), DEV, "x", Why.BROKEN, "bad"),
    "2.4 broken allow: what stands after it is never reached": ((BAD_ALLOW,), DEV, "write_x", Why.BROKEN, "bad"),
    "2.4 broken allow: not where labels do not match": ((ALL, BAD_ALLOW), PROD, "x", Why.GRANTED, "all"),
    "2.4 broken allow: not where an earlier entry matches": ((BAD_ALLOW,), DEV, "read_x", Why.GRANTED, "bad"),
    "2.4 broken allow: a bot reaches it after a role that grants": ((DEV_ALL, BAD_ALLOW), DEV, "x", Why.BROKEN, "bad"),
    "2.4 broken allow: it closes no session": ((BAD_ALLOW,), DEV, SESSION, Why.GRANTED, "bad"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("held", "server", "tool", "why", "by"), SENTENCES.values(), ids=SENTENCES.keys()
)
def test_sentence(
    held: tuple[Body, ...], server: Server, tool: str | None, why: Why, by: str
) -> None:
    """The sentence is so, in one decision and in the matrix that plans are made of."""
    bot, known = Identity("one", held), replace(server, tools=(tool or "any",))
    found = connect(bot, known) if tool is SESSION else decide(bot, known, tool)
    assert (found.why, found.role) == (why, by)
    all_at_once = matrix(World((bot,), (known,)))
    if tool is SESSION:
        assert all_at_once.connects("one", server.name) is found.allowed
    else:
        assert all_at_once.tools("one", server.name) == ((tool,) if found.allowed else ())


def test_what_no_role_says_is_told() -> None:
    """2.2 step 0, MFA for all of the cluster, and 2.4, from when a change counts, are told."""
    told = explain(Identity("one", (READS,)), DEV, "x").session
    assert "whether the cluster asks every session for one of them is not looked at" in told.demands
    contents, gained, lost = told.effect
    assert "a changed role counts in sessions that begin after it" in contents
    assert "once its tbot has renewed" in gained
    assert "at the latest when its present certificate ends" in lost
