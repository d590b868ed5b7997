"""What the commands for a bot's machine share: where its files come from, how a diagnosis looks."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli import _base
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.machine import bundle
from provisioner.machine.bundle import Bundle
from provisioner.text import terminal

from_option = click.option(
    "--from",
    "directory",
    type=_base.Directory(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Take the bot's files from what `provision render -o DIR` wrote.",
)


def bundle_of(
    bot: str, site: Path | None, directory: Path | None, templates: Path | None
) -> Bundle:
    """Return the files of one bot: from `directory`, else as SITE renders them.

    Raises FileError, SiteError, and click.UsageError for both at once.
    """
    if directory is not None:
        if site is not None:
            raise click.UsageError("SITE or --from DIR, not both")
        return bundle.load(bot, directory)
    prepared = _base.prepare(site or Path("site.yaml"), templates)
    return bundle.choose(bot, prepared.rendered.files)


def diagnosis_text(diagnosis: Diagnosis, paint: terminal.Paint) -> str:
    """Return one diagnosis as lines for people."""
    mark = paint("green", "ok") if diagnosis.well else paint("red", "no")
    line = f"{mark}  {diagnosis.what:<16} {terminal.visible(diagnosis.found)}"
    return f"{line}\n    = {terminal.visible(diagnosis.hint)}" if diagnosis.hint else line
