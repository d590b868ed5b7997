"""provision tools."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from provisioner.cli import _base
from provisioner.cli._command import WithCommand
from provisioner.cli._ways import Roles, Ways, joining, reaching
from provisioner.errors import ProvisionError, SiteError
from provisioner.rbac.inquiry import Scene
from provisioner.report import tools_json, tools_text
from provisioner.site import sitefile
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.site.redaction import excerpted
from provisioner.system import files
from provisioner.text.terminal import visible
from provisioner.tools import lock, pinned
from provisioner.tools.drift import Comparison, compare
from provisioner.tools.inventory import Unreadable
from provisioner.tools.lock import Lock, Pin
from provisioner.workflow import Prepared

DRIFT: Final = 2


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
    is_written = bool(new.pins or not found) and files.write(path, lock.text(new).encode())
    _base.say(f"{visible(str(path))}: {'written' if is_written else 'unchanged'}")
    return int(any(isinstance(reading, Unreadable) for reading in found.values()))


@command.command("check", cls=WithCommand)
@_base.site_argument
@reaching
@joining
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@_base.templates_option
@_base.color_option
def check(
    site: Path, ways: Ways, roles: Roles, layout: str, templates: Path | None, color: str
) -> int:
    """Hold what servers say against what is pinned, and say who may call what is new.

    Exit code 2 if something is not as pinned; 1 if there is no baseline or a server cannot be read.
    """
    prepared = _base.prepare(site, templates)
    return _compare(prepared, ways, roles, _Shown(site, layout, color, full=False))


@command.command("diff", cls=WithCommand)
@_base.site_argument
@reaching
@joining
@click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text")
@_base.templates_option
@_base.color_option
def diff(
    site: Path, ways: Ways, roles: Roles, layout: str, templates: Path | None, color: str
) -> int:
    """Show what is not as pinned, with the old and the new text.

    Exit codes as of `tools check`.
    """
    prepared = _base.prepare(site, templates)
    return _compare(prepared, ways, roles, _Shown(site, layout, color, full=True))


class _Shown(Struct, frozen=True):
    """How a comparison is told; `full`: with the old and the new text."""

    site: Path
    layout: str
    color: str
    full: bool

    def tell(self, comparisons: Sequence[Comparison], scene: Scene) -> None:
        """Write it to stdout."""
        if self.layout == "json":
            path = str(self.site.with_name(lock.FILE))
            click.echo(tools_json.as_json(comparisons, path, scene))
        elif comparisons:
            paint = _base.paint(self.color)
            click.echo(tools_text.drift(comparisons, scene, paint, full=self.full))


def _compare(prepared: Prepared, ways: Ways, roles: Roles, shown: _Shown) -> int:
    pins = prepared.lock.pins
    scene = roles.scene(prepared)
    there = {server.name for server in scene.world.servers}
    servers = [ways.server] if ways.server else _checkable(prepared.site, prepared.lock, there)
    if not servers:
        _base.say(f"note: nothing to check: no MCP server of {visible(str(shown.site))} is pinned")
    found = ways.read([server for server in servers if server in pins], prepared.site)
    comparisons = [compare(s, pins.get(s), found.get(s), scene.world) for s in servers]
    shown.tell(comparisons, scene)
    return _exit_code(comparisons)


def _checkable(site: Site, pins: Lock, there: Container[str]) -> list[str]:
    """Return the servers to be checked: those of the site, and those of others that are pinned.

    One whose tools the site lists itself need not be pinned.
    """
    listed = site.mcp_servers
    own = [name for name, each in listed.items() if name in pins.pins or each.tools is None]
    return [*own, *(name for name in sorted(pins.pins) if name in there and name not in listed)]


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
