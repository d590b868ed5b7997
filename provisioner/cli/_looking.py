"""What the `access` commands share: at what they look, and how they are told."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from msgspec import Struct

from provisioner import scenes, workflow
from provisioner.cli import _base, _reach
from provisioner.planning.impact import Inventory
from provisioner.rbac.inquiry import Scene
from provisioner.text import terminal
from provisioner.tools import pinned

_LIVE: Final = "The cluster as it is; with SITE, what an apply would change."
_SITE: Final = Path("site.yaml")
_COLUMNS: Final = 100  # where nobody says how wide it is


class Look(Struct, frozen=True):
    """What the shared options say: which site, whether live, which cluster, how to show it.

    `given`: SITE stands on the command line, so that with --live the difference is meant.
    """

    site: Path
    given: bool
    live: bool
    reach: _reach.Reach
    templates: Path | None
    color: str

    def scenes(self) -> tuple[Scene, ...]:
        """Return the site alone, or the cluster as it is, or before and after an apply."""
        if self.live and not self.given:
            with self.reach.teller as telling:
                telling.phase("reading the cluster")
                return (scenes.of_cluster(self.reach.open(), self._inventory()),)
        prepared = _base.prepare(self.site, self.templates)
        if not self.live:
            return (scenes.of_site(prepared),)
        with self.reach.teller as telling:
            telling.phase("reading the cluster")
            return scenes.before_and_after(prepared, self.reach.open())

    def _inventory(self) -> Inventory:
        """Return the tools that the site lists, where there is one: a cluster has no list of them."""
        checked = workflow.check(self.site) if self.site.exists() else None
        if checked is None or checked.site is None:
            why = "has errors" if checked else "does not exist"
            _base.say(f"{self.site} {why}: the tools of the servers are not known")
            return lambda _name: None
        return pinned.inventory(checked.site, checked.lock).get

    @property
    def paint(self) -> terminal.Paint:
        """How to paint."""
        return _base.paint(self.color)

    @property
    def columns(self) -> int:
        """How wide text may be."""
        import shutil

        return shutil.get_terminal_size().columns if sys.stdout.isatty() else _COLUMNS


def looking(function: Callable[..., int]) -> Callable[..., int]:
    """Add SITE, --live and the options of clusters; the command gets them as one `look`."""

    @functools.wraps(function)
    def with_look(
        site: Path | None,
        live: bool,
        reach: _reach.Reach,
        templates: Path | None,
        color: str,
        **rest: Any,
    ) -> int:
        source = click.get_current_context().get_parameter_source("site")
        given = site is not None and source is ParameterSource.COMMANDLINE
        return function(look=Look(site or _SITE, given, live, reach, templates, color), **rest)

    decorated: Callable[..., int] = with_look
    for option in (
        _base.color_option,
        _base.templates_option,
        _reach.cluster_options,
        click.option("--live", is_flag=True, help=_LIVE),
        click.argument(
            "site", type=click.Path(path_type=Path), required=False, envvar="PROVISION_SITE"
        ),
    ):
        decorated = option(decorated)
    return decorated
