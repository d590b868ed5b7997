from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Key
from provisioner.cluster.resource import resource
from provisioner.errors import Missing
from provisioner.importing.choice import Choice, choose
from tests.foreign import EXPRESSIBLE, OPERATOR, OTHER, OTHERWISE, app, live, named, populated, role

CLUSTER = populated(*EXPRESSIBLE, *OTHERWISE)


def chosen(*wishes: str, site: str = "acme", present: tuple[str, ...] = ()) -> Choice:
    return choose(live(CLUSTER), tuple(map(Key.of, wishes)), site, tuple(map(Key.of, present)))


def reasons(choice: Choice) -> dict[str, str]:
    return {str(left.key): left.reason for left in choice.left}


def test_everything() -> None:
    """Without a wish, everything is chosen that nobody else looks after."""
    choice = chosen()
    assert named(choice.chosen) == [
        "app/files", "app/web", "bot/ci", "bot/dangling", "bot/idle",
        "role/Old_Style", "role/ancient", "role/both", "role/dev", "role/expression", "role/ops",
    ]  # fmt: skip
    assert choice.other_apps == 1
    told = reasons(choice)
    assert told.pop("role/operators") == "Teleport's Kubernetes operator manages it"
    assert told.pop("role/others") == "it belongs to site other"
    assert set(told.values()) <= {
        "it is a preset of Teleport itself",
        "Teleport generates roles of this name for bots",
    }


@pytest.mark.parametrize(
    ("wishes", "found"),
    [
        (("bot/*",), ["bot/ci", "bot/dangling", "bot/idle"]),
        (("role/o*", "bot/idle"), ["bot/idle", "role/ops"]),
        (("role/operators", "role/others"), ["role/operators", "role/others"]),
        (("role/access",), ["role/access"]),
        (("role/nothing*",), []),
    ],
)
def test_wishes(wishes: tuple[str, ...], found: list[str]) -> None:
    """Names choose, with `*` for anything; what others look after goes only by its whole name."""
    assert named(chosen(*wishes).chosen) == found


def test_what_is_ours_or_there_already() -> None:
    """What the site names is not written again; what it owns and does not name any more is."""
    choice = chosen("role/*", site="other", present=("role/dev",))
    assert "role/others" in named(choice.chosen)
    assert reasons(choice)["role/dev"] == "the site has it already"


def test_an_app_that_is_no_mcp_server() -> None:
    """Other apps are counted, and told where they are named."""
    assert chosen("app/*").other_apps == 1
    assert reasons(chosen("app/grafana")) == {"app/grafana": "it is no MCP server"}


@pytest.mark.parametrize(
    ("name", "hint"), [("role/nope", "tctl get"), ("role/bot-ci", "it goes with bot/ci")]
)
def test_what_is_not_there(name: str, hint: str) -> None:
    """A whole name that nothing has is an error, and says where to look."""
    with pytest.raises(Missing, match=f"{name} cannot be imported") as caught:
        chosen(name)
    assert hint in caught.value.hint


def server(name: str, labels: dict[str, str], **spec: Any) -> Any:
    inner = app(name, labels=labels, **spec)
    body = {
        "kind": "app_server",
        "version": "v3",
        "metadata": {"name": name},
        "spec": {"app": inner},
    }
    return resource(body)


def test_what_agents_serve_by_themselves() -> None:
    """An MCP server of an agent's own configuration is chosen, Teleport's demonstration is not."""
    found = (
        server("static", {"env": "dev"}, mcp={"command": "x"}),
        server("demo", {"teleport.internal/resource-type": "demo"}, mcp={"command": "x"}),
        server("dynamic", {"teleport.dev/origin": "dynamic"}, mcp={"command": "x"}),
        resource(app("dynamic", mcp={"command": "x"})),
        server("web", {}, uri="http://x"),
    )
    choice = choose(found, (), "acme", ())
    assert named(choice.chosen) == ["app/dynamic", "app_server/static"]
    assert (list(reasons(choice)), choice.other_apps) == (["app/demo"], 1)


def test_what_agents_serve_with_different_labels() -> None:
    """Nobody can say which labels the site should have: it is left, even where it is named."""
    found = (
        server("static", {"env": "dev"}, mcp={"command": "x"}),
        server("static", {"env": "prod"}, mcp={"command": "x"}),
        server("alike", {"env": "dev"}, mcp={"command": "x"}),
        server("alike", {"env": "dev"}, mcp={"command": "y"}),
    )
    choice = choose(found, (), "acme", ())
    assert named(choice.chosen) == ["app_server/alike"]
    assert reasons(choice) == {"app/static": "agents serve it with different labels"}
    assert not choose(found, (Key("app", "static"),), "acme", ()).chosen
    present = choose(found, (), "acme", (Key("app", "static"),))
    assert reasons(present)["app/static"] == "the site has it already"
    web = server("static", {"env": "prod"}, uri="http://x")
    assert named(choose((found[0], web), (), "acme", ()).chosen) == ["app_server/static"]


def test_marks_of_others() -> None:
    """Whose label something carries decides before who made it."""
    both = (resource(role("a", labels={**OPERATOR, **OTHER})),)
    assert reasons(choose(both, (), "acme", ()))["role/a"] == "it belongs to site other"
