"""provision doctor."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner import workflow
from provisioner.cli import _base
from provisioner.doctor import examine
from provisioner.errors import SiteError
from provisioner.terminal import visible


@click.command("doctor", short_help="See whether tctl, versions and permissions will do.")
@click.argument("site", type=click.Path(path_type=Path), required=False)
@_base.cluster_options
@_base.color_option
def command(site: Path | None, reach: _base.Reach, color: str) -> int:
    """Look at tctl, the cluster, their versions and what may be read; SITE adds its own needs."""
    checked = workflow.check(site) if site else None
    if checked and checked.site is None:
        raise SiteError(checked.problems)
    paint, ill = _base.paint(color), False
    for diagnosis in examine(reach.open, checked.site if checked else None):
        reach.teller.quiet()
        mark = paint("green", "ok") if diagnosis.well else paint("red", "no")
        click.echo(f"{mark}  {diagnosis.what:<16} {visible(diagnosis.found)}")
        if diagnosis.hint:
            click.echo(f"    = {visible(diagnosis.hint)}")
        ill = ill or not diagnosis.well
    return 1 if ill else 0
