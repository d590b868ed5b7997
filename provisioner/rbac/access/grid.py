"""Who may call what, for all identities and servers at once.

An answer about millions of calls takes seconds: see `_crews` for how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from provisioner.rbac.access._base import (
    Identity,
    Server,
    Why,
    apply_role,
    depends_on_identity,
)
from provisioner.rbac.access._crews import Crew, Grant, Held, Standing, Standings
from provisioner.rbac.access._index import LabelSets, Names, Place
from provisioner.rbac.labels import listed, written
from provisioner.values import Body


class World(Struct, frozen=True):
    """All identities and servers of one moment.

    Identities have names of their own. A server that agents serve with different labels is there
    once for each set of them: which agent answers is chance.
    """

    identities: tuple[Identity, ...] = ()
    servers: tuple[Server, ...] = ()

    def named(self) -> dict[str, list[Server]]:
        """Return the servers by their names: one each, or one for each set of labels."""
        found: dict[str, list[Server]] = {}
        for server in self.servers:
            found.setdefault(server.name, []).append(server)
        return found

    def split(self) -> tuple[str, ...]:
        """Return the names that are served with different labels, those of tools left aside."""
        return tuple(
            name
            for name, sides in self.named().items()
            if len({listed(written(side.labels)) for side in sides}) > 1
        )


class Row(NamedTuple):
    """One thing that an identity may do, or gains or loses, and what does that.

    `name` is the tool; or the pattern, where the tools of the server are not known; or "" for the
    session itself. `role` and `pattern` are what grants it. In a loss they are what refuses it
    now, as `why` says, or what granted it before if nothing does any more. `example` is a name
    behind a pattern; without one nobody could rule out that there is one. `but` are the patterns
    that are denied of it nevertheless.
    """

    bot: str
    server: str
    kind: Literal["session", "tool", "pattern"]
    name: str
    role: str
    pattern: str = ""
    why: Why = Why.GRANTED
    example: str | None = None
    but: tuple[str, ...] = ()


class Spot:
    """One identity on one server."""

    __slots__ = ("_at", "bot", "standing")

    def __init__(self, bot: str, at: Place, standing: Standing | Standings) -> None:
        self.bot = bot
        self._at = at
        self.standing = standing

    @property
    def server(self) -> Server:
        """The server; one of them where it is served with different labels."""
        return self._at.server

    @property
    def closed(self) -> tuple[Why, str] | None:
        """Why there is no session, and by which role; None if there is one."""
        return self.standing.closed

    @property
    def opener(self) -> str:
        """The role that opens the session."""
        return self.standing.opener

    @property
    def tools(self) -> tuple[str, ...]:
        """The known tools that may be called, sorted."""
        return self.standing.tools(self.bits)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """By which entries of roles tools may be called, each tool by the first that lets it."""
        return self._beyond(None)

    def beyond(self, other: Spot | None) -> Iterator[Row]:
        """Yield what is allowed here and not at `other`: first the session, then by entry of role."""
        if self.closed:
            return
        if other is None or other.closed:
            yield Row(self.bot, self.server.name, "session", "", self.opener)
        yield from self._rows(other)

    def refusal(self, tool: str) -> tuple[Why, str, str] | None:
        """Say which role and text refuse a known tool here; None if it is only not granted."""
        return self.standing.refusal(tool)

    @property
    def bits(self) -> int:
        """The tools that may be called, as bits."""
        return self._at.bits & self.standing.bits

    @property
    def by_pattern(self) -> bool:
        """Whether the tools of the server are not known."""
        return self.server.tools is None

    def _beyond(self, other: Spot | None) -> tuple[Grant, ...]:
        if self.by_pattern or (other and other.by_pattern):
            return self.standing.beyond(other.standing if other else None)
        return self.standing.grants(self.bits & ~(other.bits if other else 0))

    def _rows(self, other: Spot | None) -> Iterator[Row]:
        bot, server = self.bot, self.server.name
        for role, pattern, tools, but, example in self._beyond(other):
            if tools is None:
                why = Why.GRANTED
                yield Row(bot, server, "pattern", pattern, role, pattern, why, example, but)
            for tool in tools or ():
                yield Row(bot, server, "tool", tool, role, pattern)


class Matrix:
    """Who may call what. Nothing is worked out before it is asked for."""

    def __init__(self, world: World) -> None:
        self._reader = Reader(world)
        self._identities = {one.name: one for one in world.identities}
        (self._places,) = self._reader.places

    def connects(self, bot: str, server: str) -> bool:
        """Say whether the bot can have a session with the server."""
        return self.spot(bot, server).closed is None

    def tools(self, bot: str, server: str) -> tuple[str, ...]:
        """Return the known tools that the bot may call on the server, sorted."""
        return self.spot(bot, server).tools

    def spots(self) -> Iterator[Spot]:
        """Yield every pair that can have a session, by identity and server in their order."""
        for bot in self._identities:
            yield from self.opened(bot)

    def opened(self, bot: str) -> Iterator[Spot]:
        """Yield the servers with which one identity can have a session, in their order."""
        return self._reader.open(self._identities[bot], self._places)

    def rows(self) -> Iterator[Row]:
        """Yield all that is allowed, by identity and server in their order."""
        for spot in self.spots():
            yield from spot.beyond(None)

    def spot(self, bot: str, server: str) -> Spot:
        """Return what the bot may do on the server; raises KeyError for names of neither."""
        return self._reader.spot(self._identities[bot], self._places.named[server])


def matrix(world: World) -> Matrix:
    """Return what all identities may do on all servers."""
    return Matrix(world)


class Places:
    """The servers of one world, by name and by the numbers of their sets of labels."""

    def __init__(self, named: Mapping[str, Place]) -> None:
        self.named = named
        self._every = tuple(named.values())
        self._at: dict[int, list[int]] = {}
        for order, place in enumerate(self._every):
            self._at.setdefault(place.label_set, []).append(order)

    def near(self, sets: frozenset[int] | None) -> Iterable[Place]:
        """Return the places with one of these sets of labels, in their order; None: all of them."""
        if sets is None:
            return self._every
        found = sorted(order for number in sets for order in self._at.get(number, ()))
        return (self._every[order] for order in found)


class Reader:
    """Reads worlds, each role once, and once for each identity where it says so.

    `places` are, for each world, its servers.
    """

    def __init__(self, *worlds: World) -> None:
        servers = [server for world in worlds for server in world.servers]
        self.names = Names(tool for server in servers for tool in server.tools or ())
        self._label_sets = LabelSets()
        self.places = tuple(self._located(world) for world in worlds)
        self._shared: dict[int, tuple[Body, Held | None]] = {}
        self._crews: dict[tuple[int, ...], Crew] = {}
        self._crew_of: dict[int, tuple[Identity, Crew]] = {}

    def spot(self, identity: Identity, place: Place) -> Spot:
        """Return what `identity` may do at one of the places."""
        return Spot(identity.name, place, self._crew(identity).at(place))

    def open(self, identity: Identity, places: Places) -> Iterator[Spot]:
        """Yield those of the places with which `identity` can have a session, in their order."""
        crew, bot = self._crew(identity), identity.name
        for place in places.near(crew.candidates):
            standing = crew.at(place)
            if standing.closed is None:
                yield Spot(bot, place, standing)

    def near(
        self, names: Mapping[str, None], *asked: tuple[Identity | None, Places]
    ) -> Iterable[str]:
        """Return those of the names, in order, where any of the identities might have a session."""
        found: set[str] = set()
        for identity, places in asked:
            sets = self._crew(identity).candidates if identity and names else frozenset()
            if sets is None:
                return names
            found.update(place.server.name for place in places.near(sets))
        return sorted(name for name in found if name in names)

    def _located(self, world: World) -> Places:
        return Places({name: self._together(sides) for name, sides in world.named().items()})

    def _together(self, servers: list[Server]) -> Place:
        """Return what is served under one name as one place."""
        sides = {place.label_set: place for place in map(self._place, servers)}
        first, *others = sides.values()
        if not others:
            return first
        number = self._label_sets.number(*(server.labels for server in servers))
        return Place(first.server, number, first.bits, (first, *others))

    def _place(self, server: Server) -> Place:
        label_set = self._label_sets.number(server.labels)
        return Place(server, label_set, self.names.bits(server.tools or ()))

    def _crew(self, identity: Identity) -> Crew:
        if id(identity) not in self._crew_of:
            held = tuple(self._hold(body, identity) for body in identity.roles)
            key = tuple(map(id, held))  # a crew keeps its roles, so that no other gets their ids
            if key not in self._crews:
                self._crews[key] = Crew(held, self.names)
            self._crew_of[id(identity)] = identity, self._crews[key]
        return self._crew_of[id(identity)][1]

    def _hold(self, body: Body, identity: Identity) -> Held:
        """Read a role; what depends on nobody is kept for all (with its body, as the key is an id)."""
        if id(body) not in self._shared:
            shared = None if depends_on_identity(body) else self._read(body, identity)
            self._shared[id(body)] = body, shared
        return self._shared[id(body)][1] or self._read(body, identity)

    def _read(self, body: Body, identity: Identity) -> Held:
        role = apply_role(body, identity.env)
        return Held(role, identity.env, self.names, self._label_sets)
