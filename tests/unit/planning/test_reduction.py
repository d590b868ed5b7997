from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope
from provisioner.cluster.snapshot import parse, take
from provisioner.planning.reduction import reduced
from tests.bodies import app, bot, role

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SCOPE = Scope(("role", "bot", "app", "app_server"), "acme", needs=frozenset({Key("role", "named")}))
SECRETIVE = {"logins": ["root"], "node_labels": {"*": "*"}}


def made(*bodies: dict[str, Any]) -> dict[str, Any]:
    return reduced(take(MemoryCluster(list(bodies)), now=NOW, scope=SCOPE), SCOPE)


def names(snapshot: dict[str, Any], kind: str) -> list[str]:
    return [body["metadata"]["name"] for body in snapshot["documents"][kind]]


def test_what_stays_in_full() -> None:
    """What the site names or owns stays as it is, and so does every bot."""
    bodies = (role("ours"), role("named", labels={}), bot("theirs", labels={}), app("ours"))
    found = made(*bodies)
    assert (names(found, "role"), names(found, "app"), names(found, "bot")) == (
        ["named", "ours"], ["ours"], ["theirs"],
    )  # fmt: skip
    assert (found["site"], found["left_out"]) == ("acme", {})


def test_roles_that_no_bot_holds() -> None:
    """A role that is not about any bot is left out, and only its name says that it is there."""
    found = made(role("human", labels={}, allow=SECRETIVE))
    assert (names(found, "role"), found["left_out"]) == ([], {"role": ["human"]})


def test_roles_of_others_that_a_bot_holds() -> None:
    """Of these stays what decides about apps, and nothing of what else they open."""
    options = {"require_session_mfa": True, "forward_agent": True}
    theirs = role(
        "theirs",
        labels={},
        allow=SECRETIVE,
        deny={"logins": ["x"], "app_labels": {"a": "b"}},
        options=options,
    )
    found = made(theirs, bot("b", ["theirs"], labels={}))
    (kept,) = found["documents"]["role"]
    assert kept["spec"]["allow"] == {"app_labels": {"env": "dev"}, "mcp": {"tools": ["read_*"]}}
    assert kept["spec"]["deny"] == {"app_labels": {"a": "b"}}
    assert kept["spec"]["options"]["require_session_mfa"]
    assert "forward_agent" not in kept["spec"]["options"]
    assert found["left_out"] == {"role": ["theirs"]}


def test_apps_of_others() -> None:
    """Of other apps stay the name, the labels and whether they are MCP servers: no address, no command."""
    mcp = {"command": "/opt/secret", "args": ["x"], "run_as_host_user": "u"}
    found = made(
        app("server", labels={"a": "b"}, mcp=mcp), app("web", labels={}, uri="http://10.0.0.1:80")
    )
    assert "/opt/secret" not in json.dumps(found)
    assert "10.0.0.1" not in json.dumps(found)
    server, web = found["documents"]["app"]
    assert (server["metadata"]["labels"]["a"], server["spec"]) == ("b", {"uri": "mcp+stdio://"})
    assert web["spec"] == {}
    assert found["left_out"] == {"app": ["server", "web"]}


def test_it_is_a_snapshot() -> None:
    """What comes out can be read back as a snapshot."""
    found = made(role("ours"), role("human", labels={}), app("web", labels={}, uri="http://a"))
    assert len(parse(json.dumps(found).encode(), "live.json").read(SCOPE)) == 3
