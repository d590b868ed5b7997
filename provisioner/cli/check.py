"""provision check."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner import workflow
from provisioner.checks.explanation import explain
from provisioner.cli import _base
from provisioner.cli._exposure import warn
from provisioner.cli._telling import telling_options
from provisioner.errors import SiteError
from provisioner.report import check_junit, check_sarif, explanation
from provisioner.text import diagnostics
from provisioner.text.terminal import visible


@click.command("check", short_help="Judge a site file alone.")
@_base.site_argument
@click.option(
    "--format", "layout", type=click.Choice(["text", "json", "github", "sarif", "junit"]),
    default="text",
)  # fmt: skip
@click.option(
    "--explain", "key", metavar="KEY",
    help="Say where a value comes from instead, such as roles.dev.tools: which files say it, and "
    "which of them counts.",
)  # fmt: skip
@_base.templates_option
@telling_options
@_base.color_option
def command(
    site: Path, layout: str, key: str | None, templates: Path | None, color: str
) -> int:  # fmt: skip
    """Judge SITE alone: syntax, keys, names, references, the rules of Teleport, access tests.

    Every problem is shown at once, with its place and the cure. Exit code 1 when there are errors.
    """
    if key is not None:
        return _explain(site, key, layout, color)
    with _base.teller() as telling:
        checked = workflow.examine(site, _base.load_templates(templates), telling.hear)
    if checked.document is not None:
        warn(*map(Path, checked.document.files))
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


def _explain(site: Path, key: str, layout: str, color: str) -> int:
    """Say where a value comes from, whether or not the site is sound."""
    if layout not in ("text", "json"):
        raise click.UsageError("--explain is told as text or as json")
    checked = workflow.check(site)
    if checked.document is None:
        raise SiteError(checked.problems)
    origins = explain(checked.document, key, checked.lock)
    if layout == "json":
        click.echo(explanation.as_json(origins, str(site), key))
    else:
        click.echo(explanation.text(origins, _base.paint(color)))
    if checked.site is None:
        _base.say(f"{visible(str(site))}: {diagnostics.summary(checked.problems)}")
    return 0
