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
_NOBODY: Final = "no such bot, or no such MCP server"

Answers = Sequence[tuple[Sequence[Explanation], Scene]]
"""The answers in each scene, those of now before those of an apply.

None where there is no such bot or server; several where it is served with different labels.
"""


def text(found: Answers, paint: Paint) -> str:
    """Return the verdict, what each role says, and what would have to change."""
    lines: list[str] = []
    for answers, scene in found[:-1]:
        lines += [paint("dim", visible(scene.name)), *(_verdict(each, paint) for each in answers)]
        lines += [""] if answers else [_NOBODY, ""]
    final, scene = found[-1]
    lines += [paint("dim", visible(scene.name)), *([] if final else [_NOBODY])]
    for number, each in enumerate(final):
        lines += ["", ""] if number else []
        lines += [_verdict(each, paint), *_reasons(each, paint)]
    if final:
        lines += ["", paint("bold", "When a change counts")]
        lines += [f"{GAP}- {visible(when)}" for when in final[0].session.effect]
    return "\n".join([*lines, *footer(scene, paint)])


def _verdict(found: Explanation, paint: Paint) -> str:
    allowed = found.decision.allowed
    verb = paint("green", "may call") if allowed else paint("red", "may not call")
    where = f", where its labels are {visible(found.side)}" if found.side else ""
    what = f"{visible(found.tool)} on {visible(found.server)}{where}"
    return f"bot {visible(found.bot)} {verb} {what}: {visible(found.reason)}"


def _reasons(found: Explanation, paint: Paint) -> Iterator[str]:
    yield from ("", *_session(found.session, paint))
    for opinion in found.opinions:
        yield from ("", paint("bold", f"role {visible(opinion.step.role)}"), *_said(opinion))
    if found.cures:
        title = "To take it away" if found.decision.allowed else "What would have to change"
        yield from ("", paint("bold", title))
        yield from (f"{GAP}- {visible(cure)}" for cure in found.cures)


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

    `allowed` is null where there is no such bot, or no such MCP server. Where it is served with
    different labels, `sides` has an answer for each set of them, and the whole is that of the first.
    """
    documents = [_document(*each) for each in found]
    live = {"live": documents[0]} if len(documents) > 1 else {}
    document = {"format_version": FORMAT_VERSION, **documents[-1], **live}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _document(found: Sequence[Explanation], scene: Scene) -> dict[str, Plain]:
    if not found:
        return {"scene": scene.name, "allowed": None}
    several = {"sides": [{"labels": e.side, **_answer(e)} for e in found]} if found[1:] else {}
    remarks = {"remarks": list(scene.remarks)}
    return {"scene": scene.name, **_answer(found[0]), **remarks, **several}


def _answer(found: Explanation) -> dict[str, Plain]:
    decision = found.decision
    return {
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
