"""provision check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from provisioner import workflow
from provisioner.checks.explanation import explain
from provisioner.cli import _base, _plans
from provisioner.cli._exposure import warn
from provisioner.cli._telling import telling_options
from provisioner.effort import Tell
from provisioner.errors import FileError, SiteError
from provisioner.report import check_junit, check_sarif, explanation
from provisioner.site import sitefile
from provisioner.templating.templates import Templates
from provisioner.text import diagnostics
from provisioner.text.terminal import Paint, visible
from provisioner.workflow import Checked


@click.command("check", short_help="Judge a site file alone.")
@_plans.sites_argument
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
    sites: tuple[Path, ...], layout: str, key: str | None, templates: Path | None, color: str
) -> int:  # fmt: skip
    """Judge SITE alone: syntax, keys, names, references, the rules of Teleport, access tests.

    SITE is site.yaml if none is given; each of several is judged by itself. Every problem is shown
    at once, with its place and the cure. Exit code 1 when there are errors.
    """
    given = _plans.named(sites)
    if key is not None:
        if len(given) > 1:
            raise click.UsageError("--explain is about one SITE")
        return _explain(given[0], key, layout, color)
    loaded = _base.load_templates(templates)
    with _base.teller() as telling:
        found = dict(_examined(given, loaded, telling.hear))
    for checked in found.values():
        if checked.document is not None:
            warn(*map(Path, checked.document.files))
    click.echo(_told(found, layout, color), nl=False)
    return 1 if any(checked.site is None for checked in found.values()) else 0


def _examined(
    sites: Sequence[Path], templates: Templates, tell: Tell
) -> Iterator[tuple[Path, Checked]]:
    """Yield what was found in each site; of several, one that cannot be read is a finding itself."""
    for site in sites:
        try:
            yield site, workflow.examine(site, templates, tell)
        except FileError as error:
            if len(sites) == 1:
                raise
            yield site, Checked(None, None, (sitefile.unreadable(site, error),))


def _told(found: Mapping[Path, Checked], layout: str, color: str) -> str:
    """Return what was found in all sites; what has no place is about the first of them."""
    if layout == "text":
        paint = _base.paint(color)
        return "".join(_block(site, checked, paint) for site, checked in found.items())
    problems = [problem for checked in found.values() for problem in checked.problems]
    first = str(next(iter(found)))
    if layout == "json":
        return f"{diagnostics.as_json(problems)}\n"
    if layout == "sarif":
        return f"{check_sarif.text(problems, first)}\n"
    if layout == "junit":
        tests = [test for checked in found.values() for test in checked.tests]
        return f"{check_junit.text(problems, tests, first)}\n"
    return f"{diagnostics.github(problems)}\n" if problems else ""


def _block(site: Path, checked: Checked, paint: Paint) -> str:
    problems = checked.problems
    shown = f"{diagnostics.text(problems, paint)}\n\n" if problems else ""
    return f"{shown}{visible(str(site))}: {diagnostics.summary(problems)}\n"


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
