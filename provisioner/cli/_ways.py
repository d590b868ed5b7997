"""How `provision tools` reaches MCP servers, and the cluster whose roles it asks about."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from msgspec import Struct, field

from provisioner import scenes
from provisioner.cli import _base, _reach
from provisioner.cli._teller import Teller
from provisioner.cli._telling import telling_options
from provisioner.events import Progress
from provisioner.rbac.inquiry import Scene
from provisioner.site.model import Site
from provisioner.tools import inventory
from provisioner.tools.inventory import Target, Tsh, Unreadable
from provisioner.tools.lock import Pin
from provisioner.workflow import Prepared


class Ways(Struct, frozen=True):
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


def _finite(context: click.Context, parameter: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter("this is no number of seconds", context, parameter)
    return seconds


_OPTIONS: Final = (
    click.option(
        "--timeout", "seconds", type=click.FloatRange(min=0.1), default=inventory.SECONDS,
        show_default=True, callback=_finite, help="Seconds for each server, all in all.",
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


class Roles(Struct, frozen=True):
    """Whose roles drift is joined to: those of the site, or with --live those of a cluster."""

    live: bool
    reach: _reach.Reach

    def scene(self, prepared: Prepared) -> Scene:
        """Return who may call what. Raises WrongVersion, ClusterError, FileError."""
        if not self.live:
            return scenes.of_site(prepared)
        with self.reach.teller:
            return scenes.of_cluster(self.reach.open(), prepared.inventory.get)


_LIVE_OPTIONS: Final = (
    *_reach.CLUSTER_OPTIONS[1:],
    click.option(
        "--tctl-identity", envvar="PROVISION_IDENTITY",
        help="Identity file for tctl; needs --auth-server.",
    ),
    click.option(
        "--live", is_flag=True,
        help="Say who may call what by the roles of the cluster, others' included.",
    ),
)  # fmt: skip


def joining(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say whose roles count; the command gets them as one `roles`."""

    @functools.wraps(function)
    def with_roles(
        live: bool,
        cluster: str,
        tctl: str,
        auth_server: str | None,
        tctl_identity: str | None,
        **rest: Any,
    ) -> int:
        reach = _reach.Reach(cluster, tctl, auth_server, tctl_identity)
        return function(roles=Roles(live, reach), **rest)

    for option in _LIVE_OPTIONS:
        with_roles = option(with_roles)
    return with_roles
