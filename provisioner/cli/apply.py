"""provision apply."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner import workflow
from provisioner.applying.judge import Limits, judge
from provisioner.change import Key
from provisioner.cli import _base, _reach
from provisioner.cli._applying import Applying
from provisioner.cli._approval import Approval, approval_options
from provisioner.cli._exposure import require_closed
from provisioner.cli._limits import complete, limits_options
from provisioner.cli._reporting import report_option
from provisioner.cli._turn import in_turn, lock_option
from provisioner.report import plan_text
from provisioner.system import outdir


@click.command("apply", short_help="Plan, judge, ask, apply in order, read back.")
@_base.site_argument
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option("--prune", is_flag=True, help="Delete and revoke what is ours and no longer in SITE.")
@approval_options
@_base.only_option
@limits_options
@click.option(
    "-o", "--output", type=_base.Directory(path_type=Path, file_okay=False),
    help="Also write what `render` writes.",
)  # fmt: skip
@_reach.cas_option
@report_option
@lock_option
@_reach.cluster_options
@_base.templates_option
@_base.color_option
def command(
    site: Path, yes: bool, prune: bool, only: tuple[Key, ...], output: Path | None,
    report: Path | None, cas: bool, lock_wait: float,
    approval: Approval, limits: Limits,
    reach: _reach.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Bring the live cluster to SITE: plan, judge, ask, apply in order, read back."""
    paint, (prune, only) = _base.paint(color), approval.mode(prune, only)
    _base.require_apart((report,), (approval.site(site), *approval.files, *reach.file))
    prepared = _base.prepare(approval.site(site), templates)
    approval.require_current(prepared)
    live = reach.open_writable(conditional=cas)
    with in_turn(prepared, live, lock_wait, reach.teller):
        with reach.teller as telling:
            plan = workflow.make_plan(prepared, live, prune=prune, only=only, tell=telling.hear)
        click.echo(plan_text.text(plan, paint, _reach.again(reach, templates)))
        judge(plan, complete(limits, approval, reach))
        approval.tell(plan)
        reviewed = not yes or not plan.changes or approval.is_given
        require_closed(prepared, templates, reviewed=reviewed)
        applying = Applying(plan, prepared, live, reach, paint)
        applying.confirm(yes=yes)
        if output is not None:
            with reach.teller as telling:
                telling.phase("writing files")
                outdir.write(output, prepared.rendered.files)
        applying.carry_out(report, approval)
    return 0
