"""provision tools."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from provisioner.change import Progress
from provisioner.checks.worlds import site_world
from provisioner.cli import _base
from provisioner.cli._command import WithCommand
from provisioner.cli._teller import Teller
from provisioner.cli._telling import telling_options
from provisioner.errors import ProvisionError, SiteError
from provisioner.report import tools_json, tools_text
from provisioner.site import sitefile
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.site.redaction import excerpted
from provisioner.system import files
from provisioner.text.terminal import visible
from provisioner.tools import inventory, lock, pinned
from provisioner.tools.drift import Comparison, compare
from provisioner.tools.inventory import Target, Tsh, Unreadable
from provisioner.tools.lock import Lock, Pin

DRIFT: Final = 2


@dataclass(frozen=True, slots=True)
class Ways:
    """How servers are reached: what the shared options say."""

    server: str | None
    identity: str | None
    tsh: str
    url: str | None
    seconds: float
    argv: tuple[str, ...]
    teller: Teller = field(default_factory=_base.teller)

    def read(self, servers: Sequence[str], site: Site) -> Mapping[str, Pin | Unreadable]:
        """Return what the servers say now. Raises ProvisionError, click.UsageError."""
        if not servers:
            return {}  # and no tsh is needed for it
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self.teller:
            self.teller.phase("reading tools", len(servers))
            targets = self._targets(servers, site)
            return inventory.read(targets, now, self._notify, seconds=self.seconds)

    def require_one(self) -> None:
        """Raise click.UsageError where a command or URL is given for no server, or both for one."""
        if self.argv and self.url:
            raise click.UsageError("give --url or a command, not both")
        if (self.argv or self.url) and self.server is None:
            raise click.UsageError("say which MCP server this is: --server NAME")

    def _targets(self, servers: Sequence[str], site: Site) -> tuple[Target, ...]:
        if self.url:
            return (inventory.at_url(servers[0], self.url),)
        if self.argv:
            return (inventory.of_command(servers[0], self.argv),)
        tsh = Tsh(self.tsh, site.teleport.proxy, self.identity, self.teller.hear)
        return tsh.targets(servers)

    def _notify(self, done: int, total: int) -> None:
        self.teller.hear(Progress("server", done, total))


_OPTIONS: Final = (
    click.option(
        "--timeout", "seconds", type=click.FloatRange(min=0.1), default=inventory.SECONDS,
        show_default=True, help="Seconds for each server, all in all.",
    ),
    click.option("--url", help="Address of the server, which speaks streamable HTTP."),
    click.option(
        "--tsh", envvar="PROVISION_TSH", default="tsh", show_default=True, help="Path of tsh."
    ),
    click.option(
        "--identity", envvar="PROVISION_TSH_IDENTITY",
        help="Identity file of a bot, for tsh.  [default: tsh's own login]",
    ),
    click.option("--server", metavar="NAME", help="Only this MCP server."),
)  # fmt: skip


def reaching(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say how servers are reached; the command gets them as one `ways`."""

    @functools.wraps(function)
    def with_ways(
        server: str | None,
        identity: str | None,
        tsh: str,
        url: str | None,
        seconds: float,
        argv: tuple[str, ...],
        **rest: Any,
    ) -> int:
        ways = Ways(server, identity, tsh, url, seconds, argv)
        ways.require_one()
        return function(ways=ways, **rest)

    for option in _OPTIONS:
        with_ways = option(with_ways)
    return telling_options(with_ways)


@click.group("tools", short_help="Pin the tools of MCP servers, and see what became of them.")
def command() -> None:
    """Pin the tools of MCP servers in tools.lock.yaml beside SITE, and see what became of them.

    Servers are reached through Teleport with tsh, or one of them at --url, or by the command after
    `--`, which speaks MCP on its standard input and output.
    """


