"""What the embedded cluster lets somebody with certain roles do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cli._reach import Reach
from provisioner.cluster.local import create
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.cluster.teleport.caller import Caller
from provisioner.errors import ClusterError, Denied, Exists, Missing
from provisioner.values import Body


def role(name: str = "me", *rules: dict[str, Any], **half: Any) -> dict[str, Any]:
    """Return a role with these rules; `allow` and `deny` are added to its halves."""
    allow = {"rules": list(rules), **half.pop("allow", {})}
    spec = {"allow": allow, "deny": half.pop("deny", {}), **half}
    return {"kind": "role", "version": "v8", "metadata": {"name": name}, "spec": spec}


def rule(resources: str, verbs: str, **rest: str) -> dict[str, Any]:
    return {"resources": resources.split(), "verbs": verbs.split(), **rest}


def app(name: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    return {"kind": "app", "version": "v3", "metadata": metadata, "spec": {"uri": "https://a"}}


def cluster(mine: Body, *others: Body) -> MemoryCluster:
    return MemoryCluster([mine, *others], acting=(mine["metadata"]["name"],))


def outcome(live: MemoryCluster, verb: Verb, body: Body) -> ClusterError | None:
    write = Write(verb, Key(body["kind"], body["metadata"]["name"]), body)
    return next(iter(live.write([write]))).error


ALL = rule("*", "*")
EVERY_APP = {"app_labels": {"*": "*"}}


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ([], "read create"),
        ([rule("role", "read")], "create"),
        ([rule("role", "create"), rule("role", "read")], ""),
        ([rule("bot role", "list read create")], ""),
        ([rule("*", "read create")], ""),
        ([rule("role", "*")], ""),
        ([rule("bot", "*")], "read create"),
        ([rule("role", "*", where='user.spec.traits["x"]')], "read create"),
        ([rule("role", "readnosecrets create")], "read"),
    ],
)
def test_rules_allow(rules: list[dict[str, Any]], missing: str) -> None:
    """A rule allows its verbs on its kinds, `*` is all of them, and one with a condition counts not."""
    caller = Caller((role("me", *rules),))
    if not missing:
        caller.require("role", "read", "create")
        return
    with pytest.raises(Denied) as caught:
        caller.require("role", "read", "create")
    words = (f'access denied to perform action "{verb}" on "role"' for verb in missing.split())
    assert caught.value.message == ", ".join(words)
    assert "allow list, read, create, update and delete" in caught.value.hint


@pytest.mark.parametrize("condition", [{}, {"where": "anything"}])
def test_a_rule_that_denies_wins(condition: dict[str, str]) -> None:
    """What any role denies is denied, whatever others allow, on a condition too."""
    denying = role("no", deny={"rules": [rule("role", "create", **condition)]})
    caller = Caller((role("me", ALL), denying))
    caller.require("role", "read", "update")
    with pytest.raises(Denied, match='"create" on "role"'):
        caller.require("role", "create")


def test_everybody_may_list_apps() -> None:
    """Teleport's implicit role allows to list apps and their servers; labels say which."""
    mine = role(allow={"app_labels": {"env": "dev"}})
    live = cluster(mine, app("seen", env="dev"), app("unseen", env="prod"))
    for kind in ("app", "app_server"):
        assert [b["metadata"]["name"] for b in live.read(Scope((kind,)))] == ["seen"]


def test_a_deny_of_labels_hides() -> None:
    """An app that a role denies is in no list."""
    mine = role("me", ALL, allow=EVERY_APP, deny={"app_labels": {"env": "prod"}})
    live = cluster(mine, app("seen", env="dev"), app("unseen", env="prod"))
    assert [b["metadata"]["name"] for b in live.read(Scope(("app",)))] == ["seen"]


def test_a_second_factor_is_for_sessions() -> None:
    """A role that wants a second factor for each session shows its apps nevertheless."""
    mine = role("me", ALL, allow=EVERY_APP, options={"require_session_mfa": True})
    assert len(cluster(mine, app("seen")).read(Scope(("app",)))) == 1


@pytest.mark.parametrize("kind", ["role", "token"])
def test_listing_takes_both_verbs(kind: str) -> None:
    """Roles and tokens are listed to those who may list and read them."""
    for verb in ("list", "read"):
        with pytest.raises(Denied, match=kind):
            cluster(role("me", rule(kind, verb))).read(Scope((kind,)))
    cluster(role("me", rule(kind, "list read"))).read(Scope((kind,)))


def test_listing_bots_takes_one_verb() -> None:
    """Bots are listed to those who may list them."""
    bot = {"kind": "bot", "version": "v1", "metadata": {"name": "b"}, "spec": {}}
    live = cluster(role("me", rule("bot", "list")), bot)
    assert len(live.read(Scope(("bot",)))) == 1


def test_apps_are_created_and_changed_within_reach() -> None:
    """An app can be created, changed and deleted only by roles that reach it, before and after."""
    mine = role("me", ALL, allow={"app_labels": {"env": "dev"}})
    live = cluster(mine, app("theirs", env="prod"), app("ours", env="dev"))
    for verb, body in (
        (Verb.CREATE, app("new", env="prod")),
        (Verb.UPDATE, app("theirs", env="dev")),
        (Verb.UPDATE, app("ours", env="prod")),
        (Verb.DELETE, app("theirs")),
    ):
        assert isinstance(error := outcome(live, verb, body), Denied)
        assert error.message.startswith("access to app denied")
        assert "app_labels" in error.hint
    assert isinstance(outcome(live, Verb.CREATE, app("theirs", env="dev")), Exists)
    assert outcome(live, Verb.UPDATE, app("ours", env="dev")) is None
    assert outcome(live, Verb.DELETE, app("ours")) is None


def test_what_is_denied_is_not_written() -> None:
    """A denied write is an outcome of its own; the others are made."""
    live = cluster(role("me", rule("role", "list read create")))
    body = role("new")
    assert outcome(live, Verb.CREATE, body) is None
    assert isinstance(outcome(live, Verb.UPDATE, body), Denied)
    assert isinstance(outcome(live, Verb.DELETE, body), Denied)
    assert len(live.read(Scope(("role",)))) == 2


def test_roles_that_are_not_there() -> None:
    """To act with a role that does not live in the cluster is an error that names it."""
    with pytest.raises(Missing, match="role nobody, which is not there"):
        MemoryCluster(acting=("nobody",))


def test_the_roles_of_a_file(tmp_path: Path) -> None:
    """`local:PATH?as=ROLE,ROLE` uses an embedded cluster with these roles, and says so."""
    path = tmp_path / "c.db"
    live = (role("a", rule("role", "list")), role("b", rule("role", "read")))
    create(path, name="c", version="18.8.3", documents=live)

    def reach(roles: str) -> Reach:
        return Reach(f"local:{path}{roles}", "tctl", None, None)

    assert reach("?as=a,b").open().info().via == f"local:{path}?as=a,b"
    for roles in ("", "?as=a,b"):
        assert len(reach(roles).open().read(Scope(("role",)))) == 2
    with pytest.raises(Denied, match='"read" on "role"'):
        reach("?as=a").open().read(Scope(("role",)))
