"""provision local."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli import _base
from provisioner.cluster import local, snapshot
from provisioner.system import files

RELEASE = "18.8.3"


@click.group("local", short_help="Make an embedded cluster.")
def command() -> None:
    """Work with an embedded cluster: one file that behaves as Teleport does."""


@command.command("init", short_help="Make a new embedded cluster.")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from", "source", type=click.Path(path_type=Path, dir_okay=False),
    help="Fill it from a snapshot instead of Teleport's preset roles.",
)  # fmt: skip
@click.option("--name", help="The cluster's name.  [default: the snapshot's, or the file's]")
@click.option(
    "--teleport-version",
    help=f"The release it behaves as.  [default: the snapshot's, or {RELEASE}]",
)
def init(path: Path, source: Path | None, name: str | None, teleport_version: str | None) -> int:
    """Make a new embedded cluster at PATH; a file that exists is never touched."""
    taken = snapshot.parse(files.read_bytes(source), str(source)) if source else None
    if taken:
        taken.require(snapshot.WHOLE)
    info = taken.info() if taken else None
    made = local.create(
        path,
        name=name or (info.name if info else path.stem),
        version=teleport_version or (info.version if info else RELEASE),
        documents=[body for found in taken.documents.values() for body in found] if taken else None,
    )
    _base.say(f"{path}: cluster {made.info().name}, Teleport {made.info().version}")
    return 0
