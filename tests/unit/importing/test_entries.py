from __future__ import annotations

from typing import Any

import pytest

from provisioner.cluster.resource import resource
from provisioner.importing.entries import Inexpressible, entry_of
from tests.foreign import EXPRESSIBLE, app, bot, live, populated, reading, role

LIVE = {str(each.key): each for each in live(populated(*EXPRESSIBLE))}


def says(name: str) -> Any:
    return entry_of(LIVE[name], set()).says


def test_a_role_in_words() -> None:
    """What the site has words for is said in words, in people's spelling, and defaults go without saying."""
    assert says("role/dev") == {
        "app_labels": {"env": "dev"},
        "tools": ["read_*"],
        "options": {"max_session_ttl": "8h", "lock": "strict"},
    }


def test_the_rest_is_raw() -> None:
    """What has no word stays as it is, under spec, without what Teleport has filled in."""
    assert says("role/ops") == {
        "labels": {"team": "ops"},
        "protected": True,
        "version": "v6",
        "deny": {"tools": ["delete_*"]},
        "options": {"cert_extensions": [{"name": "a@b", "value": "c"}], "forward_agent": True},
        "spec": {
            "allow": {
                "logins": ["root"],
                "node_labels": {"env": "dev", "team": ["a", "b"]},
                "kubernetes_labels": {"*": "*"},
                "kubernetes_resources": [{"kind": "pod", "name": "*", "namespace": "dev"}],
                "rules": [{"resources": ["session"], "verbs": ["list"], "where": "true"}],
                "require_session_join": [
                    {"name": "x", "filter": "true", "kinds": ["ssh"], "modes": ["peer"], "count": 1}
                ],
            },
            "deny": {"logins": ["nobody"]},
        },
    }


def test_apps() -> None:
    """Of an app, labels stand beside how it is reached."""
    assert says("app/files") == {
        "labels": {"env": "dev"},
        "app": {"command": "docker", "args": ["-i"], "run_as_host_user": "mcp"},
    }
    assert says("app/web")["app"] == {
        "uri": "mcp+https://h/mcp",
        "headers": [{"name": "Authorization", "value": "Bearer {{internal.id_token}}"}],
        "insecure_skip_verify": True,
        "spec": {"public_addr": "web.example.com", "rewrite": {"jwt_claims": "none"}},
    }


@pytest.mark.parametrize("ttl", ["5400s", {"seconds": 5400}])
def test_bots(ttl: Any) -> None:
    """A bot's traits are a mapping, and both spellings of its lifetime are one."""
    traits = [{"name": "team", "values": ["ml"]}, {"name": "mcp_tools", "values": ["b", "a"]}]
    live_bot = resource(bot("ci", "dev", "access", max_session_ttl=ttl, traits=traits))
    assert entry_of(live_bot, set()).says == {
        "roles": ["access", "dev"],
        "traits": {"team": ["ml"], "mcp_tools": ["a", "b"]},
        "max_session_ttl": "1h30m",
    }
    assert says("bot/idle") == {}


def test_a_server_of_an_agent() -> None:
    """Of what an agent serves by itself, only its labels are said."""
    inner = app("static", labels={"env": "dev", "teleport.internal/x": "y"}, mcp={"command": "x"})
    body = {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": "static"},
        "spec": {"app": inner},
    }
    entry = entry_of(resource(body), set())
    assert (entry.path, entry.says) == (("mcp_servers", "static"), {"labels": {"env": "dev"}})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (role("Old_Style", allow=reading()), "its name cannot stand in a site"),
        (role("x" * 64, allow=reading()), "its name cannot stand in a site"),
        (role("ancient", "v5", allow=reading()), "a site has no roles of version v5"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(body: dict[str, Any], reason: str) -> None:
    """What a site has no way to say is refused with the reason and what can be done."""
    with pytest.raises(Inexpressible) as caught:
        entry_of(resource(body), set())
    assert caught.value.message == reason
    assert caught.value.hint


@pytest.mark.parametrize(
    ("written", "said"),
    [("8h", "8h"), ("10m", "10m"), ("1h5s", "1h5s"), ("100m10s", "1h40m10s"), ("1d", "24h")],
)
def test_durations(written: str, said: str) -> None:
    """Durations lose the zeros that Go prints, and nothing else."""
    (found,) = (
        each
        for each in live(populated(role("a", options={"max_session_ttl": written})))
        if each.key.name == "a"
    )
    assert entry_of(found, set()).says["options"] == {"max_session_ttl": said}
