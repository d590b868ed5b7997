"""What a session of a bot takes, and when a change of what the bot may do counts.

Sources: Teleport rfd/0209-mcp-access.md (no second factor within a session), lib/srv/mcp/session.go
(what counts is read when a session begins), lib/tbot/config (how long certificates live).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from provisioner.rbac.access import Decision, Identity, Server, Step, Why, connect
from provisioner.rbac.inquiry._phrases import fault, why_not

_DEFAULT: Final = ("20m", "1h")
_GATES: Final = {Why.NEEDS_MFA: "session MFA", Why.NEEDS_DEVICE: "a trusted device"}


class Session(Struct, frozen=True):
    """Whether a bot can have a session with a server, and why.

    `demands` say what roles ask of a session besides their labels, `effect` when changes count:
    sentences without a full stop.
    """

    decision: Decision
    reason: str
    demands: tuple[str, ...]
    effect: tuple[str, ...]


def session(identity: Identity, server: Server, lifetime: tuple[str, str] | None = None) -> Session:
    """Say what a session takes; `lifetime` is how often the bot's tbot renews, and for how long.

    Both are durations as Go writes them; without, tbot's own defaults are told as such.
    """
    decision = connect(identity, server)
    return Session(decision, _reason(decision), tuple(_demands(decision)), tuple(_effect(lifetime)))


def _reason(decision: Decision) -> str:
    if decision.allowed:
        return (
            f"role {decision.role} matches the labels; resources and prompts come with the session, "
            "as no role filters them"
        )
    return why_not(decision) + fault(decision)


def _demands(decision: Decision) -> Iterator[str]:
    asking = [step for step in decision.steps if step.gate]
    if not asking:
        yield "no role asks for session MFA or a trusted device"
    for step in asking:
        yield _demand(step)
    yield "whether the cluster asks every session for one of them is not looked at"


def _demand(step: Step) -> str:
    wanted = _GATES[step.gate] if step.gate else ""
    if step.allow_labels.answer:
        return f"role {step.role} asks for {wanted}, which no bot has: it closes the server"
    return f"role {step.role} asks for {wanted}, but not here: its labels do not match"


def _effect(lifetime: tuple[str, str] | None) -> Iterator[str]:
    renewal, ttl = lifetime or _DEFAULT
    unless = "" if lifetime else ", unless its tbot is configured otherwise"
    yield "a changed role counts in sessions that begin after it; an open one goes on as it began"
    yield f"a role that the bot gains counts once its tbot has renewed, every {renewal}{unless}"
    yield (
        f"a role that it loses counts at the latest when its present certificate ends, after {ttl}"
        f"{unless}"
    )
