"""Why a bot may or may not call a tool, for people and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.rbac.access import LabelFinding, ToolFinding, Why
from provisioner.rbac.inquiry import Explanation, Opinion, Scene, Session
from provisioner.report._layout import GAP, aligned
from provisioner.report._scene import footer
from provisioner.text.terminal import Paint, visible
from provisioner.values import Plain

FORMAT_VERSION: Final = "1.0"

Answers = Sequence[tuple[Explanation | None, Scene]]
"""The answer in each scene, that of now before that of an apply; None: no such bot or server in it."""


def text(found: Answers, paint: Paint) -> str:
    """Return the verdict, what each role says, and what would have to change."""
    lines = [line for each, scene in found[:-1] for line in (*_verdict(each, scene, paint), "")]
    final, scene = found[-1]
    lines += _verdict(final, scene, paint)
    if final is not None:
        lines += ["", *_session(final.session, paint)]
        for opinion in final.opinions:
            lines += ["", paint("bold", f"role {visible(opinion.step.role)}"), *_said(opinion)]
        if final.cures:
            title = "To take it away" if final.decision.allowed else "What would have to change"
            lines += ["", paint("bold", title)]
            lines += [f"{GAP}- {visible(cure)}" for cure in final.cures]
        lines += ["", paint("bold", "When a change counts")]
        lines += [f"{GAP}- {visible(when)}" for when in final.session.effect]
    return "\n".join([*lines, *footer(scene, paint)])


def _verdict(found: Explanation | None, scene: Scene, paint: Paint) -> Iterator[str]:
    yield paint("dim", visible(scene.name))
    if found is None:
        yield "no such bot, or no such MCP server"
        return
    allowed = found.decision.allowed
    verb = paint("green", "may call") if allowed else paint("red", "may not call")
    what = f"{visible(found.tool)} on {visible(found.server)}"
    yield f"bot {visible(found.bot)} {verb} {what}: {visible(found.reason)}"


def _session(found: Session, paint: Paint) -> Iterator[str]:
    can = "can be opened" if found.decision.allowed else "cannot be opened"
    yield f"{paint('bold', 'session')}  {can}: {visible(found.reason)}"
    yield from (f"{GAP}- {visible(demand)}" for demand in found.demands)


def _said(opinion: Opinion) -> list[str]:
    step = opinion.step
    lines = [
        ("labels", opinion.allow_labels),
        ("tools", opinion.allow_tools),
        ("deny labels", opinion.deny_labels),
        ("deny tools", opinion.deny_tools),
    ]
    lines += [("asks for", _GATES[step.gate])] if step.gate else []
    lines += [("left out", f"{each.source}: {each.dropped}") for each in step.dropped]
    return aligned([(f"{GAP}{name}", visible(said)) for name, said in lines])


_GATES: Final = {
    Why.NEEDS_MFA: "session MFA, which no bot can answer",
    Why.NEEDS_DEVICE: "a trusted device, which no bot has",
}


def as_json(found: Answers) -> str:
    """Return the last answer; before it, as `live`, the one for now where there are two.

    `allowed` is null where there is no such bot, or no such MCP server.
    """
    documents = [_document(*each) for each in found]
    live = {"live": documents[0]} if len(documents) > 1 else {}
    document = {"format_version": FORMAT_VERSION, **documents[-1], **live}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _document(found: Explanation | None, scene: Scene) -> dict[str, Plain]:
    if found is None:
        return {"scene": scene.name, "allowed": None}
    decision = found.decision
    return {
        "scene": scene.name,
        "bot": found.bot,
        "server": found.server,
        "tool": found.tool,
        "allowed": decision.allowed,
        "reason": found.reason,
        "why": str(decision.why),
        "role": decision.role or None,
        "pattern": decision.pattern or None,
        "session": _session_data(found.session),
        "steps": [_step(opinion) for opinion in found.opinions],
        "cures": list(found.cures),
        "remarks": list(scene.remarks),
    }


def _session_data(found: Session) -> dict[str, Plain]:
    return {
        "allowed": found.decision.allowed,
        "reason": found.reason,
        "demands": list(found.demands),
        "effect": list(found.effect),
    }


def _step(opinion: Opinion) -> dict[str, Plain]:
    step = opinion.step
    return {
        "role": step.role,
        "deny": {
            "labels": _finding(step.deny_labels, opinion.deny_labels),
            "tools": _finding(step.deny_tools, opinion.deny_tools),
        },
        "allow": {
            "labels": _finding(step.allow_labels, opinion.allow_labels),
            "tools": _finding(step.allow_tools, opinion.allow_tools),
        },
        "gate": str(step.gate) if step.gate else None,
        "dropped": [{"text": each.source, "reason": each.dropped} for each in step.dropped],
    }


def _finding(found: LabelFinding | ToolFinding | None, said: str) -> dict[str, Plain]:
    """Return a finding; `matched` is null where Teleport cannot tell."""
    entry = found.entry if isinstance(found, ToolFinding) else None
    return {
        "matched": found.answer if found else None,
        **({"entry": entry.source} if entry else {}),
        "says": said,
    }
