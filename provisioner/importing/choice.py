"""Which live resources are to be written down, and why others are not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.cluster.resource import Resource, labels
from provisioner.errors import Missing
from provisioner.planning.compare import is_preset, manager
from provisioner.planning.state import State, is_mcp, served_app, state
from provisioner.rbac.labels import listed, written

KINDS: Final = ("role", "app", "bot")
_SPLIT: Final = (
    "agents serve it with different labels",
    "give it the same labels everywhere, or write it into the site by hand",
)
_DEMO: Final = "teleport.internal/resource-type"


class Left(Struct, frozen=True):
    """A live resource that is not written down, the reason, and what can be done about it."""

    key: Key
    reason: str
    hint: str = ""


class Choice(Struct, frozen=True):
    """What is to be written down, what is left alone, and how many apps are no MCP servers."""

    chosen: tuple[Resource, ...]
    left: tuple[Left, ...]
    other_apps: int = 0


def choose(
    live: Iterable[Resource], wishes: Collection[Key], site: str, present: Collection[Key]
) -> Choice:
    """Choose among `live`, for a site that names `present` already.

    `wishes` are names, in which `*` stands for anything; none means everything. Only what is named
    in full is taken although somebody else looks after it. Raises Missing for a name in full that
    nothing has.
    """
    there = state(live)
    named = frozenset(wish for wish in wishes if "*" not in wish.name)
    _require_live(named, there)
    chosen: list[Resource] = []
    left: list[Left] = []
    others = 0
    for key, each in sorted(_candidates(there)):
        if not _is_wanted(key, wishes):
            continue
        if key.kind == "app" and not is_mcp(served_app(each)) and key not in named:
            others += 1
        elif why := _why_not(key, each, site, present, is_named=key in named):
            left.append(Left(key, *why))
        elif each.key.kind == "app_server" and _is_split(there.served[key.name]):
            left.append(Left(key, *_SPLIT))
        else:
            chosen.append(each)
    return Choice(tuple(chosen), tuple(left), others)


def _candidates(there: State) -> Iterator[tuple[Key, Resource]]:
    """Yield what can be in a site by what it is called there: an app that only an agent has is an app."""
    for key, each in there.known.items():
        if key.kind in KINDS:
            yield key, each
    for name, agents in there.served.items():
        if (key := Key("app", name)) not in there.known:
            yield key, next((a for a in agents if is_mcp(served_app(a))), agents[0])


def _is_split(agents: Iterable[Resource]) -> bool:
    apps = map(served_app, agents)
    return len({listed(written(labels(app))) for app in apps if is_mcp(app)}) > 1


def _is_wanted(key: Key, wishes: Collection[Key]) -> bool:
    return not wishes or any(
        wish.kind == key.kind and _fits(key.name, wish.name) for wish in wishes
    )


def _fits(name: str, wish: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wish.split("*"))), name) is not None


def _require_live(named: Iterable[Key], there: State) -> None:
    known = there.known
    for key in sorted(named):
        if key in known or (key.kind == "app" and key.name in there.served):
            continue
        bot = key.name.removeprefix("bot-")
        generated = key.kind == "role" and bot != key.name and Key("bot", bot) in known
        hint = f"it goes with bot/{bot}" if generated else "see `tctl get` for what there is"
        raise Missing(f"{key} cannot be imported: it is not in the cluster", hint=hint)


def _why_not(
    key: Key, live: Resource, site: str, present: Collection[Key], *, is_named: bool
) -> tuple[str, str] | None:
    """Return why a resource is left alone, and the cure, or None."""
    if key in present:
        return "the site has it already", ""
    if key.kind == "app" and not is_mcp(served_app(live)):
        return "it is no MCP server", ""
    if is_named:
        return None
    named = "name it, and it is imported all the same"
    if live.owner not in (None, site):
        return f"it belongs to site {live.owner}", named
    if other := manager(live):
        return other, "" if is_preset(live) else named
    if labels(served_app(live)).get(_DEMO) == "demo":
        return "it is Teleport's own demonstration", named
    if key.kind == "role" and key.name.startswith("bot-"):
        return "Teleport generates roles of this name for bots", ""
    return None
