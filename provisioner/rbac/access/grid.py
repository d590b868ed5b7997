"""Who may call what, for all identities and servers at once.

The names that a list of tools matches are the bits of one integer, computed once for each role.
A role says the same to all servers with the same labels. So the tools of one identity on one
server are a few operations on integers, and an answer about millions of calls takes seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final, Literal

from provisioner.rbac.access._base import (
    Conditions,
    Entry,
    Identity,
    Permitted,
    Reach,
    Role,
    Server,
    Why,
    apply_role,
    barred,
    depends_on_identity,
    permitted,
    reach,
)
from provisioner.rbac.expressions import Env
from provisioner.rbac.patterns import Answer, Pattern, common_prefix, find
from provisioner.values import Body

_ALL: Final = -1  # every bit


@dataclass(frozen=True, slots=True)
class World:
    """All identities and servers of one moment; names are unique in each."""

    identities: tuple[Identity, ...] = ()
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that an identity may do, or gains or loses, and what does that.

    `name` is the tool; or the pattern, where the tools of the server are not known; or "" for the
    session itself. `role` and `pattern` are what grants it. In a loss they are what refuses it
    now, as `why` says, or what granted it before if nothing does any more. `example` is a name
    behind a pattern; without one nobody could rule out that there is one.
    """

    bot: str
    server: str
    kind: Literal["session", "tool", "pattern"]
    name: str
    role: str
    pattern: str = ""
    why: Why = Why.GRANTED
    example: str | None = None


class Matrix:
    """Who may call what. Rows are made when they are asked for."""

    def __init__(self, spots: Mapping[tuple[str, str], Spot]) -> None:
        self._spots = spots

    def connects(self, bot: str, server: str) -> bool:
        """Say whether the bot can have a session with the server."""
        return self._spots[bot, server].closed is None

    def tools(self, bot: str, server: str) -> tuple[str, ...]:
        """Return the known tools that the bot may call on the server, sorted."""
        spot = self._spots[bot, server]
        return tuple(spot.names.named(spot.bits))

    def rows(self) -> Iterator[Row]:
        """Yield all that is allowed, by identity and server in their order."""
        for spot in self._spots.values():
            yield from spot.beyond(None)


def matrix(world: World) -> Matrix:
    """Return what all identities may do on all servers."""
    reader = Reader(world)
    return Matrix(
        {
            (identity.name, server.name): reader.spot(identity, server)
            for identity in world.identities
            for server in world.servers
        }
    )


class Names:
    """All names of tools, each with its bit."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._places = {name: place for place, name in enumerate(self._names)}
        self._matched: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def bits(self, names: Iterable[str]) -> int:
        """Return the bits of `names`."""
        return sum(1 << self._places[name] for name in set(names))

    def named(self, bits: int) -> Iterator[str]:
        """Yield the names of `bits`, sorted."""
        while bits:
            lowest = bits & -bits
            yield self._names[lowest.bit_length() - 1]
            bits ^= lowest

    def has(self, bits: int, name: str) -> bool:
        """Say whether the bit of `name` is among `bits`."""
        return bool(bits >> self._places[name] & 1)

    def matched(self, pattern: Pattern) -> int:
        """Return the bits of all names that `pattern` matches."""
        if pattern.text not in self._matched:
            near = self._near(pattern)
            self._matched[pattern.text] = self.bits(name for name in near if pattern.matches(name))
        return self._matched[pattern.text]

    def _near(self, pattern: Pattern) -> Iterable[str]:
        """Return the names that begin as all matches do."""
        prefix = common_prefix(pattern)
        rest = islice(self._names, bisect_left(self._names, prefix), None)
        return takewhile(lambda name: name.startswith(prefix), rest)


class Held:
    """A role in somebody's hands: its lists as bits, its answers by set of labels."""

    def __init__(self, role: Role, env: Env, names: Names) -> None:
        self.role = role
        self.allow = _union(role.allow, names)
        self.deny = _ALL if role.deny.broken else _union(role.deny, names)
        self._env = env
        self._reaches: dict[int, Reach] = {}

    def reach(self, label_set: int, labels: Mapping[str, str]) -> Reach:
        """Return what the role says to servers with these labels, known by a number."""
        if label_set not in self._reaches:
            env = Env(self._env.user, self._env.traits, labels)
            self._reaches[label_set] = reach(self.role, env)
        return self._reaches[label_set]


def _union(half: Conditions, names: Names) -> int:
    bits = 0
    for pattern in half.patterns:
        bits |= names.matched(pattern)
    return bits


