"""Roles as they stand for one identity, and what each of their lists says.

All identities here are bots: they cannot answer an MFA prompt and have no trusted device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from provisioner.errors import ProvisionError
from provisioner.rbac.expressions import Env
from provisioner.rbac.patterns import (
    LabelMatch,
    LabelSelector,
    Pattern,
    PatternError,
    compile_pattern,
)
from provisioner.rbac.traits import Filled, fill, fill_labels, label_expression
from provisioner.values import EMPTY, Body, canonical_json


class Identity(Struct, frozen=True):
    """A bot as its certificate says: its name, the whole bodies of its roles, its traits."""

    name: str
    roles: tuple[Body, ...] = ()
    traits: Mapping[str, tuple[str, ...]] = EMPTY

    @property
    def env(self) -> Env:
        """What templates can ask about this identity; a bot's user is called `bot-NAME`."""
        return Env(f"bot-{self.name}", self.traits)

    def env_at(self, server: Server) -> Env:
        """Return what expressions can ask about this identity and a server."""
        return Env(f"bot-{self.name}", self.traits, server.labels)


class Server(Struct, frozen=True):
    """An app by its name and labels; `tools` is None where not all of them are known.

    An app that is no MCP server is one without tools: there is its session alone.
    """

    name: str
    labels: Mapping[str, str] = EMPTY
    tools: tuple[str, ...] | None = None


class Why(StrEnum):
    """What settled a decision."""

    GRANTED = "granted"
    DENIED_SERVER = "denied server"  # deny.app_labels or its expression
    DENIED_TOOL = "denied tool"  # deny.mcp.tools, on whatever server
    BROKEN = "broken rule"  # Teleport cannot evaluate it, and so refuses
    NEEDS_MFA = "needs session MFA"
    NEEDS_DEVICE = "needs a trusted device"
    NO_TOOL = "no role allows the tool"  # some reach the server
    NO_SERVER = "no role reaches the server"
    GONE = "gone"  # only in a difference: the bot, the server or the tool is not there any more


class Entry(Struct, frozen=True):
    """One text in a list of tools as Teleport matches it; `source` is how the role writes it."""

    source: str
    pattern: Pattern

    @property
    def text(self) -> str:
        """The text of the pattern."""
        return self.pattern.text


class Broken(Struct, frozen=True):
    """One text in a list of tools that RE2 cannot compile, for the reason in `error`."""

    source: str
    text: str
    error: str


class LabelFinding(Struct, frozen=True):
    """What the labels of a role say about a server: `answer` is None if Teleport cannot tell.

    `labels` and `expression` are the halves of the answer, None where the role has none or was not
    asked any more.
    """

    answer: bool | None
    labels: LabelMatch | None = None
    expression: bool | None = None
    error: str = ""


SILENT: Final = LabelFinding(answer=False)  # a role without labels is for no server


class ToolFinding(Struct, frozen=True):
    """What a list says about a tool; `entry` is the one that matched, or cannot be compiled."""

    answer: bool | None
    entry: Entry | Broken | None = None


