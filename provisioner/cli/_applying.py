"""What follows a plan that may be applied: the question, the outcomes, the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from msgspec import Struct

from provisioner import workflow
from provisioner.change import Plan
from provisioner.cli._approval import Approval
from provisioner.cli._reach import Reach
from provisioner.cli._reporting import reporting
from provisioner.cli._teller import Teller
from provisioner.cluster.port import WritableCluster
from provisioner.errors import Refused
from provisioner.events import Event
from provisioner.report import outcome
from provisioner.text.terminal import Paint, visible
from provisioner.workflow import Prepared


class Applying(Struct, frozen=True):
    """One plan on its way into one cluster."""

    plan: Plan
    prepared: Prepared
    live: WritableCluster
    reach: Reach
    paint: Paint

    def confirm(self, *, yes: bool) -> None:
        """Ask, unless `yes` or there is nothing to do. Raises Refused."""
        if yes or not self.plan.changes:
            return
        if not sys.stdin.isatty():
            raise Refused(
                "nobody can be asked here: stdin is not a terminal",
                hint="after a review of the plan: --yes, best with --expect DIGEST",
            )
        self.reach.teller.phase("asking")
        self.reach.teller.quiet()
        where = visible(self.plan.cluster.name)
        answer = click.prompt(f"Apply to {where}? Only `yes` is a yes", default="no", err=True)
        if answer != "yes":
            raise Refused("nothing was applied: the answer was not `yes`")

    def carry_out(self, report: Path | None, approval: Approval) -> None:
        """Make the changes, tell every outcome, and keep the report if one is wanted.

        Raises what `workflow.carry_out` does, and FileError when the report cannot be written.
        """
        with reporting(report, self.plan, approval) as heard:
            if self.plan.changes:
                events = workflow.carry_out(
                    self.plan, self.prepared, self.live, pauses=self.reach.pauses
                )
                _tell(self.plan, events, heard, self.reach.teller, self.paint)


def _tell(
    plan: Plan,
    events: Iterator[Event],
    heard: Callable[[Event], None],
    teller: Teller,
    paint: Paint,
) -> None:
    """Tell every outcome as it happens; whatever ends the apply, say what was not done.

    What is `heard` is on record before the next step is made.
    """
    told: list[Event] = []
    with teller:
        try:
            for event in events:
                heard(event)
                told.append(event)
                if line := outcome.line(event, paint):
                    teller.line(line, event)
                else:
                    teller.hear(event)
        finally:
            for line in outcome.unfinished(plan.changes, told):
                teller.line(line)
            teller.line(f"\n{outcome.summary(plan.changes, told)}.")
