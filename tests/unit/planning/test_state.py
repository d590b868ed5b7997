from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Change, Key, Op
from provisioner.cluster.resource import resource
from provisioner.planning.state import is_mcp, outcome, served_app, state
from tests.bodies import app, bot, role

BOTH = (("env", "dev"), ("team", "ml"))
DYNAMIC = {"teleport.dev/origin": "dynamic"}


def agent(body: dict[str, Any], host: str = "one") -> dict[str, Any]:
    metadata = {"name": body["metadata"]["name"]}
    spec = {"host_id": host, "app": body}
    return {"kind": "app_server", "version": "v3", "metadata": metadata, "spec": spec}


def apps(*live: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return the labels of all that is served, by name."""
    found = state(map(resource, live)).apps()
    return {name: [dict(each["metadata"]["labels"]) for each in some] for name, some in found}


@pytest.mark.parametrize("odd", [None, {}, "text"])
def test_an_app_is_itself_whatever_its_spec_holds(odd: Any) -> None:
    """Only what an agent serves wraps an app; one with a field `app` of its own is still what it is."""
    body = app("files")
    found = served_app(resource({**body, "spec": {**body["spec"], "app": odd}}))
    assert found["metadata"]["name"] == "files"
    assert is_mcp(found)


@pytest.mark.parametrize("spec", [None, {}, {"app": None}])
def test_an_agent_that_serves_nothing(spec: Any) -> None:
    """Null, which Go writes for what is empty, is no app."""
    served = {"kind": "app_server", "version": "v3", "metadata": {"name": "x"}, "spec": spec}
    assert not is_mcp(served_app(resource(served)))


def test_agents_that_serve_the_same() -> None:
    """However many agents serve an app, it is one; with other labels it is another."""
    dev, prod = app("files", labels={"env": "dev"}), app("files", labels={"env": "prod"})
    assert apps(
        agent(dev), agent(dev, "two"), agent(prod, "three"), agent(app("db", labels={}))
    ) == {
        "db": [{}],
        "files": [{"env": "dev"}, {"env": "prod"}],
    }
    turned = [app("files", labels=dict(pairs)) for pairs in (BOTH, BOTH[::-1])]
    assert apps(agent(turned[0]), agent(turned[1], "two")) == {"files": [dict(BOTH)]}
    assert apps(agent(prod), agent(dev)) == {"files": [{"env": "dev"}, {"env": "prod"}]}


def test_apps_are_in_the_order_of_their_names() -> None:
    """Nothing but apps is an app, and none comes before another by chance."""
    names = [f"app-{number}" for number in range(9)]
    some = [app(name, labels={}) for name in names[::2]]
    others = [agent(app(name, labels={})) for name in names[1::2]]
    assert list(apps(*others[::-1], role(), bot(), *some)) == names


def test_what_is_registered_is_served_by_copies() -> None:
    """What an agent serves of what is registered does not count beside it, even if it lags behind."""
    now = app("files", labels={"env": "dev", **DYNAMIC})
    late = app("files", labels={"env": "old", **DYNAMIC})
    own = app("files", labels={"env": "prod"})
    plain = app("db", labels={"env": "dev"})
    assert apps(now, agent(late), agent(now, "two"), plain, agent(plain)) == {
        "db": [{"env": "dev"}],
        "files": [{"env": "dev", **DYNAMIC}],
    }
    assert apps(agent(own), now) == {"files": [{"env": "dev", **DYNAMIC}, {"env": "prod"}]}
    assert apps(agent(late)) == {"files": [{"env": "old", **DYNAMIC}]}


def test_what_becomes_of_what_is_served() -> None:
    """A change is served by whoever served it before; what an agent has of its own stays."""
    old, new = (app("files", labels={"env": env, **DYNAMIC}) for env in ("dev", "test"))
    own = app("files", labels={"env": "prod"})
    before = state(map(resource, (old, agent(old), agent(own, "two"))))
    update = Change(Op.UPDATE, Key("app", "files"), after=new, write=new)
    delete = Change(Op.DELETE, Key("app", "files"), before=old)
    for change, left in ((update, ["test", "prod"]), (delete, ["prod"])):
        ((_, found),) = outcome(before, [change]).apps()
        assert [each["metadata"]["labels"]["env"] for each in found] == left
    assert [len(found) for _, found in before.apps()] == [2]
    later = app("wiki", labels={})
    made = outcome(
        before, [delete, Change(Op.CREATE, Key("app", "wiki"), after=later, write=later)]
    )
    assert [name for name, _ in made.apps()] == ["files", "wiki"]
    create = Change(Op.CREATE, Key("app", "files"), after=new, write=new)
    lagging = state(map(resource, (agent(old), agent(own, "two"))))
    ((_, found),) = outcome(lagging, [create]).apps()
    assert [each["metadata"]["labels"]["env"] for each in found] == ["test", "prod"]