class Conditions(Struct, frozen=True):
    """One half of a role, `allow` or `deny`, with the templates filled in.

    `usable` are the entries before the first that cannot be compiled, which is `broken`: Teleport
    tries them in order, so no later one ever counts.
    """

    selector: LabelSelector
    expression: str
    usable: tuple[Entry, ...]
    broken: Broken | None
    dropped: tuple[Filled, ...]

    def on_labels(self, env: Env, *, greedy: bool) -> LabelFinding:
        """Hold the labels in `env` against this half; greedy: one of two halves is enough.

        Source: Teleport lib/services/role.go, CheckLabelsMatch.
        """
        if not self.selector.wanted and not self.expression:
            return SILENT
        labels = expression = None
        try:
            if self.selector.wanted:
                labels = self.selector.match(env.labels)
                if greedy and labels.matched:
                    return LabelFinding(answer=True, labels=labels)
            if self.expression:
                expression = label_expression(self.expression)(env)
        except ProvisionError as error:
            return LabelFinding(None, labels, error=str(error))
        halves = [half for half in (labels and labels.matched, expression) if half is not None]
        answer = any(halves) if greedy else all(halves)
        return LabelFinding(answer, labels, expression)

    def on_tool(self, tool: str) -> ToolFinding:
        """Return what the list of tools says. Source: lib/utils/replace.go, SliceMatchesRegex."""
        for entry in self.usable:
            if entry.pattern.matches(tool):
                return ToolFinding(answer=True, entry=entry)
        return ToolFinding(None if self.broken else False, self.broken)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What can match, in order."""
        return tuple(entry.pattern for entry in self.usable)


class Role(Struct, frozen=True):
    """A role as it stands for one identity; `gate`: what it asks for that no bot can give."""

    name: str
    allow: Conditions
    deny: Conditions
    gate: Why | None


_NO_DEVICE: Final = (None, "", "off", "optional", "required-for-humans")
_NO_MFA: Final = (None, "", "no", "nope", "n", "false", "0", "off")


def apply_role(body: Body, env: Env) -> Role:
    """Return the role that `body` is for the identity in `env`, its templates filled in.

    Namespaces play no part: they cannot be written in a role any more.
    """
    spec = body.get("spec") or EMPTY
    options = spec.get("options") or EMPTY
    everything = {"*": "*"} if body.get("version") == "v3" else {}
    gate = None
    if options.get("device_trust_mode") not in _NO_DEVICE:
        gate = Why.NEEDS_DEVICE
    if (mfa := options.get("require_session_mfa")) and str(mfa).lower() not in _NO_MFA:
        gate = Why.NEEDS_MFA
    return Role(
        name=str((body.get("metadata") or EMPTY).get("name", "")),
        allow=_conditions(spec.get("allow") or EMPTY, env, everything),
        deny=_conditions(spec.get("deny") or EMPTY, env, {}),
        gate=gate,
    )


def applied(identity: Identity) -> tuple[Role, ...]:
    """Return all roles of the identity as they stand for it."""
    env = identity.env
    return tuple(apply_role(body, env) for body in identity.roles)


def depends_on_identity(body: Body) -> bool:
    """Say whether a role can mean different things for different identities."""
    text = canonical_json(body.get("spec"))
    return "{{" in text or "app_labels_expression" in text


def _conditions(half: Mapping[str, Any], env: Env, default: Mapping[str, str]) -> Conditions:
    labels = half.get("app_labels")
    selector, dropped = fill_labels(default if labels is None else labels, env)
    filled = [fill(text, env) for text in (half.get("mcp") or EMPTY).get("tools") or ()]
    usable: list[Entry] = []
    broken: Broken | None = None
    for source, text in ((item.source, text) for item in filled for text in item.values):
        try:
            usable.append(Entry(source, compile_pattern(text)))
        except PatternError as error:
            broken = Broken(source, text, str(error))
            break
    return Conditions(
        selector=LabelSelector.of(selector),
        expression=half.get("app_labels_expression") or "",
        usable=tuple(usable),
        broken=broken,
        dropped=(*dropped, *(item for item in filled if item.dropped)),
    )


class Permitted(Struct, frozen=True):
    """Which names may be called on a server, as patterns.

    Those that match an entry of `allow` (with its role), a pattern of each group of `limits`, and
    none of `deny`.
    """

    allow: tuple[tuple[str, Entry], ...] = ()
    limits: tuple[tuple[Pattern, ...], ...] = ()
    deny: tuple[Pattern, ...] = ()

    @property
    def wanted(self) -> tuple[tuple[Pattern, ...], ...]:
        """The groups of which a name has to match one pattern each."""
        return (tuple(entry.pattern for _, entry in self.allow), *self.limits)


class Reach(Struct, frozen=True):
    """What both halves of a role say about the labels of a server."""

    role: Role
    deny: LabelFinding
    allow: LabelFinding


def reach(role: Role, env: Env) -> Reach:
    """Hold a role against the labels in `env`."""
    return Reach(
        role, role.deny.on_labels(env, greedy=True), role.allow.on_labels(env, greedy=False)
    )


def barred(reaches: Sequence[Reach]) -> tuple[Why, str] | None:
    """Say why there is no session with a server, and by which role; None if there is one.

    Source: Teleport lib/services/role.go, RoleSet.checkAccess without a matcher. No role stops
    the search by allowing, because Teleport goes on to look for one that wants a trusted device.
    """
    for one in reaches:
        if one.deny.answer is not False:
            return Why.DENIED_SERVER if one.deny.answer else Why.BROKEN, one.role.name
    for one in reaches:
        if one.allow.answer is None:
            return Why.BROKEN, one.role.name
        if one.allow.answer and one.role.gate:
            return one.role.gate, one.role.name
    return None if any(one.allow.answer for one in reaches) else (Why.NO_SERVER, "")


def permitted(reaches: Sequence[Reach]) -> Permitted:
    """Return the names that these roles let through to the server they were held against."""
    if barred(reaches) or any(one.role.deny.broken for one in reaches):
        return Permitted()
    reaching = [one.role for one in reaches if one.allow.answer]
    return Permitted(
        allow=tuple((role.name, entry) for role in reaching for entry in role.allow.usable),
        limits=tuple(role.allow.patterns for role in reaching if role.allow.broken),
        deny=tuple(pattern for one in reaches for pattern in one.role.deny.patterns),
    )
