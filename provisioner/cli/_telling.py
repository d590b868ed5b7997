"""The options that say how a command tells of its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from provisioner.cli._run import Run

F = TypeVar("F", bound=Callable[..., Any])


def _keep(context: click.Context, param: click.Parameter, value: bool | str) -> None:
    """Keep what an option says for whoever tells; commands need not know of it."""
    setattr(context.ensure_object(Run), str(param.name), value)


_OPTIONS: Final = (
    click.option(
        "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
        envvar="PROVISION_LOG_FORMAT", expose_value=False, callback=_keep,
        help="How work is told on stderr: for people, or a JSON object on each line.",
    ),
    click.option(
        "--timings", is_flag=True, envvar="PROVISION_TIMINGS", expose_value=False, callback=_keep,
        help="Say at the end where the time went.",
    ),
    click.option(
        "-v", "--verbose", is_flag=True, envvar="PROVISION_VERBOSE", expose_value=False,
        callback=_keep, help="Show each program that is started, without secrets.",
    ),
)  # fmt: skip


def telling_options(function: F) -> F:
    """Add --verbose, --timings and --log-format."""
    for option in _OPTIONS:
        function = option(function)
    return function