class Spot:
    """One identity on one server: why it is closed, if it is; else the tools it may call, as bits."""

    __slots__ = ("bits", "bot", "closed", "held", "names", "reaches", "server")

    def __init__(self, bot: str, held: Sequence[Held], at: Place, names: Names) -> None:
        self.bot = bot
        self.server = at.server
        self.names = names
        self.held = held
        self.reaches = [role.reach(at.label_set, at.server.labels) for role in held]
        self.closed = barred(self.reaches)
        self.bits = 0 if self.closed else self._callable(at.bits)

    def _callable(self, tools: int) -> int:
        granted = 0
        for held, one in zip(self.held, self.reaches, strict=True):
            tools &= ~held.deny
            if one.allow.answer:
                granted |= held.allow
                if held.role.allow.broken:
                    tools &= held.allow
        return tools & granted

    def beyond(self, other: Spot | None) -> Iterator[Row]:
        """Yield what is allowed here and not at `other`."""
        if self.closed:
            return
        if other is None or other.closed:
            opener = next(one.role.name for one in self.reaches if one.allow.answer)
            yield Row(self.bot, self.server.name, "session", "", opener)
        if self.by_pattern or (other and other.by_pattern):
            yield from self._patterns_beyond(other.permitted() if other else Permitted())
        else:
            yield from self._tools(self.bits & ~(other.bits if other else 0))

    def refusal(self, tool: str) -> tuple[Why, str, str] | None:
        """Say which role and text refuse a known tool here; None if it is only not granted."""
        for held in self.held:
            if self.names.has(held.deny, tool):
                found = held.role.deny.on_tool(tool)
                why = Why.DENIED_TOOL if found.answer else Why.BROKEN
                return why, held.role.name, found.entry.text if found.entry else ""
        for held, one in zip(self.held, self.reaches, strict=True):
            broken = one.allow.answer and held.role.allow.broken
            if broken and not self.names.has(held.allow, tool):
                return Why.BROKEN, held.role.name, broken.text
        return None

    @property
    def by_pattern(self) -> bool:
        """Whether the tools of the server are not known."""
        return self.server.is_mcp and self.server.tools is None

    def permitted(self) -> Permitted:
        """Return what may be called here, as patterns."""
        return permitted(self.reaches)

    def _tools(self, bits: int) -> Iterator[Row]:
        for one in self.reaches:
            for entry in one.role.allow.usable if one.allow.answer else ():
                hit = bits & self.names.matched(entry.pattern)
                bits ^= hit
                for name in self.names.named(hit):
                    yield Row(self.bot, self.server.name, "tool", name, one.role.name, entry.text)

    def _patterns_beyond(self, other: Permitted) -> Iterator[Row]:
        here = self.permitted()
        for role, entry in dict.fromkeys(here.allow) if here != other else ():
            answer = _beyond(entry, here, other)
            if answer.value is not False:
                yield Row(
                    self.bot,
                    self.server.name,
                    "pattern",
                    entry.text,
                    role,
                    entry.text,
                    example=answer.name,
                )


def _beyond(entry: Entry, here: Permitted, there: Permitted) -> Answer:
    """Say whether `entry` lets a name through here that is refused there."""
    ways = [
        find([[entry.pattern], *here.wanted, there.deny], here.deny),
        *(find([[entry.pattern], *here.wanted], (*here.deny, *group)) for group in there.wanted),
    ]
    undecided = next((way for way in ways if way.value is None), Answer(value=False))
    return next((way for way in ways if way.value), undecided)


@dataclass(frozen=True, slots=True)
class Place:
    """A server, the number of its set of labels, and its tools as bits."""

    server: Server
    label_set: int
    bits: int


class Reader:
    """Reads worlds, each role once, and once for each identity where it says so."""

    def __init__(self, *worlds: World) -> None:
        servers = [server for world in worlds for server in world.servers]
        self.names = Names(tool for server in servers for tool in server.tools or ())
        self._label_sets: dict[frozenset[tuple[str, str]], int] = {}
        self._places = {id(server): self._place(server) for server in servers}
        self._shared: dict[int, tuple[Body, Held | None]] = {}
        self._held: dict[int, tuple[Identity, list[Held]]] = {}

    def spot(self, identity: Identity, server: Server) -> Spot:
        """Return what `identity` may do on `server`, one of those of the worlds."""
        if id(identity) not in self._held:
            held = [self._hold(body, identity) for body in identity.roles]
            self._held[id(identity)] = identity, held
        held = self._held[id(identity)][1]
        return Spot(identity.name, held, self._places[id(server)], self.names)

    def _place(self, server: Server) -> Place:
        labels = frozenset(server.labels.items())
        label_set = self._label_sets.setdefault(labels, len(self._label_sets))
        return Place(
            server, label_set, self.names.bits(server.tools or () if server.is_mcp else ())
        )

    def _hold(self, body: Body, identity: Identity) -> Held:
        """Read a role; what depends on nobody is kept for all (with its body, as the key is an id)."""
        if id(body) not in self._shared:
            shared = None if depends_on_identity(body) else self._read(body, identity)
            self._shared[id(body)] = body, shared
        return self._shared[id(body)][1] or self._read(body, identity)

    def _read(self, body: Body, identity: Identity) -> Held:
        return Held(apply_role(body, identity.env), identity.env, self.names)
