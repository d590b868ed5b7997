"""provision try."""

from __future__ import annotations

import gc
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Final

import click

from provisioner import proxy
from provisioner.checks.worlds import site_world
from provisioner.cli import _base
from provisioner.cli._command import WithCommand
from provisioner.errors import ProvisionError
from provisioner.rbac.access import Checker, Server
from provisioner.text.terminal import visible
from provisioner.workflow import Prepared

_CLIENT: Final = (0, 1)  # the MCP client is at our standard input and output
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


@click.command("try", cls=WithCommand, short_help="Run an MCP server as a bot would see it.")
@click.argument("bot")
@click.argument("server")
@_base.site_argument
@_base.templates_option
def command(
    bot: str, server: str, site: Path, templates: Path | None, argv: tuple[str, ...]
) -> int:
    """Run the MCP server COMMAND behind the roles that SITE gives to BOT, as Teleport would.

    Put it in the place of the server's command in any MCP client: lists of tools show only those
    that BOT may call on SERVER, and calls of others are refused. What is kept from the client is
    told on stderr. The exit code is that of the server.
    """
    if not argv:
        raise click.UsageError("say how the server is started: -- COMMAND...")
    prepared = _base.prepare(site, templates)
    checker, at = _session(prepared, bot, server)
    gc.enable()  # it stays for as long as its client does
    with _leaving():
        return proxy.serve(argv, proxy.referee(checker, at), _CLIENT, _tell)


def _session(prepared: Prepared, bot: str, server: str) -> tuple[Checker, Server]:
    """Return who calls and what is called. Raises ProvisionError if there is no such session."""
    world = site_world(prepared.site, prepared.rendered.resources)
    identities = {each.name: each for each in world.identities}
    servers = {each.name: each for each in world.servers}
    _require(bot, identities, "bot")
    _require(server, servers, "MCP server")
    known = {r.key.name for r in prepared.rendered.resources if r.key.kind == "role"}
    for role in prepared.site.bots[bot].roles:
        if role not in known:
            _tell(f"role {visible(role)} is not in this site: what it says counts for nothing here")
    checker = Checker(identities[bot])
    decision = checker.connect(servers[server])
    if not decision.allowed:
        by = f" (role {visible(decision.role)})" if decision.role else ""
        raise ProvisionError(
            f"bot {visible(bot)} cannot connect to {visible(server)}: {decision.why}{by}",
            hint=f"provision access explain {bot} {server} TOOL says why in full",
        )
    return checker, servers[server]


def _require(name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
        raise ProvisionError(f"{visible(name)} is no {what} of this site", hint=hint)


@contextmanager
def _leaving() -> Iterator[None]:
    """Leave in order at the signals with which clients end servers: ours must not stay behind."""
    before = {number: signal.signal(number, _leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _tell(text: str) -> None:
    _base.say(f"provision try: {text}")
