"""provision snapshot."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner.cli import _base
from provisioner.cluster import snapshot
from provisioner.system import files


@click.command("snapshot", short_help="Record the live state, without secrets.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="The file to write, such as live.json.",
)  # fmt: skip
@_base.cluster_options
def command(
    output: Path,
    reach: _base.Reach,
) -> int:
    """Record roles, bots, apps and what agents serve, so that a plan needs no credentials.

    Use it with `--cluster file:live.json`. Secrets are never in it.
    """
    live = reach.open()
    with reach.teller:
        reach.teller.phase("reading the cluster")
        taken = snapshot.take(live, now=datetime.now(UTC))
    files.write(output, (json.dumps(taken, indent=2, ensure_ascii=False) + "\n").encode())
    counts = ", ".join(
        f"{len(found)} {kind}" for kind, found in taken["documents"].items() if found
    )
    _base.say(f"{output}: {counts or 'nothing'} of cluster {taken['cluster']['name']}")
    return 0
