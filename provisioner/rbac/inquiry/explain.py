"""Why a bot may or may not call a tool: what every role says, and what would have to change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from provisioner.rbac.access import (
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
from provisioner.rbac.inquiry._phrases import fault, half_of, labels_said, tools_said, why_not
from provisioner.rbac.inquiry._session import Session, session
from provisioner.rbac.labels import listed, told_apart
from provisioner.values import Body


class Opinion(Struct, frozen=True):
    """What one role says to the call: its findings, and each of them in words."""

    step: Step
    deny_labels: str
    deny_tools: str
    allow_labels: str
    allow_tools: str


class Explanation(Struct, frozen=True):
    """A decision with its reasons; `cures` are what would have to change for another one.

    `session` is about what has to be there before any call. `side` are the labels of the server
    where the answer holds for these alone.
    """

    bot: str
    server: str
    tool: str
    decision: Decision
    reason: str
    opinions: tuple[Opinion, ...]
    cures: tuple[str, ...]
    session: Session
    side: str = ""


def explain(
    identity: Identity, server: Server, tool: str, lifetime: tuple[str, str] | None = None
) -> Explanation:
    """Decide about a call of `tool` on `server` by `identity`, and say why.

    `lifetime`: how often the bot's tbot renews its certificate, and how long that lives.
    """
    case = _Case(identity, server, tool, decide(identity, server, tool))
    return Explanation(
        bot=identity.name,
        server=server.name,
        tool=tool,
        decision=case.decision,
        reason=_reason(case),
        opinions=tuple(case.opinion(step) for step in case.decision.steps),
        cures=tuple(_cures(case)),
        session=session(identity, server, lifetime),
    )


def explain_each(
    identity: Identity, sides: Sequence[Server], tool: str, lifetime: tuple[str, str] | None = None
) -> tuple[Explanation, ...]:
    """Explain a call for each set of labels with which a server is served.

    What allows the call comes first, then what opens a session.
    """
    found = [explain(identity, side, tool, lifetime) for side in sides]
    if len(found) > 1:
        told = told_apart([side.labels for side in sides])
        found = [replace(each, side=text) for each, text in zip(found, told, strict=True)]
    return tuple(
        sorted(
            found, key=lambda each: (not each.decision.allowed, not each.session.decision.allowed)
        )
    )


class _Case(Struct, frozen=True):
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
    if decision.allowed:
        return f"role {decision.role} allows it by {decision.pattern}"
    return why_not(decision) + fault(decision)


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
        labels = listed(case.server.labels)
        yield f"a role is needed whose app_labels match the server ({labels}) and whose tools match"


def _no(labels: str) -> str:
    return "are none" if labels == "none" else labels


def _nearest(case: _Case, reaching: list[Step]) -> str:
    entries = {entry.text: step.role for step in reaching for entry in case.role(step).allow.usable}
    close = difflib.get_close_matches(case.tool, entries, n=1)
    if close:
        return f"; nearest: {close[0]} in role {entries[close[0]]}"
    return f"; it would go into role {reaching[0].role}"
