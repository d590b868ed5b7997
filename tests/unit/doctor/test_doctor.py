from __future__ import annotations

from collections.abc import Callable

from provisioner.change import ClusterInfo
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Cluster, Scope
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.doctor.workstation import examine
from provisioner.errors import Denied, FileError, Unreachable
from provisioner.values import Body
from tests.bodies import role
from tests.sites import site


class Guarded(MemoryCluster):
    """A cluster that does not show bots, and is reached by a tctl of version 16."""

    def info(self) -> ClusterInfo:
        return ClusterInfo("guarded", "18.8.3", client="16.4.0", via="tctl")

    def read(self, scope: Scope) -> tuple[Body, ...]:
        if "bot" in scope.kinds:
            raise Denied("tctl get bot: access denied", hint="ask for the right to list bots")
        return super().read(scope)


def told(reach: Callable[[], Cluster], rest: str | None = None) -> list[tuple[bool, str, str]]:
    found = examine(reach, site(rest) if rest is not None else None)
    return [(each.well, each.what, each.found) for each in found]


def test_all_is_well() -> None:
    """A cluster that will do is named, and every kind that a plan reads is read."""
    assert told(lambda: MemoryCluster([role()], name="c")) == [
        (True, "cluster", "c, Teleport 18.8.3, memory"),
        (True, "versions", "recent enough for MCP access, and close to each other"),
        (True, "read role", "1 found"),
        (True, "read bot", "0 found"),
        (True, "read app", "0 found"),
        (True, "read app_server", "0 found"),
    ]


def test_join_tokens_are_read_where_the_site_has_some() -> None:
    """A site that has machines join reads tokens, so the right to it is looked at too."""
    joins = "bots: {ci: {roles: [], join: {method: github, allow: [{repository: a/b}]}}}"
    assert told(MemoryCluster, joins)[-1] == (True, "read token", "0 found")
    assert told(MemoryCluster, "bots: {ci: {roles: []}}")[-1][1] == "read app_server"


def test_no_way_to_the_cluster() -> None:
    """Without a cluster there is one diagnosis, with the cure, and nothing after it."""

    def nowhere() -> Cluster:
        raise FileError("no.db: no embedded cluster here", hint="make one")

    assert list(examine(nowhere)) == [
        Diagnosis(
            well=False, what="cluster", found="no.db: no embedded cluster here", hint="make one"
        )
    ]


def test_a_cluster_that_does_not_answer() -> None:
    """A cluster that cannot say its name is the first and last diagnosis."""

    class Silent(MemoryCluster):
        def info(self) -> ClusterInfo:
            raise Unreachable("connection refused")

    assert told(Silent) == [(False, "cluster", "connection refused")]


def test_everything_else_is_looked_at() -> None:
    """Wrong versions and missing rights are told side by side, and do not hide each other."""
    found = list(examine(Guarded))
    assert [each.what for each in found if not each.well] == ["versions", "read bot"]
    assert "more than one major apart" in found[2].found
    assert found[2].hint == "install a tctl of the cluster's version"
    assert found[4].hint == "ask for the right to list bots"
    assert found[1] == Diagnosis(well=True, what="tctl", found="16.4.0")


def test_a_site_adds_its_needs() -> None:
    """With a site, what its features need of the cluster's version is looked at too."""
    rest = "mcp_servers: {a: {app: {uri: 'mcp+https://x/'}}}"
    found = told(lambda: MemoryCluster(version="18.2.0"), rest)
    assert found[1] == (
        False,
        "versions",
        "the remote address of MCP server a needs Teleport 18.3, the cluster runs 18.2.0",
    )
