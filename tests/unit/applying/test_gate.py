from __future__ import annotations

import pytest
from msgspec.structs import replace

from provisioner.applying.gate import gate
from provisioner.change import ClusterInfo
from provisioner.errors import WrongVersion
from tests.sites import site

REMOTE = "mcp_servers: {a: {app: {uri: 'mcp+https://x/', headers: [%s]}}}"
TOKEN = "{name: Authorization, value: 'Bearer {{ internal.id_token }}'}"


def refusal(server: str, client: str | None = None, rest: str = "") -> WrongVersion:
    with pytest.raises(WrongVersion) as caught:
        gate(ClusterInfo("c", server, client), site(rest))
    return caught.value


@pytest.mark.parametrize(
    ("server", "client"),
    [("18.1.0", None), ("18.8.3", "18.1"), ("19.0.0", "18.8.0"), ("18.2", "19.1"), ("v20", "20")],
)
def test_new_enough_and_near_enough(server: str, client: str | None) -> None:
    """A cluster of 18.1 or later and a tctl at most one major apart may be used."""
    gate(ClusterInfo("c", server, client), site())


def test_without_a_site() -> None:
    """Without a site, only what every site needs is looked at."""
    gate(ClusterInfo("c", "18.1"))
    with pytest.raises(WrongVersion, match="MCP access needs Teleport 18.1"):
        gate(ClusterInfo("c", "18.0.9"))


def test_an_old_cluster() -> None:
    """A cluster below 18.1 drops MCP fields, so it is refused."""
    error = refusal("18.0.4")
    assert error.message == "MCP access needs Teleport 18.1, the cluster runs 18.0.4"
    assert error.hint == "upgrade the cluster"


def test_an_old_tctl() -> None:
    """A tctl below 18.1 drops MCP fields in both directions, so it is refused."""
    assert "tctl 18.0.9 would drop MCP fields silently" in refusal("18.8.0", "18.0.9").message


def test_too_far_apart() -> None:
    """A tctl two majors away from the cluster is refused, older or newer."""
    assert "more than one major apart" in refusal("20.0.0", "18.2").message
    assert "more than one major apart" in refusal("18.2.0", "20.0").message


@pytest.mark.parametrize(
    ("rest", "version", "what"),
    [
        (REMOTE % "", "18.2.0", "the remote address of MCP server a"),
        (REMOTE % TOKEN, "18.6.4", "{{internal.id_token}} in the headers of MCP server a"),
        ("bots: {ci: {description: x}}", "18.2.2", "the description of bot ci"),
    ],
)
def test_features_need_versions(rest: str, version: str, what: str) -> None:
    """A feature that the cluster would drop is named with the version that keeps it."""
    assert refusal(version, rest=rest).message.startswith(f"{what} needs Teleport")


def test_command_servers_need_nothing_more() -> None:
    """What every MCP-aware Teleport knows needs no further version."""
    gate(ClusterInfo("c", "18.1"), site("mcp_servers: {a: {app: {command: x}}, b: {}}"))


@pytest.mark.parametrize(
    ("promised", "server", "same"),
    [
        ("18.8", "18.8.3", True),
        ("18", "18.8.3", True),
        ("v18.8.3", "18.8.3", True),
        ("18.8.3", "18.8.4", False),
        ("18.7", "18.8.3", False),
        ("19", "18.8.3", False),
    ],
)
def test_the_promised_version(promised: str, server: str, same: bool) -> None:
    """What the site says of the cluster's version must hold, as far as it is spelled out."""
    teleport = replace(site().teleport, version=promised)
    wanted = replace(site(), teleport=teleport)
    if same:
        gate(ClusterInfo("c", server), wanted)
    else:
        with pytest.raises(WrongVersion, match="the site says teleport.version"):
            gate(ClusterInfo("c", server), wanted)


def test_all_reasons_at_once() -> None:
    """Whoever has to upgrade learns of every reason in one go, and of each cure once."""
    error = refusal("17.5", "15.0", REMOTE % TOKEN)
    assert error.message.count(";") == 4
    assert error.hint == "upgrade the cluster; install a tctl of the cluster's version"