@command.command("pull", cls=WithCommand)
@_base.site_argument
@reaching
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@_base.color_option
def pull(site: Path, ways: Ways, layout: str, color: str) -> int:
    """Read the tools of the servers of SITE, and pin them.

    What can be read is pinned; exit code 1 if a server could not be.
    """
    path = site.with_name(lock.FILE)
    read = _read_site(site)
    old = _pins(site, is_partial=ways.server is not None)
    found = ways.read([ways.server] if ways.server else list(read.mcp_servers), read)
    comparisons = [compare(server, old.pins.get(server), pin) for server, pin in found.items()]
    if layout == "json":
        click.echo(tools_json.as_json(comparisons, str(path)))
    for comparison in comparisons if layout == "text" else ():
        click.echo(tools_text.pulled(comparison, _base.paint(color)))
    for server in found.keys() - read.mcp_servers.keys():
        _base.say(f"note: {visible(server)} is no MCP server of {visible(str(site))}")
    new = pinned.renewed(old, {s: p for s, p in found.items() if isinstance(p, Pin)})
    is_written = files.write(path, lock.text(new).encode())
    _base.say(f"{visible(str(path))}: {'written' if is_written else 'unchanged'}")
    return int(any(isinstance(reading, Unreadable) for reading in found.values()))


@command.command("check", cls=WithCommand)
@_base.site_argument
@reaching
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@_base.templates_option
@_base.color_option
def check(site: Path, ways: Ways, layout: str, templates: Path | None, color: str) -> int:
    """Hold what servers say against what is pinned, and say who may call what is new.

    Exit code 2 if something is not as pinned; 1 if there is no baseline or a server cannot be read.
    """
    return _compare(site, ways, layout, templates, color, full=False)


@command.command("diff", cls=WithCommand)
@_base.site_argument
@reaching
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@_base.templates_option
@_base.color_option
def diff(site: Path, ways: Ways, layout: str, templates: Path | None, color: str) -> int:
    """Show what is not as pinned, with the old and the new text.

    Exit codes as of `tools check`.
    """
    return _compare(site, ways, layout, templates, color, full=True)


def _compare(
    site: Path, ways: Ways, layout: str, templates: Path | None, color: str, *, full: bool
) -> int:
    prepared = _base.prepare(site, templates)
    pins = prepared.lock.pins
    servers = [ways.server] if ways.server else _checkable(prepared.site, prepared.lock)
    found = ways.read([server for server in servers if server in pins], prepared.site)
    world = site_world(prepared.site, prepared.rendered.resources)
    comparisons = [compare(s, pins.get(s), found.get(s), world) for s in servers]
    if layout == "json":
        click.echo(tools_json.as_json(comparisons, str(site.with_name(lock.FILE))))
    elif comparisons:
        click.echo(tools_text.drift(comparisons, _base.paint(color), full=full))
    return _exit_code(comparisons)


def _checkable(site: Site, pins: Lock) -> list[str]:
    """Return the servers to be checked; one whose tools the site lists itself need not be pinned."""
    return [n for n, each in site.mcp_servers.items() if n in pins.pins or each.tools is None]


def _exit_code(comparisons: Iterable[Comparison]) -> int:
    states = {comparison.state for comparison in comparisons}
    if states & {"no baseline", "unreachable"}:
        return ProvisionError.exit_code
    return DRIFT if "drift" in states else 0


def _read_site(path: Path) -> Site:
    """Read a site for the servers it names: rules may fail for the lack of what is to be pinned."""
    document, problems = sitefile.load(path)
    if document is None or problems:
        raise SiteError(problems)
    decoded = decode(document)
    if decoded.site is None:
        raise SiteError(excerpted(decoded.problems, document, decoded.unknown))
    return decoded.site


def _pins(site: Path, *, is_partial: bool) -> Lock:
    """Return what is pinned already. A lock that cannot be read is replaced only as a whole."""
    pins, problems = pinned.load(site)
    if problems and is_partial:
        raise SiteError(problems)
    return pins
