"""provision plan."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner import files, workflow
from provisioner.cli import _base
from provisioner.errors import Refused
from provisioner.report import plan_json, plan_text


@click.command("plan", short_help="Show the difference to the live cluster.")
@_base.site_argument
@click.option("--prune", is_flag=True, help="Delete and revoke what is ours and no longer in SITE.")
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the plan as JSON to a file.",
)  # fmt: skip
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@_base.cluster_options
@_base.templates_option
@_base.color_option
def command(
    site: Path, prune: bool, layout: str, output: Path | None, detailed_exitcode: bool,
    reach: _base.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Show what it takes to bring the live cluster to SITE. Never writes to the cluster."""
    prepared = workflow.prepare(site, _base.load_templates(templates))
    live = reach.open()
    with reach.teller:
        plan = workflow.make_plan(prepared, live, prune=prune)
    document = plan_json.as_json(plan, datetime.now(UTC))
    if output is not None:
        files.write(output, f"{document}\n".encode(errors="backslashreplace"))
    if layout == "json":
        click.echo(document)
    else:
        options = _base.again(reach, templates)
        click.echo(plan_text.text(plan, _base.paint(color), options), nl=False)
    if any(problem.severity == "error" for problem in plan.problems):
        return 1
    if any(test.state != "passed" for test in plan.tests):
        return Refused.exit_code
    return 2 if detailed_exitcode and plan.changes else 0
