"""provision check."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner import workflow
from provisioner.cli import _base
from provisioner.report import check_junit, check_sarif
from provisioner.text import diagnostics
from provisioner.text.terminal import visible


@click.command("check", short_help="Judge a site file alone.")
@_base.site_argument
@click.option(
    "--format", "layout", type=click.Choice(["text", "json", "github", "sarif", "junit"]),
    default="text",
)  # fmt: skip
@_base.templates_option
@_base.color_option
def command(site: Path, layout: str, templates: Path | None, color: str) -> int:
    """Judge SITE alone: syntax, keys, names, references, the rules of Teleport, access tests.

    Every problem is shown at once, with its place and the cure. Exit code 1 when there are errors.
    """
    checked = workflow.examine(site, _base.load_templates(templates))
    if layout == "json":
        click.echo(diagnostics.as_json(checked.problems))
    elif layout == "sarif":
        click.echo(check_sarif.text(checked.problems, str(site)))
    elif layout == "junit":
        click.echo(check_junit.text(checked.problems, checked.tests, str(site)))
    elif layout == "github":
        if checked.problems:
            click.echo(diagnostics.github(checked.problems))
    else:
        if checked.problems:
            click.echo(diagnostics.text(checked.problems, _base.paint(color)) + "\n")
        click.echo(f"{visible(str(site))}: {diagnostics.summary(checked.problems)}")
    return 1 if checked.site is None else 0
