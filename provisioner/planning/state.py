"""What is live, as plans look at it, and what becomes of it when changes are made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from provisioner.change import Change, Key, Op
from provisioner.cluster.resource import Resource, labels, resource
from provisioner.values import EMPTY, Body, Plain

ORIGIN_LABEL: Final = "teleport.dev/origin"
_REGISTERED: Final = "dynamic"


class State(Struct, frozen=True):
    """The live resources by their keys, and by the names of apps what agents serve besides.

    However many agents serve an app, it is one; but an agent can serve another one by the same
    name from its own configuration. `served` has each app once that a role could tell apart, in
    the order of labels, and no copies of what is registered.
    """

    known: Mapping[Key, Resource]
    served: Mapping[str, tuple[Resource, ...]]

    def apps(self) -> Iterator[tuple[str, tuple[Body, ...]]]:
        """Yield what roles are held against, by name: what is registered, and what else is served."""
        apps = {key.name: (live,) for key, live in self.known.items() if key.kind == "app"}
        for name in sorted(apps.keys() | self.served.keys()):
            every = (*apps.get(name, ()), *self.served.get(name, ()))
            yield name, tuple(map(served_app, every))


def state(live: Iterable[Resource]) -> State:
    """Return what is live as a state."""
    known: dict[Key, Resource] = {}
    served: dict[str, dict[_Seen, Resource]] = {}
    for each in live:
        if each.key.kind == "app_server":
            served.setdefault(each.key.name, {}).setdefault(_as_seen(each), each)
        else:
            known[each.key] = each
    for name in [name for name in served if Key("app", name) in known]:
        origin = known[Key("app", name)]
        others = {
            seen: each for seen, each in served.pop(name).items() if not _is_copy(each, origin)
        }
        if others:
            served[name] = others
    return State(
        known, {name: tuple(apps[seen] for seen in sorted(apps)) for name, apps in served.items()}
    )


def outcome(before: State, changes: Iterable[Change]) -> State:
    """Return the state as it will be when `changes` are made."""
    known, served = dict(before.known), dict(before.served)
    for change in changes:
        if change.op is Op.DELETE:
            known.pop(change.key, None)
            continue
        known[change.key] = resource(change.write or change.after)
        name = change.key.name
        if change.key.kind == "app" and name in served:  # what it was before it was deleted goes
            served[name] = tuple(a for a in served[name] if not is_dynamic(served_app(a)))
    return State(known, served)


def served_app(live: Resource) -> Body:
    """Return the app itself: an `app_server` wraps the one that its agent serves."""
    if live.key.kind != "app_server":
        return live.body
    app: Body = (live.body.get("spec") or EMPTY).get("app") or EMPTY
    return app


def is_mcp(app: Body) -> bool:
    """Whether an app is an MCP server."""
    spec: Mapping[str, Plain] = app.get("spec") or EMPTY
    return bool(spec.get("mcp")) or str(spec.get("uri", "")).startswith("mcp+")


def is_dynamic(app: Body) -> bool:
    """Whether an app that an agent serves is registered in the cluster, not in its configuration."""
    return labels(app).get(ORIGIN_LABEL) == _REGISTERED


_Seen = tuple[tuple[tuple[str, str], ...], bool]


def _as_seen(app: Resource) -> _Seen:
    """Return what a role can tell of an app."""
    body = served_app(app)
    return tuple(sorted(labels(body).items())), is_mcp(body)


def _is_copy(served: Resource, registered: Resource) -> bool:
    """Whether an agent serves what is registered, perhaps as it was a moment ago."""
    app = served_app(served)
    return is_dynamic(app) or _as_seen(served) == _as_seen(registered)
