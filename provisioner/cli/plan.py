"""provision plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from provisioner.change import Key
from provisioner.cli import _base, _plans, _reach
from provisioner.cli._approval import age
from provisioner.system import files


@click.command("plan", short_help="Show the difference to the live cluster.")
@_plans.sites_argument
@click.option("--prune", is_flag=True, help="Delete and revoke what is ours and no longer in SITE.")
@_base.only_option
@click.option("--format", "layout", type=click.Choice(list(_plans.FORMATS)), default="text")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the plan as JSON to a file.",
)  # fmt: skip
@click.option(
    "--summary", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the plan as Markdown to a file, for the summary of a job: up to 1 MB.",
)  # fmt: skip
@click.option(
    "--whole-at", metavar="URL", envvar="PROVISION_WHOLE_AT", default="",
    help="Where all of it is to be seen, for Markdown that had to be cut.",
)  # fmt: skip
@click.option(
    "--max-age", callback=age, metavar="DURATION",
    help="How old the snapshot of --cluster file:PATH may be; else exit 4.  [default: any age]",
)  # fmt: skip
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@_reach.cluster_options
@_base.templates_option
@_base.color_option
def command(
    sites: tuple[Path, ...], prune: bool, only: tuple[Key, ...], layout: str,
    output: Path | None, summary: Path | None, whole_at: str, max_age: timedelta,
    detailed_exitcode: bool,
    reach: _reach.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Show what it takes to bring the live cluster to SITE. Never writes to the cluster.

    SITE is site.yaml if none is given. Several are planned one after the other, and the worst of
    their exit codes is that of all: 1 before 4 before 3 before 2 before 0.
    """
    if len(sites) > 1 and (output is not None or only or layout == "html"):
        raise click.UsageError("-o, --only and --format html take the plan of one SITE")
    _base.require_apart((output, summary), (*_plans.named(sites), *reach.file))
    loaded = _base.load_templates(templates)
    found = _plans.make(sites, reach, loaded, prune=prune, only=only, max_age=max_age)
    manner = _plans.Manner(_base.paint(color), _reach.again(reach, templates), loaded, whole_at)
    if output is not None:
        files.write(output, _plans.as_json(found, manner).encode(errors="backslashreplace"))
    if summary is not None:
        text = _plans.markdown(found, manner, summary=True)
        files.write(summary, text.encode(errors="backslashreplace"))
    click.echo(_plans.FORMATS[layout](found, manner), nl=False)
    return _plans.exit_code(found, detailed=detailed_exitcode)
