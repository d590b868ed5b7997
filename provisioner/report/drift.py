"""What moved in a cluster behind the site's back, for a schedule: text, one line, or Markdown.

What differs is told as a plan tells it: `-` is what is live, `+` what an apply would put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provisioner.change import Change, Plan
from provisioner.errors import ProvisionError
from provisioner.report._base import lines, rows_of
from provisioner.report._markdown import code, fenced, prose
from provisioner.text import diagnostics
from provisioner.text.terminal import Paint, plain, plural, visible

_NAMED: Final = 5
_LARGEST: Final = 60_000  # characters of Markdown: more than that, no forge takes for a comment


def text(plan: Plan, paint: Paint) -> str:
    """Return what drifted in full, and how much else is pending or in conflict."""
    drifted, _ = plan.apart()
    where = visible(str(plan.cluster))
    parts = [f"{paint('bold', 'Drift')} of {where} from {visible(plan.file)}"]
    if drifted:
        parts.append("\n".join(line for row in rows_of(drifted) for line in lines(row, paint)))
    if plan.problems:
        parts.append(diagnostics.text(plan.problems, paint))
    parts.append(f"{paint('bold', _verdict(drifted))}{_more(plan)}.")
    return "\n\n".join(parts) + "\n"


def line(plan: Plan) -> str:
    """Return one line that says it all, fit for a notification."""
    drifted, _ = plan.apart()
    where = visible(f"{plan.site} on {plan.cluster.name}")
    names = ", ".join(visible(str(change.key)) for change in drifted[:_NAMED])
    more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
    told = f" ({names}{more})" if drifted else ""
    return f"{where}: {_verdict(drifted).lower()}{told}{_more(plan)}"


def markdown(plan: Plan) -> str:
    """Return what drifted as Markdown: a title, the names, and the differences collapsed."""
    drifted, _ = plan.apart()
    title = f"### {code(plan.site, in_table=False)} on {code(plan.cluster.name, in_table=False)}"
    head = [f"{title} \N{MIDDLE DOT} {_verdict(drifted).lower()}", ""]
    head += [f"- {code(str(change.key), in_table=False)}{_why(change)}" for change in drifted]
    head += [""] * bool(drifted) + [prose(f"{_verdict(drifted)}{_more(plan)}.")]
    return _with_details("\n".join(head), drifted)


def unseen(file: str, error: ProvisionError) -> str:
    """Return one line about a site of which nobody could say whether it drifted."""
    return f"{visible(file)}: not looked at: {visible(error.message.splitlines()[0])}"


def unseen_markdown(file: str, error: ProvisionError) -> str:
    """Return that as Markdown."""
    title = f"### {code(file, in_table=False)} \N{MIDDLE DOT} not looked at"
    return f"{title}\n\n{prose(error.message.splitlines()[0])}\n"


def _with_details(head: str, drifted: Sequence[Change]) -> str:
    """Add the differences as long as there is room for them, and say so where there is not."""
    shown = [line for row in rows_of(drifted) for line in lines(row, plain)]
    details = [
        "",
        "<details><summary>differences</summary>",
        "",
        *fenced(shown, "text"),
        "",
        "</details>",
    ]
    whole = "\n".join([head, *details]) if drifted else head
    if len(whole) <= _LARGEST:
        return whole + "\n"
    short = f"{head}\n\nThe differences are left out: they are too long. `provision drift` shows them.\n"
    return short if len(short) <= _LARGEST else f"{short[:_LARGEST]}\n\nCut here.\n"


def _verdict(drifted: Sequence[Change]) -> str:
    return f"Drift in {plural(len(drifted), 'resource')}" if drifted else "No drift"


def _more(plan: Plan) -> str:
    """Say how much is no drift and yet not as the site has it; `plan` shows it."""
    _, pending = plan.apart()
    waiting = f", {plural(len(pending), 'change')} pending" if pending else ""
    return f"{waiting}, {len(plan.standing)} in conflict" if plan.standing else waiting


def _why(change: Change) -> str:
    reasons = {"both": "the site moved as well", "cluster": ""}
    said = change.reason or reasons.get(change.cause, "")
    return f" {prose(said)}" if said else ""
