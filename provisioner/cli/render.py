"""provision render."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli import _base
from provisioner.cli._telling import telling_options
from provisioner.system import outdir
from provisioner.text.terminal import visible


@click.command("render", short_help="Write every file that the site comes to.")
@_base.site_argument
@click.option(
    "-o", "--output", type=_base.Directory(path_type=Path, file_okay=False), required=True,
    help="The directory to write to.",
)  # fmt: skip
@click.option(
    "--check", is_flag=True, help="Compare and write nothing; exit code 2 on a difference."
)
@_base.templates_option
@telling_options
def command(site: Path, output: Path, check: bool, templates: Path | None) -> int:
    """Write roles, apps, bots, tbot.yaml and client files of SITE to a directory.

    Files that are equal are left alone; only files that an earlier render wrote are removed.
    """
    prepared = _base.prepare(site, templates)
    wanted = prepared.rendered.files
    with _base.teller() as telling:
        telling.phase("comparing files" if check else "writing files")
        difference = outdir.compare(output, wanted) if check else outdir.write(output, wanted)
    for label, names in (
        ("missing" if check else "new", difference.missing),
        ("changed", difference.changed),
        ("stale" if check else "removed", difference.stale),
        ("extra", difference.extra),
    ):
        for name in names:
            click.echo(f"{label:<8} {visible(name)}")
    found = "different" if difference else "no difference"
    _base.say(f"{visible(str(output))}: {len(wanted)} files, {found}")
    return 2 if check and difference else 0
