"""Which cluster, and how it is reached: the options, and what they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from msgspec import Struct, field

from provisioner.cli._base import teller
from provisioner.cli._teller import Teller
from provisioner.cli._telling import telling_options
from provisioner.cluster.port import Cluster, WritableCluster
from provisioner.system import files

F = TypeVar("F", bound=Callable[..., Any])

AS: Final = "?as="
"""What stands in local:PATH?as=ROLE,ROLE between the file and the roles of whoever uses it."""

TCTL_PAUSES: Final = (1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0, 4.0)
"""Seconds between read-backs: Teleport answers lists from a cache. 30 in all."""


class Reach(Struct, frozen=True):
    """Which cluster, and how it is reached: what the cluster options say."""

    cluster: str
    tctl: str
    auth_server: str | None
    identity: str | None
    teller: Teller = field(default_factory=teller)

    @property
    def file(self) -> tuple[Path, ...]:
        """The file that is the cluster, where it is one."""
        kind, _, path = self.cluster.partition(":")
        return (Path(path.partition(AS)[0] if kind == "local" else path),) if path else ()

    def open(self) -> Cluster:
        """Return the cluster. Raises FileError and ClusterError."""
        kind, _, path = self.cluster.partition(":")
        if kind != "file":
            return self.open_writable()
        from provisioner.cluster.snapshot import parse

        self.teller.phase("reading the cluster")
        return parse(files.read_bytes(Path(path)), path)

    def open_writable(self, *, conditional: bool = False) -> WritableCluster:
        """Return the cluster, which must be one that can be written to.

        With `conditional`, tctl has Teleport compare revisions where it can; others always do.
        """
        kind, _, path = self.cluster.partition(":")
        if kind == "file":
            raise click.UsageError("a snapshot cannot be written to: use tctl or local:PATH")
        return self._local(path) if kind == "local" else self._tctl(conditional=conditional)

    @staticmethod
    def _local(path: str) -> WritableCluster:
        from provisioner.cluster.local import LocalCluster

        name, _, roles = path.partition(AS)
        return LocalCluster(Path(name), acting=tuple(roles.split(",")) if roles else None)

    def _tctl(self, *, conditional: bool) -> WritableCluster:
        from provisioner.cluster.tctl import Tctl, TctlOptions

        options = TctlOptions(
            path=self.tctl,
            auth_server=self.auth_server,
            identity=self.identity,
            conditional=conditional,
        )
        return Tctl(options, notify=self.teller.hear)

    @property
    def options(self) -> tuple[str, ...]:
        """The options that reach the same cluster again; of a snapshot, the live one is meant."""
        if self.cluster.startswith("file:"):
            return ()
        given = (
            ("--cluster", self.cluster, "tctl"),
            ("--tctl", self.tctl, "tctl"),
            ("--auth-server", self.auth_server, None),
            ("--identity", self.identity, None),
        )
        return tuple(
            word
            for option, value, default in given
            if value is not None and value != default
            for word in (option, value)
        )

    @property
    def pauses(self) -> tuple[float, ...]:
        """Seconds between read-backs; only Teleport lags behind itself."""
        return TCTL_PAUSES if self.cluster == "tctl" else ()


def _named(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return the name of a cluster that can be opened. Raises click.BadParameter."""
    kind, _, path = value.partition(":")
    if value == "tctl" or (kind in {"local", "file"} and path):
        return value
    raise click.BadParameter(f"{value!r}: expected tctl, local:PATH or file:PATH")


CLUSTER_OPTIONS: Final = (
    click.option(
        "--identity",
        envvar="PROVISION_IDENTITY",
        help="Identity file for tctl; needs --auth-server.",
    ),
    click.option(
        "--auth-server",
        envvar="PROVISION_AUTH_SERVER",
        help="Address of Teleport's auth service or proxy, for tctl.",
    ),
    click.option(
        "--tctl", envvar="PROVISION_TCTL", default="tctl", show_default=True, help="Path of tctl."
    ),
    click.option(
        "--cluster",
        envvar="PROVISION_CLUSTER",
        default="tctl",
        show_default=True,
        callback=_named,
        metavar="tctl|local:PATH|file:PATH",
        help="The live cluster, an embedded one, or a snapshot (read-only).",
    ),
)


def cluster_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say which cluster; the command gets them as one `reach`.

    Those that say how work is told go with them, for there is something to wait for.
    """

    @functools.wraps(function)
    def with_reach(
        cluster: str, tctl: str, auth_server: str | None, identity: str | None, **rest: Any
    ) -> int:
        return function(reach=Reach(cluster, tctl, auth_server, identity), **rest)

    for option in CLUSTER_OPTIONS:
        with_reach = option(with_reach)
    return telling_options(with_reach)


def cas_option(function: F) -> F:
    """Add --cas."""
    return click.option(
        "--cas",
        is_flag=True,
        help="Update roles by `tctl edit`, one by one: Teleport compares the revision as it writes.",
    )(function)


def again(reach: Reach, templates: Path | None) -> tuple[str, ...]:
    """Return the options that a plan depends on, to be given again when it is applied."""
    return (*reach.options, *(("--templates", str(templates)) if templates else ()))
