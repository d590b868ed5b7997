"""Whether an identity may call a tool on a server, and what settles it.

Source: Teleport lib/services/role.go, RoleSet.checkAccess, which is asked twice: without a tool
when the session begins, with the tool for every call. Each time every role may deny first: by the
labels of the server, or by the name of the tool wherever it is. Then roles may allow, which takes
labels and tool in one and the same role. A bot has no trusted device (lib/srv/mcp/session.go), so
Teleport never stops at the first role that allows: a rule that it cannot evaluate, in any role
that comes to it, refuses the call.
"""

from __future__ import annotations

from msgspec import Struct

from provisioner.rbac.access._base import (
    Broken,
    Entry,
    Identity,
    LabelFinding,
    Permitted,
    Reach,
    Server,
    ToolFinding,
    Why,
    applied,
    barred,
    permitted,
    reach,
)
from provisioner.rbac.patterns import Answer, Pattern, find
from provisioner.rbac.traits import Filled


class Step(Struct, frozen=True):
    """What one role says to the question, also where another role had settled it before.

    The tools are None when the question was about a session. `gate` is what the role asks for that
    no bot can give. `dropped` are texts that Teleport leaves out, because their templates cannot
    be filled in.
    """

    role: str
    deny_labels: LabelFinding
    allow_labels: LabelFinding
    deny_tools: ToolFinding | None
    allow_tools: ToolFinding | None
    gate: Why | None
    dropped: tuple[Filled, ...]


class Decision(Struct, frozen=True):
    """What settled the question, in which role, and what every role had to say.

    `entry` is the text of the list of tools that settled it, if one did.
    """

    why: Why
    role: str = ""
    entry: Entry | Broken | None = None
    steps: tuple[Step, ...] = ()

    @property
    def allowed(self) -> bool:
        """The answer."""
        return self.why is Why.GRANTED

    @property
    def pattern(self) -> str:
        """The text of `entry`, or "" where no list of tools settled it."""
        return self.entry.text if self.entry else ""


class Checker:
    """Answers for one identity, whose roles it reads once."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._roles = applied(identity)

    def decide(self, server: Server, tool: str) -> Decision:
        """Decide about a call of `tool` on `server`."""
        reaches = self._reaches(server)
        steps = tuple(_step(one, tool) for one in reaches)
        if closed := barred(reaches):
            return Decision(*closed, steps=steps)
        return _call(steps)

    def connect(self, server: Server) -> Decision:
        """Decide about a session with `server`, which opens its resources and prompts as well."""
        reaches = self._reaches(server)
        steps = tuple(_step(one, None) for one in reaches)
        if closed := barred(reaches):
            return Decision(*closed, steps=steps)
        opener = next(one.role.name for one in reaches if one.allow.answer)
        return Decision(Why.GRANTED, opener, steps=steps)

    def tools(self, server: Server) -> tuple[str, ...]:
        """Return the known tools that may be called on `server`, in the order of the server."""
        return tuple(tool for tool in server.tools or () if self.decide(server, tool).allowed)

    def permitted(self, server: Server) -> Permitted:
        """Return all that may be called on `server`, as patterns."""
        return permitted(self._reaches(server))

    def could_call(self, server: Server, asked: Pattern) -> Answer:
        """Say whether any name that `asked` matches may be called, whichever tools there are."""
        names = self.permitted(server)
        return find([[asked], *names.wanted], names.deny)

    def _reaches(self, server: Server) -> tuple[Reach, ...]:
        env = self.identity.env_at(server)
        return tuple(reach(role, env) for role in self._roles)


def decide(identity: Identity, server: Server, tool: str) -> Decision:
    """Decide about a call of `tool` on `server` by `identity`."""
    return Checker(identity).decide(server, tool)


def connect(identity: Identity, server: Server) -> Decision:
    """Decide about a session of `identity` with `server`: labels alone count."""
    return Checker(identity).connect(server)


def could_call(identity: Identity, server: Server, asked: Pattern) -> Answer:
    """Say whether any name that `asked` matches may be called; the proof of a yes is one."""
    return Checker(identity).could_call(server, asked)


def _step(one: Reach, tool: str | None) -> Step:
    role = one.role
    return Step(
        role=role.name,
        deny_labels=one.deny,
        allow_labels=one.allow,
        deny_tools=None if tool is None else role.deny.on_tool(tool),
        allow_tools=None if tool is None else role.allow.on_tool(tool),
        gate=role.gate,
        dropped=(*role.deny.dropped, *role.allow.dropped),
    )


def _call(steps: tuple[Step, ...]) -> Decision:
    """Decide about a call within a session."""
    for step in steps:
        if (found := step.deny_tools) and found.answer is not False:
            why = Why.DENIED_TOOL if found.answer else Why.BROKEN
            return Decision(why, step.role, found.entry, steps)
    granted = Decision(Why.NO_TOOL, steps=steps)
    for step in steps:
        if step.allow_labels.answer and (found := step.allow_tools):
            if found.answer is None:
                return Decision(Why.BROKEN, step.role, found.entry, steps)
            if found.answer and not granted.allowed:
                granted = Decision(Why.GRANTED, step.role, found.entry, steps)
    return granted
