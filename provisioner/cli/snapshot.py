"""provision snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from provisioner import workflow
from provisioner.cli import _base, _reach
from provisioner.cluster import snapshot
from provisioner.cluster.port import Scope
from provisioner.planning.reduction import reduced
from provisioner.system import files
from provisioner.text.terminal import visible


@click.command("snapshot", short_help="Record the live state, without secrets.")
@click.argument("site", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="The file to write, such as live.json.",
)  # fmt: skip
@click.option(
    "--prune", is_flag=True, help="Record what a plan of SITE with --prune needs, tokens above all."
)
@_reach.cluster_options
@_base.templates_option
def command(
    site: Path | None,
    output: Path,
    prune: bool,
    reach: _reach.Reach,
    templates: Path | None,
) -> int:  # fmt: skip
    """Record roles, bots, apps and what agents serve, so that a plan needs no credentials.

    Use it with `--cluster file:live.json`. With SITE it holds what the plan of SITE needs, its join
    tokens too, and of all else hardly more than names: such a file can be committed. Secrets are
    never in it.
    """
    if prune and site is None:
        raise click.UsageError("--prune is about the plan of a SITE")
    _base.require_apart((output,), (*([site] if site else ()), *reach.file))
    scope = _scope(site, templates, prune=prune)
    live = reach.open()
    with reach.teller:
        reach.teller.phase("reading the cluster")
        taken = snapshot.take(live, now=datetime.now(UTC), scope=scope)
    if site is not None:
        taken = reduced(taken, scope)
    files.write(output, (json.dumps(taken, indent=2, ensure_ascii=False) + "\n").encode())
    _base.say(f"{visible(str(output))}: {_counted(taken)}")
    return 0


def _scope(site: Path | None, templates: Path | None, *, prune: bool) -> Scope:
    """Return what to record: what a plan of the site would read, or all but tokens."""
    if site is None:
        return snapshot.WHOLE
    prepared = workflow.prepare(site, _base.load_templates(templates))
    return workflow.scope(prepared, prune=prune)


def _counted(taken: Mapping[str, Any]) -> str:
    counts = ", ".join(
        f"{len(found)} {kind}" for kind, found in taken["documents"].items() if found
    )
    told = f"{counts or 'nothing'} of cluster {visible(taken['cluster']['name'])}"
    if "site" not in taken:
        return told
    cut = sum(map(len, taken["left_out"].values()))
    left = f"; {cut} others cut or left out" if cut else ""
    return f"{told}, for site {taken['site']} alone{left}"
