"""provision adopt."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from provisioner import workflow
from provisioner.applying.judge import Limits, judge
from provisioner.change import Adoption, Key
from provisioner.cli import _base, _reach
from provisioner.cli._applying import Applying
from provisioner.cli._approval import Approval, digest
from provisioner.cli._exposure import require_closed
from provisioner.cli._limits import complete, limits_options
from provisioner.cli._reporting import report_option
from provisioner.cli._turn import in_turn, lock_option
from provisioner.cluster.kinds import KINDS
from provisioner.report import plan_json, plan_text

_KEY: Final = re.compile(rf"(?:{'|'.join(KINDS)})/[^/]+")


@click.command("adopt", short_help="Take over what already lives in the cluster.")
@click.argument("words", metavar="[KIND/NAME]... [SITE]", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="All that SITE names and nobody looks after."
)
@click.option(
    "--from-site", metavar="NAME",
    help="Take over from this site; without KIND/NAME, all that SITE names of it.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and write nothing.")
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--expect",
    metavar="DIGEST",
    callback=digest,
    help="Adopt only by the plan with this digest; else exit 4.",
)
@limits_options
@_reach.cas_option
@report_option
@lock_option
@_reach.cluster_options
@_base.templates_option
@_base.color_option
def command(
    words: tuple[str, ...], everything: bool, from_site: str | None,
    yes: bool, dry_run: bool, layout: str, expect: str | None, cas: bool, lock_wait: float,
    report: Path | None, limits: Limits,
    reach: _reach.Reach,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Mark live resources as belonging to SITE, which must name them, and change nothing else.

    KIND/NAME is `role/dev`, `bot/ci`, `app/files` or `token/ci-gitlab`. What differs from SITE is
    for the next plan. Presets of Teleport, and what its operator or Terraform looks after, are left
    alone unless they are named.
    """
    if layout == "json" and not dry_run:
        raise click.UsageError("--format json shows a plan: add --dry-run")
    paint = _base.paint(color)
    keys, site = _read(words)
    _require_one_way(keys, from_site, everything=everything)
    _base.require_apart((report,), (site, *reach.file))
    prepared = _base.prepare(site, templates)
    writable = None if dry_run else reach.open_writable(conditional=cas)
    with in_turn(prepared, writable, lock_wait, reach.teller):
        with reach.teller:
            plan = workflow.make_adoption(
                prepared, writable or reach.open(), Adoption(keys, from_site), reach.teller.hear
            )
        if layout == "json":
            click.echo(plan_json.as_json(plan, datetime.now(UTC)))
        else:
            click.echo(plan_text.text(plan, paint, _reach.again(reach, templates)))
        approval = Approval(expect=expect)
        judge(plan, complete(limits, approval, reach))
        if writable:
            reviewed = not yes or not plan.changes or approval.is_given
            require_closed(prepared, templates, reviewed=reviewed)
            applying = Applying(plan, prepared, writable, reach, paint)
            applying.confirm(yes=yes)
            applying.carry_out(report, approval)
    return 0


def _read(words: tuple[str, ...]) -> tuple[tuple[Key, ...], Path]:
    """Return the names, and the site file that may stand behind them. Raises click.UsageError."""
    keys = tuple(Key.of(word) for word in words if _KEY.fullmatch(word))
    others = [word for word in words if not _KEY.fullmatch(word)]
    if len(others) > 1 or (others and words[-1] != others[0]):
        raise click.UsageError(
            f"{others[0]!r} is not KIND/NAME, of {', '.join(KINDS)}; SITE comes last, if at all"
        )
    default = os.environ.get("PROVISION_SITE", "site.yaml")
    return tuple(dict.fromkeys(keys)), Path(others[0] if others else default)


def _require_one_way(keys: tuple[Key, ...], from_site: str | None, *, everything: bool) -> None:
    if everything and keys:
        raise click.UsageError("--all is all that SITE names: leave KIND/NAME out")
    if not keys and not everything and from_site is None:
        raise click.UsageError("name what to adopt: KIND/NAME, --all or --from-site NAME")
