"""One apply at a time: on one machine, of one site, into one cluster.

The lock stands in the state directory of the user, so it holds between terminals and jobs on one
machine. Between machines nothing can be locked: there, each write looks again before it is made.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from provisioner.cli._teller import Teller
from provisioner.cluster.port import WritableCluster
from provisioner.errors import FileError, Refused
from provisioner.events import Note
from provisioner.system.locks import Locked, lock
from provisioner.text import units
from provisioner.workflow import Prepared

F = TypeVar("F", bound=Callable[..., Any])

_PRIVATE: Final = 0o700


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Return a length of time such as 90s or 5m in seconds. Raises click.BadParameter."""
    try:
        return units.nanoseconds(value) / 1e9
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a length of time such as 90s or 5m") from error


def lock_option(function: F) -> F:
    """Add --lock-wait."""
    return click.option(
        "--lock-wait",
        callback=_seconds,
        default="0s",
        show_default=True,
        metavar="DURATION",
        envvar="PROVISION_LOCK_WAIT",
        help="How long to wait for another apply of SITE on this machine; then exit 3.",
    )(function)


@contextmanager
def in_turn(
    prepared: Prepared, live: WritableCluster | None, wait: float, telling: Teller
) -> Iterator[None]:
    """Keep other applies of a site to a cluster out; without one, nobody. Raises Refused, ClusterError."""
    if live is None:
        yield
        return
    with telling:
        telling.phase("reading the cluster")
        cluster = live.info().name
    with turn(prepared.site.site, cluster, wait, telling):
        yield


@contextmanager
def turn(site: str, cluster: str, wait: float, telling: Teller) -> Iterator[None]:
    """Keep other applies of `site` to `cluster` out, waiting for one that is at work.

    Raises Refused when it is still at work after `wait` seconds. Where no lock can be kept, that is
    told, and nobody is kept out.
    """
    with ExitStack() as held:
        try:
            path = _place(site, cluster)
            dead = held.enter_context(
                lock(path, patience=wait, waiting=lambda holder: _waiting(holder, wait, telling))
            )
        except Locked as error:
            raise Refused(
                f"another apply of site {site} to {cluster} is at work: {error.holder}",
                hint="wait for it with --lock-wait 5m, or look at what it does: nothing was written",
            ) from error
        except FileError as error:
            telling.hear(Note(f"two applies at once would not be noticed: {error.message}"))
        else:
            if dead is not None:
                telling.hear(Note(f"an earlier apply did not come to its end: {dead}"))
        yield


def _waiting(holder: str, wait: float, telling: Teller) -> None:
    telling.hear(Note(f"waiting up to {wait:.0f} s for another apply: {holder}"))


def _place(site: str, cluster: str) -> Path:
    """Return the file of the lock, in a directory that exists. Raises FileError."""
    name = f"{site}-{hashlib.sha256(cluster.encode()).hexdigest()[:16]}.lock"
    directory = _state()
    try:
        directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{directory}: cannot make this directory: {error.strerror}") from error
    return directory / name


def _state() -> Path:
    """Return where state is kept: https://specifications.freedesktop.org/basedir-spec."""
    if given := os.environ.get("PROVISION_STATE_DIR"):
        return Path(given)
    base = os.environ.get("XDG_STATE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    return root / "provision"
