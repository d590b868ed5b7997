"""Plans of several sites side by side: a line each."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.change import Plan
from provisioner.errors import ProvisionError
from provisioner.report._layout import aligned
from provisioner.report._verdict import outcome, stops, summary
from provisioner.text.terminal import Paint, plural, visible


def text(found: Mapping[str, Plan | ProvisionError], paint: Paint) -> str:
    """Return an overview of what became of each site file, in the order of `found`."""
    lines = aligned([_cells(file, made) for file, made in found.items()])
    return "\n".join(
        [
            f"{paint('bold', 'SITES')}  {_counted(found)}",
            *(
                f"  {paint(_style(made), line)}"
                for line, made in zip(lines, found.values(), strict=True)
            ),
        ]
    )


def _cells(file: str, made: Plan | ProvisionError) -> tuple[str, str, str]:
    if isinstance(made, ProvisionError):
        return visible(file), "-", f"not planned: {visible(made.message)}"
    return visible(file), visible(made.cluster.name), f"{outcome(made)} ({summary(made)})"


def _counted(found: Mapping[str, Plan | ProvisionError]) -> str:
    plans = [made for made in found.values() if isinstance(made, Plan)]
    parts = [f"{len(plans)} of {plural(len(found), 'site')} planned"]
    parts += [f"{plural(sum(len(plan.changes) for plan in plans), 'change')}"]
    return ", ".join(parts)


def _style(made: Plan | ProvisionError) -> str:
    if isinstance(made, ProvisionError) or stops(made):
        return "red"
    return "yellow" if made.changes else "dim"
