"""What Teleport found when it looked at a role, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provisioner.rbac.access import Broken, Decision, LabelFinding, ToolFinding, Why
from provisioner.rbac.labels import listed
from provisioner.values import EMPTY, Body, Plain

_REFUSALS: Final[Mapping[Why, str]] = {
    Why.DENIED_SERVER: "role {role} denies the server by its labels",
    Why.DENIED_TOOL: "role {role} denies {pattern}, and so on every server",
    Why.BROKEN: "role {role} cannot be evaluated, so Teleport refuses the call",
    Why.NEEDS_MFA: "role {role} asks for session MFA, which no bot can answer",
    Why.NEEDS_DEVICE: "role {role} asks for a trusted device, which no bot has",
    Why.NO_TOOL: "no role that matches the labels has a pattern for it",
    Why.NO_SERVER: "no role matches the labels of the server",
}


def why_not(decision: Decision) -> str:
    """Return why something is refused."""
    if not decision.steps:
        return "the bot holds no role"
    return _REFUSALS[decision.why].format(role=decision.role, pattern=decision.pattern)


def fault(decision: Decision) -> str:
    """Return what cannot be evaluated, after a colon, if that settled the question."""
    if decision.why is not Why.BROKEN:
        return ""
    if isinstance(decision.entry, Broken):
        return f": {decision.entry.error}"
    step = next(step for step in decision.steps if step.role == decision.role)
    error = step.deny_labels.error or step.allow_labels.error
    return f": {error}" if error else ""


def labels_said(finding: LabelFinding, half: Mapping[str, Plain], labels: Mapping[str, str]) -> str:
    """Say what became of the labels in one half of a role, held against those of a server."""
    if finding.error:
        return f"cannot be evaluated: {finding.error}"
    parts = [_selector(finding, half, labels)] if finding.labels else []
    if finding.expression is not None:
        parts.append(f"the expression is {str(finding.expression).lower()}")
    return "; ".join(parts) or "none"


def _selector(finding: LabelFinding, half: Mapping[str, Plain], labels: Mapping[str, str]) -> str:
    match = finding.labels
    if match is None or match.why == "empty":
        return "none"
    if match.why == "everything":
        return "match every app"
    wanted = half.get("app_labels") or EMPTY
    if match.why == "keys":
        return f"match {listed({key: labels[key] for key in wanted if key in labels})}"
    asked = _listed(wanted.get(match.key))
    if match.why == "no key":
        return f"do not match: the server has no label {match.key}{asked and f' ({asked})'}"
    return f"do not match: {match.key} is {match.value}{asked and f', {asked}'}"


def _listed(values: Plain) -> str:
    texts = (values,) if isinstance(values, str) else tuple(values or ())
    return f"wanted is {' or '.join(texts)}" if texts else ""


def tools_said(finding: ToolFinding | None, half: Mapping[str, Plain]) -> str:
    """Say what became of a tool in the list of one half of a role."""
    entry = finding.entry if finding else None
    if isinstance(entry, Broken):
        return f"{entry.text} cannot be compiled: {entry.error}"
    if entry is not None:
        source = f", which {entry.source} comes to" if entry.source != entry.text else ""
        return f"{entry.text} matches{source}"
    number = len((half.get("mcp") or EMPTY).get("tools") or ())
    return _NO_MATCH.get(number, f"none of {number} entries matches")


_NO_MATCH: Final = {0: "none", 1: "its one entry does not match"}


def half_of(body: Body, name: str) -> Mapping[str, Plain]:
    """Return `allow` or `deny` of a role, empty where it has none."""
    half: Mapping[str, Plain] = (body.get("spec") or EMPTY).get(name) or EMPTY
    return half
