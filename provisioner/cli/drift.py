"""provision drift."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from provisioner.change import Plan
from provisioner.cli import _base, _plans, _reach
from provisioner.errors import ProvisionError, SiteError
from provisioner.report import drift, plan_json
from provisioner.system import files

DIFFERS: Final = 2


@click.command("drift", short_help="Whether somebody else changed what SITE manages.")
@_plans.sites_argument
@click.option(
    "--format", "layout", type=click.Choice(["text", "json", "markdown", "line"]), default="text"
)
@click.option(
    "--summary", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write it as Markdown to a file, for the summary of a job.",
)  # fmt: skip
@_reach.cluster_options
@_base.templates_option
@_base.color_option
def command(
    sites: tuple[Path, ...], layout: str, summary: Path | None,
    reach: _reach.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Say what was changed in the cluster by another hand since the last apply: exit code 2.

    Changes of SITE that are not applied yet are only counted. A resource that was deleted looks like
    one that was never applied, and counts as pending. Never writes to the cluster.

    SITE is site.yaml if none is given. Of several, each is told, and the worst of their exit codes is
    that of all: 1, where nobody could look, before 2.
    """
    _base.require_apart((summary,), (*_plans.named(sites), *reach.file))
    found = _plans.make(sites, reach, _base.load_templates(templates), prune=False)
    if summary is not None:
        files.write(summary, _markdown(found).encode(errors="backslashreplace"))
    click.echo(_told(found, layout, color), nl=False)
    return _plans.worst(map(_code, found.values()))


def _told(found: _plans.Found, layout: str, color: str) -> str:
    if layout == "json":
        return _as_json(found)
    if layout == "markdown":
        return _markdown(found)
    if layout == "line":
        return "".join(f"{line}\n" for line in _each(found, drift.line, drift.unseen))
    paint = _base.paint(color)
    tell = partial(drift.text, paint=paint)
    return "\n".join(_each(found, tell, lambda *failed: f"{drift.unseen(*failed)}\n"))


def _markdown(found: _plans.Found) -> str:
    return "\n".join(_each(found, drift.markdown, drift.unseen_markdown))


def _each(
    found: _plans.Found,
    tell: Callable[[Plan], str],
    unseen: Callable[[str, ProvisionError], str],
) -> Iterator[str]:
    """Yield what is told of each site; of the only one that failed, its error on stderr says all."""
    for file, made in found.items():
        if not isinstance(made, ProvisionError):
            yield tell(made)
        elif len(found) > 1:
            yield unseen(file, made)


def _as_json(found: _plans.Found) -> str:
    now = datetime.now(UTC)
    documents = [plan_json.drift_document(plan, now) for plan in _plans.made(found)]
    whole = documents[0] if len(found) == 1 else _plans.several(found, documents)
    return json.dumps(whole, indent=2, ensure_ascii=False, default=repr) + "\n"


def _code(found: Plan | ProvisionError) -> int:
    if isinstance(found, ProvisionError):
        return found.exit_code
    if any(problem.severity == "error" for problem in found.problems):
        return SiteError.exit_code
    drifted, _ = found.apart()
    return DIFFERS if drifted else 0
