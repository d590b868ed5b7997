"""Why a bot may or may not call a tool: what every role says, and what would have to change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from provisioner.rbac.access import (
    Broken,
    Conditions,
    Decision,
    Identity,
    Role,
    Server,
    Step,
    Why,
    apply_role,
    decide,
)
from provisioner.rbac.inquiry._base import mapped
from provisioner.rbac.inquiry._phrases import half_of, labels_said, tools_said
from provisioner.values import Body

_REASONS: Final[Mapping[Why, str]] = {
    Why.GRANTED: "role {role} allows it by {pattern}",
    Why.DENIED_SERVER: "role {role} denies the server by its labels",
    Why.DENIED_TOOL: "role {role} denies {pattern}, and so on every server",
    Why.BROKEN: "role {role} cannot be evaluated, so Teleport refuses the call",
    Why.NEEDS_MFA: "role {role} asks for session MFA, which no bot can answer",
    Why.NEEDS_DEVICE: "role {role} asks for a trusted device, which no bot has",
    Why.NO_TOOL: "no role that matches the labels has a pattern for it",
    Why.NO_SERVER: "no role matches the labels of the server",
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one role says to the call: its findings, and each of them in words."""

    step: Step
    deny_labels: str
    deny_tools: str
    allow_labels: str
    allow_tools: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its reasons; `cures` are what would have to change for another one."""

    bot: str
    server: str
    tool: str
    decision: Decision
    reason: str
    opinions: tuple[Opinion, ...]
    cures: tuple[str, ...]


def explain(identity: Identity, server: Server, tool: str) -> Explanation:
    """Decide about a call of `tool` on `server` by `identity`, and say why."""
    case = _Case(identity, server, tool, decide(identity, server, tool))
    return Explanation(
        bot=identity.name,
        server=server.name,
        tool=tool,
        decision=case.decision,
        reason=_reason(case),
        opinions=tuple(case.opinion(step) for step in case.decision.steps),
        cures=tuple(_cures(case)),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    identity: Identity
    server: Server
    tool: str
    decision: Decision

    def body(self, step: Step) -> Body:
        """Return the role that a step is about."""
        return next(b for b in self.identity.roles if b["metadata"]["name"] == step.role)

    def role(self, step: Step) -> Role:
        """Return the role that a step is about, as it stands for the bot."""
        return apply_role(self.body(step), self.identity.env)

    def allowing(self, step: Step) -> str:
        """Return all entries of the role that allow the tool, as one text."""
        return self._matching(self.role(step).allow)

    def denying(self, step: Step) -> str:
        """Return all entries of the role that deny the tool, as one text."""
        return self._matching(self.role(step).deny)

    def opinion(self, step: Step) -> Opinion:
        """Put what the role says into words."""
        body, labels = self.body(step), self.server.labels
        deny, allow = half_of(body, "deny"), half_of(body, "allow")
        return Opinion(
            step,
            deny_labels=labels_said(step.deny_labels, deny, labels),
            deny_tools=tools_said(step.deny_tools, deny),
            allow_labels=labels_said(step.allow_labels, allow, labels),
            allow_tools=tools_said(step.allow_tools, allow),
        )

    def _matching(self, half: Conditions) -> str:
        texts = (entry.text for entry in half.usable if entry.pattern.matches(self.tool))
        return " and ".join(texts)


def _reason(case: _Case) -> str:
    decision = case.decision
    if not decision.steps:
        return "the bot holds no role"
    text = _REASONS[decision.why].format(role=decision.role, pattern=decision.pattern)
    return f"{text}: {fault}" if (fault := _fault(decision)) else text


def _fault(decision: Decision) -> str:
    """Return what cannot be evaluated, and why, if that settled the question."""
    if decision.why is not Why.BROKEN:
        return ""
    if isinstance(decision.entry, Broken):
        return decision.entry.error
    step = next(step for step in decision.steps if step.role == decision.role)
    return step.deny_labels.error or step.allow_labels.error


# --- what would have to change -----------------------------------------------------------------


def _cures(case: _Case) -> Iterator[str]:
    why, role = case.decision.why, case.decision.role
    if why is Why.GRANTED:
        yield from _to_take_away(case)
    elif why in (Why.DENIED_SERVER, Why.DENIED_TOOL):
        yield from _to_lift(case)
    elif why is Why.BROKEN:
        yield f"mend role {role}, or take it from the bot"
    elif why in (Why.NEEDS_MFA, Why.NEEDS_DEVICE):
        yield f"take the option out of role {role}, or the role from the bot"
    else:
        yield from _to_grant(case)


def _to_take_away(case: _Case) -> Iterator[str]:
    ways = [s for s in case.decision.steps if s.allow_labels.answer and case.allowing(s)]
    if len(ways) == 1:
        yield (
            f"role {ways[0].role} alone allows it, by {case.allowing(ways[0])}: take that from "
            "the role, or the role from the bot"
        )
        return
    for step in ways:
        yield f"role {step.role} would still allow it by itself, by {case.allowing(step)}"


def _to_lift(case: _Case) -> Iterator[str]:
    for step in case.decision.steps:
        if step.deny_labels.answer:
            yield f"take the labels out of the deny of role {step.role}, or the role from the bot"
        if entries := case.denying(step):
            yield f"take {entries} out of deny.tools of role {step.role}, or the role from the bot"
    identity = replace(case.identity, roles=tuple(map(_without_deny, case.identity.roles)))
    decision = decide(identity, case.server, case.tool)
    if decision.allowed:
        yield f"then role {decision.role} allows it, by {decision.pattern}"
    else:
        then = replace(case, identity=identity, decision=decision)
        yield from (f"and besides: {cure}" for cure in _cures(then))


def _without_deny(body: Body) -> Body:
    return {**body, "spec": {**body["spec"], "deny": {}}}


def _to_grant(case: _Case) -> Iterator[str]:
    """Say how near each role is: it reaches the server, or it has the tool, but not both."""
    steps = case.decision.steps
    reaching = [step for step in steps if step.allow_labels.answer]
    if reaching:
        yield f"{_reason(case)}{_nearest(case, reaching)}"
    for step in steps:
        if step not in reaching and (entries := case.allowing(step)):
            labels = case.opinion(step).allow_labels
            yield f"role {step.role} has {entries} for it, but its labels {_no(labels)}"
    if not reaching:
        labels = mapped(sorted(case.server.labels.items())) or "none"
        yield f"a role is needed whose app_labels match the server ({labels}) and whose tools match"


def _no(labels: str) -> str:
    return "are none" if labels == "none" else labels


def _nearest(case: _Case, reaching: list[Step]) -> str:
    entries = {entry.text: step.role for step in reaching for entry in case.role(step).allow.usable}
    close = difflib.get_close_matches(case.tool, entries, n=1)
    if close:
        return f"; nearest: {close[0]} in role {entries[close[0]]}"
    return f"; it would go into role {reaching[0].role}"
