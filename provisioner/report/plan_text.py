"""A plan as text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.change import Op, Plan
from provisioner.report import _access
from provisioner.report._base import lines, on_agents, rows
from provisioner.report._verdict import command, mode, stops, summary
from provisioner.text import diagnostics
from provisioner.text.terminal import Paint, visible


def text(plan: Plan, paint: Paint, options: Sequence[str] = ()) -> str:
    """Return the whole plan, what matters most to a reviewer first.

    `options` are those that whoever wants to apply exactly this plan must give again.
    """
    parts = [_title(plan, paint)]
    if section := _access.text(plan.access, paint):
        parts.append(section)
    parts.extend(_agents(plan, paint))
    listed = rows(plan)
    if listed:
        parts.append("\n".join(line for row in listed for line in lines(row, paint)))
    if section := _access.tests(plan.tests, paint):
        parts.append(section)
    if plan.problems:
        parts.append(diagnostics.text(plan.problems, paint))
    parts.append(_end(plan, paint, options))
    return "\n\n".join(parts) + "\n"


def _title(plan: Plan, paint: Paint) -> str:
    where = visible(str(plan.cluster))
    return f"{paint('bold', 'Plan')} for {visible(plan.file)} -> {where}{mode(plan)}"


def _agents(plan: Plan, paint: Paint) -> Iterator[str]:
    found = on_agents(plan)
    if found:
        lines = [f"  {app}  {path.removeprefix('spec.')}: {value}" for app, path, value in found]
        yield "\n".join([paint("bold", "RUNS ON YOUR AGENTS"), *lines])


def _blocked(plan: Plan) -> str:
    """Return the worst of what keeps a plan from being applied, as the first word of its end."""
    if any(problem.severity == "error" for problem in plan.problems):
        return "Errors:"
    if any(note.op is Op.CONFLICT for note in plan.notes):
        return "Conflicts:"
    return "Access tests:" if stops(plan) else ""


def _end(plan: Plan, paint: Paint, options: Sequence[str]) -> str:
    if blocked := _blocked(plan):
        return f"{paint('red', blocked)} nothing of this can be applied. {summary(plan)}."
    if not plan.changes:
        extra = f" ({summary(plan)})" if plan.notes else ""
        return f"{paint('bold', 'No changes.')}{extra}"
    return "\n".join(
        [
            f"{paint('bold', 'Plan:')} {summary(plan)}.",
            f"Digest: {plan.digest}",
            f"Apply exactly this: {visible(command(plan, options))}",
        ]
    )
