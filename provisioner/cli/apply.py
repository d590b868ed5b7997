"""provision apply."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from provisioner import outdir, workflow
from provisioner.change import Event, Key, Plan
from provisioner.cli import _base
from provisioner.cli._approval import Approval, approval_options
from provisioner.cli._limits import complete, limits_options
from provisioner.cli._reporting import reporting
from provisioner.cli._teller import Teller
from provisioner.errors import Refused
from provisioner.judge import Limits, judge
from provisioner.report import outcome, plan_text
from provisioner.terminal import Paint, visible


@click.command("apply", short_help="Plan, judge, ask, apply in order, read back.")
@_base.site_argument
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option("--prune", is_flag=True, help="Delete and revoke what is ours and no longer in SITE.")
@approval_options
@_base.only_option
@limits_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Also write what `render` writes.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep a report of what was done, as JSON, also when this is killed.",
)  # fmt: skip
@_base.cluster_options
@_base.templates_option
@_base.color_option
def command(
    site: Path, yes: bool, prune: bool, only: tuple[Key, ...], output: Path | None,
    report: Path | None,
    approval: Approval, limits: Limits,
    reach: _base.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Bring the live cluster to SITE: plan, judge, ask, apply in order, read back."""
    paint, (prune, only) = _base.paint(color), approval.mode(prune, only)
    prepared = workflow.prepare(approval.site(site), _base.load_templates(templates))
    approval.require_current(prepared)
    live = reach.open_writable()
    with reach.teller:
        plan = workflow.make_plan(prepared, live, prune=prune, only=only)
    click.echo(plan_text.text(plan, paint, _base.again(reach, templates)))
    judge(plan, complete(limits, approval, reach))
    approval.tell(plan)
    if plan.changes:
        _confirm(plan, yes=yes)
    if output is not None:
        outdir.write(output, prepared.rendered.files)
    with reporting(report, plan, approval) as heard:
        if plan.changes:
            events = workflow.carry_out(plan, prepared, live, pauses=reach.pauses)
            _tell(plan, events, heard, reach.teller, paint)
    return 0


def _confirm(plan: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "nobody can be asked here: stdin is not a terminal",
            hint="after a review of the plan: --yes, best with --expect DIGEST",
        )
    where = visible(plan.cluster.name)
    answer = click.prompt(f"Apply to {where}? Only `yes` is a yes", default="no", err=True)
    if answer != "yes":
        raise Refused("nothing was applied: the answer was not `yes`")


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
                    teller.line(line)
                else:
                    teller.hear(event)
        finally:
            for line in outcome.unfinished(plan.changes, told):
                teller.line(line)
            teller.line(f"\n{outcome.summary(plan.changes, told)}.")
