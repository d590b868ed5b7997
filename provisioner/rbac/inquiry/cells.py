"""What bots may do, by bot and server, for people to read; and the same by single call, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from provisioner.rbac.access import Identity, Row, World, apply_role, matrix
from provisioner.rbac.patterns import Pattern, compile_pattern, overlap
from provisioner.values import EMPTY, Body


@dataclass(frozen=True, slots=True)
class Cell:
    """What one bot may do on one server with which it can have a session.

    `items` are the tools that it may call; or patterns, where `total` is None because the
    server's tools are not known. `but` are the patterns that are denied nevertheless.
    """

    bot: str
    server: str
    items: tuple[str, ...]
    total: int | None
    but: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether every tool of the server may be called."""
        everything = self.total is None and "*" in self.items and not self.but
        return everything or (bool(self.items) and len(self.items) == self.total)


def cells(world: World) -> Iterator[Cell]:
    """Yield a cell for each pair that can have a session, by bot and server in their order."""
    known = tuple(server for server in world.servers if server.tools is not None)
    blind = tuple(server for server in world.servers if server.tools is None)
    tools = matrix(World(world.identities, known))
    patterns = _patterns(World(world.identities, blind))
    but = exceptions(world.identities)
    for bot in (identity.name for identity in world.identities):
        for server in world.servers:
            at = bot, server.name
            if server.tools is None:
                if at in patterns:
                    yield Cell(*at, patterns[at], None, but(bot, patterns[at]))
            elif tools.connects(*at):
                yield Cell(*at, tools.tools(*at), len(set(server.tools)))


def _patterns(world: World) -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in matrix(world).rows():
        at = row.bot, row.server
        names = (row.name,) if row.kind == "pattern" and row.name not in found.get(at, ()) else ()
        found[at] = (*found.get(at, ()), *names)
    return found


def exceptions(
    identities: Iterable[Identity],
) -> Callable[[str, Iterable[str]], tuple[str, ...]]:
    """Return what says of a bot and patterns which parts of them the bot's roles deny."""
    bots = {identity.name: identity for identity in identities}

    @cache
    def denied(bot: str) -> tuple[Pattern, ...]:
        return tuple(dict.fromkeys(_denied(bots[bot])))

    def but(bot: str, patterns: Iterable[str]) -> tuple[str, ...]:
        allowed = [compile_pattern(text) for text in patterns]
        return tuple(
            deny.text
            for deny in denied(bot)
            if any(overlap(pattern, deny).value is not False for pattern in allowed)
        )

    return but


def _denied(identity: Identity) -> Iterator[Pattern]:
    for body in identity.roles:
        if _denies(body):
            yield from apply_role(body, identity.env).deny.patterns


def _denies(body: Body) -> bool:
    deny = (body.get("spec") or EMPTY).get("deny") or EMPTY
    return bool((deny.get("mcp") or EMPTY).get("tools"))


def rows(world: World) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Yield all that is allowed, each with the patterns that are denied nevertheless."""
    but = exceptions(world.identities)
    for row in matrix(world).rows():
        yield row, but(row.bot, (row.name,)) if row.kind == "pattern" else ()
