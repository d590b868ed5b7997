"""provision install."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from provisioner.cli import _base, _machine
from provisioner.cli._telling import telling_options
from provisioner.clients import FORMATS, System
from provisioner.doctor import machine
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.doctor.permissions import User
from provisioner.errors import ProvisionError, Refused
from provisioner.machine import bundle, install
from provisioner.machine.bundle import Bundle
from provisioner.machine.install import TBOT, Proposal, Target
from provisioner.machine.locations import Machine, locate
from provisioner.machine.merge import Change, is_mergeable
from provisioner.text.terminal import Paint, plural, visible

_SIGNS: Final = {"add": "+", "update": "~", "remove": "-", "take": "="}
_STYLES: Final = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}


@click.command("install", short_help="Merge a bot's files into this machine's.")
@click.argument("bot")
@click.argument("site", type=click.Path(path_type=Path), required=False)
@_machine.from_option
@click.option(
    "--tbot", type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="Merge the identity service into this tbot.yaml.",
)  # fmt: skip
@click.option(
    "--join", metavar="NAME",
    help="With --tbot: the way to join, where the bot has several; a method, or a join's name.",
)  # fmt: skip
@click.option(
    "--client", "clients", metavar="FORMAT[=FILE]", multiple=True,
    help="Merge the entries of a client; without FILE where that client looks for it.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Take out what an earlier install put in.")
@click.option("--dry-run", is_flag=True, help="Show the difference and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. Overwrites entries that somebody edited.")
@click.option("--tbot-user", metavar="USER", help="Who runs tbot: look whether it may write there.")
@_base.templates_option
@telling_options
@_base.color_option
def command(
    bot: str, site: Path | None, directory: Path | None, tbot: Path | None, join: str | None,
    clients: tuple[str, ...], remove: bool, dry_run: bool, yes: bool, tbot_user: str | None,
    templates: Path | None, color: str,
) -> int:  # fmt: skip
    """Merge BOT's identity service and client entries into files of this machine.

    The files come from SITE, or with --from from a directory that needs to hold no more than
    tbot/BOT.yaml, or tbot/BOT.JOIN.yaml, and clients/BOT/. Only entries that an earlier install wrote are updated or
    removed; everything else in a file stays, byte for byte.
    """
    if tbot is None and not clients:
        raise click.UsageError("say what to install: --tbot FILE, --client FORMAT[=FILE]")
    if join is not None and tbot is None:
        raise click.UsageError(
            "--join goes with --tbot: clients are the same for every way to join"
        )
    paint, runs_tbot = _base.paint(color), _user(tbot_user)
    source = None if remove else _machine.bundle_of(bot, site, directory, templates)
    targets = tuple(_targets(bot, source, tbot, join, clients))
    proposals = install.propose(targets)
    for proposal in proposals:
        click.echo("\n".join(_shown(proposal, paint)))
    install.require_agreement(proposals)
    if not dry_run and any(proposal.is_needed for proposal in proposals):
        _confirm(proposals, yes=yes)
        for proposal in install.carry_out(proposals):
            _base.say(_written(proposal))
    if source is not None:
        for diagnosis in _looked(source, runs_tbot):
            if tbot is not None or not diagnosis.well:
                _base.say(_machine.diagnosis_text(diagnosis, paint))
    return 0


def _targets(
    bot: str, source: Bundle | None, tbot: Path | None, join: str | None, clients: Sequence[str]
) -> Iterator[Target]:
    """Yield every file that is named, with what is rendered for it. Raises ProvisionError."""
    if tbot is not None:
        yield Target(TBOT, tbot, bot, bundle.tbot_of(source, join) if source else None)
    for option in clients:
        name, equals, file = option.partition("=")
        if name not in FORMATS:
            raise click.UsageError(f"--client {option}: there are {', '.join(FORMATS)}")
        if not is_mergeable(FORMATS[name]):
            raise ProvisionError(
                f"format {name} is no file of entries, so that nothing can be merged",
                hint=f"copy clients/{bot}/{FORMATS[name].layouts[0].file} from what "
                "`provision render -o DIR` writes",
            )
        if source and name not in source.clients:
            raise ProvisionError(
                f"bot {bot} has no client of format {name}", hint=f"it has {source.formats}"
            )
        path = Path(file) if equals else locate(name, _this_machine())
        yield Target(name, path, bot, source.clients[name] if source else None)


def _this_machine() -> Machine:
    system: System = "linux"
    if sys.platform in ("darwin", "win32"):
        system = sys.platform
    try:
        return Machine(system, Path.home(), os.environ)
    except RuntimeError as error:
        hint = "set HOME, or name the file: --client FORMAT=FILE"
        raise ProvisionError("nobody knows where your home directory is", hint=hint) from error


def _shown(proposal: Proposal, paint: Paint) -> Iterator[str]:
    merged = proposal.merged
    yield paint("bold", f"{visible(str(proposal.real))} ({proposal.target.what})")
    if not merged.changes and not merged.conflicts:
        yield "  nothing to change" if proposal.target.rendering else "  nothing of ours in it"
    for change in merged.changes:
        sign = _SIGNS[change.op]
        yield f"  {paint(_STYLES.get(sign, 'dim'), sign)} {visible(change.name)}{_remark(change)}"
    for conflict in merged.conflicts:
        yield f"  {paint('red', '!')} {visible(conflict.message)}"
        yield f"      = {visible(conflict.hint)}"
    for warning in merged.warnings:
        yield f"  {paint('yellow', 'warning')}: {visible(warning)}"
    if not merged.conflicts:
        for line in proposal.diff():
            yield paint(_STYLES[line[0]], line) if line[0] in _STYLES else line


def _remark(change: Change) -> str:
    if change.edited:
        return ", edited by somebody since it was installed: this overwrites it"
    return ", is there already: ours from now on" if change.op == "take" else ""


def _confirm(proposals: Sequence[Proposal], *, yes: bool) -> None:
    writes = sum(proposal.writes for proposal in proposals)
    if yes or not writes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "nobody can be asked here: stdin is not a terminal",
            hint="after a review of what --dry-run shows: --yes",
        )
    edited = sum(change.edited for one in proposals for change in one.merged.changes)
    also = f", overwriting {plural(edited, 'edited entry')}" if edited else ""
    answer = click.prompt(
        f"Write {plural(writes, 'file')}{also}? Only `yes` is a yes", default="no", err=True
    )
    if answer != "yes":
        raise Refused("nothing was written: the answer was not `yes`")


def _written(proposal: Proposal) -> str:
    path, what = visible(str(proposal.real)), proposal.target.what
    if not proposal.writes:
        return f"{path}: is as it shall be"
    done = "removed" if proposal.merged.text is None else "written"
    backup = "" if proposal.before is None or done == "removed" else f", the old one is {path}.bak"
    if what == TBOT:
        after = "systemctl reload tbot, or restart it"
    else:
        after = f"restart {what}" if proposal.target.rendering is None else FORMATS[what].after
    return f"{path}: {done}{backup}\n  = {after}"


def _user(name: str | None) -> User | None:
    """Return a user of this machine. Raises ProvisionError where there is none of this name."""
    user = machine.user_named(name) if name else None
    if name and user is None:
        raise ProvisionError(f"there is no user {visible(name)} on this machine")
    return user


def _looked(source: Bundle, user: User | None) -> Iterator[Diagnosis]:
    """Yield whether tbot can write the identity, and this user read it."""
    if directory := bundle.tbot_directory(source):
        readers = bundle.readers(source)
        yield from machine.prepare(directory, user, machine.this_user(), readers)
