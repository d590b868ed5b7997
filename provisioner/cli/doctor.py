"""provision doctor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner import workflow
from provisioner.cli import _base, _machine, _reach
from provisioner.doctor import machine
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.doctor.workstation import examine
from provisioner.errors import ProvisionError, SiteError
from provisioner.machine.bundle import Bundle


@click.command("doctor", short_help="See whether this workstation, or a bot's machine, will do.")
@click.argument("site", type=click.Path(path_type=Path), required=False)
@click.option("--bot", metavar="NAME", help="Look at this machine, as one of this bot.")
@_machine.from_option
@click.option("--user", metavar="USER", help="With --bot: who runs the MCP clients; else you.")
@_reach.cluster_options
@_base.templates_option
@_base.color_option
def command(
    site: Path | None, bot: str | None, directory: Path | None, user: str | None,
    reach: _reach.Reach, templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Look at tctl, the cluster, their versions and what may be read; SITE adds its own needs.

    With --bot look at this machine instead: whose the identity file is, whether it is fresh and can
    be read by who runs the clients, and what Teleport says it may call.
    """
    if bot is None and (directory or user):
        raise click.UsageError("--from and --user go with --bot")
    found = (
        _workstation(site, reach)
        if bot is None
        else _this_machine(_machine.bundle_of(bot, site, directory, templates), user)
    )
    paint, ill = _base.paint(color), False
    reach.teller.phase("looking at the cluster")
    for diagnosis in found:
        reach.teller.quiet()
        click.echo(_machine.diagnosis_text(diagnosis, paint))
        ill = ill or not diagnosis.well
    return 1 if ill else 0


def _workstation(site: Path | None, reach: _reach.Reach) -> Iterator[Diagnosis]:
    checked = workflow.check(site) if site else None
    if checked and checked.site is None:
        raise SiteError(checked.problems)
    return examine(reach.open, checked.site if checked else None)


def _this_machine(files_of: Bundle, name: str | None) -> Iterator[Diagnosis]:
    user = machine.user_named(name) if name else machine.this_user()
    if user is None:
        raise ProvisionError(f"there is no user {name} on this machine")
    return machine.examine(machine.expected(files_of), user, datetime.now(UTC))
