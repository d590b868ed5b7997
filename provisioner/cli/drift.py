"""provision drift."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner import workflow
from provisioner.change import Plan
from provisioner.cli import _base
from provisioner.report import drift, plan_json
from provisioner.system import files

DIFFERS = 2


@click.command("drift", short_help="Whether somebody else changed what SITE manages.")
@_base.site_argument
@click.option(
    "--format", "layout", type=click.Choice(["text", "json", "markdown", "line"]), default="text"
)
@click.option(
    "--summary", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write it as Markdown to a file, for the summary of a job.",
)  # fmt: skip
@_base.cluster_options
@_base.templates_option
@_base.color_option
def command(
    site: Path, layout: str, summary: Path | None,
    reach: _base.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Say what was changed in the cluster by another hand since the last apply: exit code 2.

    Changes of SITE that are not applied yet are only counted. A resource that was deleted looks like
    one that was never applied, and counts as pending. Never writes to the cluster.
    """
    prepared = _base.prepare(site, templates)
    live = reach.open()
    with reach.teller:
        plan = workflow.make_plan(prepared, live, prune=False, tell=reach.teller.hear)
    if summary is not None:
        files.write(summary, drift.markdown(plan).encode(errors="backslashreplace"))
    click.echo(_told(plan, layout, color), nl=False)
    if any(problem.severity == "error" for problem in plan.problems):
        return 1
    drifted, _ = plan.apart()
    return DIFFERS if drifted else 0


def _told(plan: Plan, layout: str, color: str) -> str:
    if layout == "json":
        document = plan_json.drift_document(plan, datetime.now(UTC))
        return json.dumps(document, indent=2, ensure_ascii=False, default=repr) + "\n"
    if layout == "markdown":
        return drift.markdown(plan)
    return f"{drift.line(plan)}\n" if layout == "line" else drift.text(plan, _base.paint(color))
