from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import scenes, workflow
from provisioner.cluster.memory import MemoryCluster
from provisioner.errors import WrongVersion
from provisioner.rbac.access import Server
from provisioner.rbac.inquiry import Scene, identity_in
from provisioner.values import Body
from tests.bodies import bot, role
from tests.sites import TEMPLATES, write

SITE = """\
external_roles: [theirs]
mcp_servers: {files: {labels: {env: dev}, tools: [read_a, write_a]}, web: {labels: {env: dev}}}
roles: {dev: {app_labels: {env: dev}, tools: ['read_*']}}
bots: {ci: {roles: [dev, theirs], traits: {team: [ml]}}}
"""
FILES: Body = {
    "kind": "app",
    "version": "v3",
    "metadata": {"name": "files", "labels": {"env": "dev"}},
    "spec": {"uri": "mcp+stdio://", "mcp": {"command": "x", "run_as_host_user": "y"}},
}
THEIRS = role("theirs", labels={}, allow={"mcp": {"tools": ["write_*"]}})


@pytest.fixture
def prepared(tmp_path: Path) -> workflow.Prepared:
    return workflow.prepare(write(tmp_path, SITE), TEMPLATES)


def nowhere(_server: str) -> None:
    """Know the tools of no server."""


def held(scene: Scene, name: str) -> list[str]:
    identity = identity_in(scene, name)
    assert identity is not None
    return [body["metadata"]["name"] for body in identity.roles]


def test_the_site_alone(prepared: workflow.Prepared) -> None:
    """The site alone has its own roles and servers, and says which roles it does not know."""
    scene = scenes.of_site(prepared)
    assert scene.name.endswith("site.yaml alone")
    assert held(scene, "ci") == ["dev"]
    assert scene.world.servers[0].tools == ("read_a", "write_a")
    assert scene.lacking == {"ci": ("theirs",)}
    assert scene.remarks[0].startswith("Judged on the site alone")
    assert scene.remarks[1].startswith("bot ci names role theirs, which is not in this site")


def test_the_cluster_as_it_is() -> None:
    """A cluster has everybody's bots and roles, and the tools that somebody knows of."""
    cluster = MemoryCluster([FILES, THEIRS, bot("other", ["theirs"])])
    scene = scenes.of_cluster(cluster, {"files": ("write_b",)}.get)
    assert held(scene, "other") == ["theirs"]
    assert scene.world.servers == (Server("files", {"env": "dev"}, ("write_b",)),)
    assert scene.remarks == ()


def test_a_bot_with_a_missing_role_may_do_nothing() -> None:
    """A live bot that names a role that does not exist holds none, and that is said."""
    scene = scenes.of_cluster(MemoryCluster([THEIRS, bot("ci", ["theirs", "gone"])]), nowhere)
    assert held(scene, "ci") == []
    assert scene.lacking == {"ci": ("gone",)}
    (remark,) = scene.remarks
    assert remark.startswith("bot ci names role gone, which does not exist")


def test_before_and_after(prepared: workflow.Prepared) -> None:
    """After an apply, what the site says is there beside what was there."""
    cluster = MemoryCluster([FILES, {**FILES, "metadata": {"name": "web", "labels": {"env": "dev"}}},
                             THEIRS, bot("other", ["theirs"], labels={})])  # fmt: skip
    before, after = scenes.before_and_after(prepared, cluster)
    assert identity_in(before, "ci") is None
    assert held(after, "ci") == ["dev", "theirs"]
    assert held(before, "other") == held(after, "other") == ["theirs"]
    assert after.name.startswith("after an apply of ")
    assert after.remarks == ()


def test_an_apply_that_would_be_refused(prepared: workflow.Prepared) -> None:
    """Where the plan has errors, what is told about afterwards says that it cannot come."""
    _, after = scenes.before_and_after(prepared, MemoryCluster([]))
    assert after.remarks[0].startswith("As it stands, an apply would be refused: provision plan ")


def test_an_old_cluster_is_not_read(prepared: workflow.Prepared) -> None:
    """What an old Teleport answers would lack MCP fields: it is refused before it is read."""
    old = MemoryCluster([], version="17.0.0")
    with pytest.raises(WrongVersion):
        scenes.of_cluster(old, nowhere)
    with pytest.raises(WrongVersion):
        scenes.before_and_after(prepared, old)
