"""What questions are put to: a world with a name, narrowed to what is asked about."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from provisioner.errors import ProvisionError
from provisioner.rbac.access import Identity, World
from provisioner.values import EMPTY

_MANY: Final = 20


class Scene(Struct, frozen=True):
    """A world with a name, and what answers about it have to say besides.

    `lacking` are, by bot, the roles that it names and that are not in the world, and `so` what
    follows from that. `notes` hold for whatever is asked. `lifetimes` are, by bot, how often its
    tbot renews and for how long, where that is known.
    """

    name: str
    world: World
    notes: tuple[str, ...] = ()
    lacking: Mapping[str, tuple[str, ...]] = EMPTY
    so: str = ""
    lifetimes: Mapping[str, tuple[str, str]] = EMPTY

    @property
    def remarks(self) -> tuple[str, ...]:
        """What limits the answers about the bots that are in the world, a sentence each."""
        here = (each.name for each in self.world.identities)
        told = [
            f"bot {bot} names role {role}, which {self.so}."
            for bot in here
            for role in self.lacking.get(bot, ())
        ]
        rest = len(told) - _MANY
        more = (f"The same is true of {rest} more roles of bots.",) if rest > 0 else ()
        return (*self.notes, *told[:_MANY], *more)

    @property
    def known_tools(self) -> int:
        """How many names of tools are known, each counted once."""
        return len({tool for server in self.world.servers for tool in server.tools or ()})


class Question(Struct, frozen=True):
    """What is asked about: bots and servers by their names, none for all; one tool, or any."""

    bots: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    tool: str = ""


def narrowed(question: Question, *scenes: Scene) -> tuple[Scene, ...]:
    """Return the scenes with what is asked about and nothing else.

    Raises ProvisionError for a name that none of them knows; a tool is known where the tools of
    the server are not.
    """
    where = " or ".join(scene.name for scene in scenes)
    bots = {each.name for scene in scenes for each in scene.world.identities}
    servers = {each.name for scene in scenes for each in scene.world.servers}
    for name in question.bots:
        _check("bot", name, bots, where)
    for name in question.servers:
        _check("MCP server", name, servers, where)
    narrow = tuple(_with(scene, question) for scene in scenes)
    if question.tool:
        _check_tool(question, scenes)
    return narrow


def _with(scene: Scene, question: Question) -> Scene:
    identities, servers = scene.world.identities, scene.world.servers
    if question.bots:
        identities = tuple(each for each in identities if each.name in question.bots)
    if question.servers:
        servers = tuple(each for each in servers if each.name in question.servers)
    if question.tool:
        servers = tuple(replace(each, tools=(question.tool,)) for each in servers)
    return replace(scene, world=World(identities, servers))


def _check_tool(question: Question, scenes: Iterable[Scene]) -> None:
    servers = [
        server
        for scene in scenes
        for server in scene.world.servers
        if not question.servers or server.name in question.servers
    ]
    if all(server.tools is not None for server in servers):
        known = {tool for server in servers for tool in server.tools or ()}
        _check("tool", question.tool, known, f"on {' or '.join(question.servers)}")


def _check(kind: str, name: str, known: Iterable[str], where: str) -> None:
    names = sorted(known)
    if name in names:
        return
    place = where if kind == "tool" else f"in {where}"
    server, _, tool = name.partition("/")
    close = difflib.get_close_matches(name, names, n=1)
    if kind == "MCP server" and tool and server in names:
        close = [f"{server} {tool}, in two words"]
    rest = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    listed = (
        f"there are: {', '.join(names[:_MANY])}{rest}" if names else f"there is no {kind} at all"
    )
    raise ProvisionError(
        f"there is no {kind} `{name}` {place}",
        hint=f"did you mean {close[0]}?" if close else listed,
    )


def identity_in(scene: Scene, name: str) -> Identity | None:
    """Return a bot of the scene by its name, if it is there."""
    return next((each for each in scene.world.identities if each.name == name), None)
