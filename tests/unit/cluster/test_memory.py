from __future__ import annotations

import pytest

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.errors import Exists, Missing, Rejected
from provisioner.values import Secret


def role(name: str, **labels: str) -> dict[str, object]:
    metadata = {"name": name, "labels": labels}
    return {"kind": "role", "version": "v8", "metadata": metadata, "spec": {}}


def bot(name: str, *roles: str) -> dict[str, object]:
    return {
        "kind": "bot",
        "version": "v1",
        "metadata": {"name": name},
        "spec": {"roles": list(roles)},
    }


def token(name: str, site: str) -> dict[str, object]:
    metadata = {"name": name, "labels": {"provisioner/site": site}}
    allow = [{"repository": "acme/agents"}]
    spec = {"roles": ["Bot"], "bot_name": "b", "join_method": "github", "github": {"allow": allow}}
    return {"kind": "token", "version": "v2", "metadata": metadata, "spec": spec}


def names(cluster: MemoryCluster, scope: Scope) -> list[str]:
    return [body["metadata"]["name"] for body in cluster.read(scope)]


def test_info_is_what_was_asked_for() -> None:
    """A cluster in memory answers to the name and the release it was given."""
    cluster = MemoryCluster(name="prod", version="18.2.1")
    assert cluster.info() == ClusterInfo("prod", "18.2.1", None, "memory")


def test_version_is_checked() -> None:
    """A release that cannot be read is refused at once."""
    with pytest.raises(ValueError, match="is not a version"):
        MemoryCluster(version="new")


def test_outcomes_are_independent() -> None:
    """A refused write does not stop the others, and each has its own outcome."""
    cluster = MemoryCluster([role("old")])
    key = Key("role", "old")
    batch = [
        Write(Verb.CREATE, key, role("old")),
        Write(Verb.CREATE, Key("role", "Bot"), role("Bot")),
        Write(Verb.CREATE, Key("bot", "b"), bot("b")),
        Write(Verb.ADD_ROLES, Key("bot", "b"), roles=("nope",)),
        Write(Verb.SET_ROLES, Key("bot", "b"), roles=("old",)),
        Write(Verb.DELETE, key),
    ]
    outcomes = list(cluster.write(batch))
    assert [outcome.key for outcome in outcomes] == [write.key for write in batch]
    assert [type(outcome.error) for outcome in outcomes] == [
        Exists,
        Rejected,
        type(None),
        Missing,
        type(None),
        type(None),
    ]
    assert names(cluster, Scope(("role", "bot"))) == ["b"]


def test_writes_happen_as_outcomes_are_taken() -> None:
    """Nothing is written before its outcome is asked for."""
    cluster = MemoryCluster()
    writes = [Write(Verb.CREATE, Key("role", name), role(name)) for name in "ab"]
    outcomes = cluster.write(writes)
    next(outcomes)
    assert names(cluster, Scope(("role",))) == ["a"]


def test_generated_roles_are_not_shown() -> None:
    """The role behind a bot is no business of a plan."""
    cluster = MemoryCluster([bot("b", "r"), role("r")])
    assert names(cluster, Scope(("role",))) == ["r"]


def test_tokens_are_reduced_to_ours() -> None:
    """Of the tokens only the site's own and those asked for by name are shown."""
    cluster = MemoryCluster([token("mine", "acme"), token("asked", "x"), token("other", "y")])
    assert names(cluster, Scope(("token",))) == []
    assert names(cluster, Scope(("token",), site="acme")) == ["mine"]
    assert names(cluster, Scope(("token",), "acme", frozenset({"asked"}))) == ["asked", "mine"]


def test_documents_are_private() -> None:
    """What is handed in can change later without changing the cluster."""
    body = role("r", team="ml")
    cluster = MemoryCluster([body])
    body["spec"] = {"allow": {"logins": ["root"]}}
    (found,) = cluster.read(Scope(("role",)))
    assert found["spec"] == {}
    with pytest.raises(TypeError):
        found["spec"]["allow"] = {}


def app(header: object) -> dict[str, object]:
    headers = [{"name": "Authorization", "value": header}]
    spec = {"uri": "https://h", "rewrite": {"headers": headers}}
    return {"kind": "app", "version": "v3", "metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize("header", ["Bearer hunter2", Secret("Bearer hunter2")])
def test_literal_headers_are_hidden(header: object) -> None:
    """A header that is no template is written as it is, and read as a secret that keeps its value."""
    cluster = MemoryCluster()
    (outcome,) = cluster.write([Write(Verb.CREATE, Key("app", "a"), app(header))])
    assert outcome.error is None
    for body in cluster.read(Scope(("app", "app_server"))):
        spec = body["spec"].get("app", body)["spec"]
        assert spec["rewrite"]["headers"][0]["value"] == Secret("Bearer hunter2")
        assert "hunter2" not in repr(body)


def test_templates_in_headers_are_no_secret() -> None:
    """A header that Teleport fills in is read as text."""
    cluster = MemoryCluster([app("{{internal.jwt}}")])
    (found,) = cluster.read(Scope(("app",)))
    assert found["spec"]["rewrite"]["headers"][0]["value"] == "{{internal.jwt}}"
