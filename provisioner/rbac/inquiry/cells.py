"""What bots may do, by bot and server, for people to read."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from provisioner.rbac.access import Spot, World, matrix


class Cell(Struct, frozen=True):
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
    return map(_cell, matrix(world).spots())


def _cell(spot: Spot) -> Cell:
    bot, server = spot.bot, spot.server
    if server.tools is not None:
        return Cell(bot, server.name, spot.tools, len(set(server.tools)))
    patterns = dict.fromkeys(grant.pattern for grant in spot.grants)
    but = dict.fromkeys(text for grant in spot.grants for text in grant.but)
    return Cell(bot, server.name, tuple(patterns), None, tuple(but))
