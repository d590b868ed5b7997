"""Who applies, from where, and where the report of it goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from provisioner.applying.run_report import Origin, RunReport
from provisioner.change import Plan
from provisioner.cli._approval import Approval
from provisioner.events import Event
from provisioner.system import files, provenance

F = TypeVar("F", bound=Callable[..., Any])


def report_option(function: F) -> F:
    """Add --report."""
    return click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Keep a report of what was done, as JSON, also when this is killed.",
    )(function)


@contextmanager
def reporting(
    path: Path | None, plan: Plan, approval: Approval
) -> Iterator[Callable[[Event], None]]:
    """Lend what hears all events of an apply and keeps the report in `path`, if there is one.

    Raises FileError when the report cannot be written.
    """
    if path is None:
        yield _ignore
        return
    with RunReport(plan, _origin(plan, approval), partial(files.write, path)) as report:
        yield report.hear


def _origin(plan: Plan, approval: Approval) -> Origin:
    known = os.environ
    return Origin(
        user=known.get("USER") or known.get("LOGNAME") or "",
        host=socket.gethostname(),
        actor=known.get("GITHUB_ACTOR") or known.get("GITLAB_USER_LOGIN") or "",
        commit=provenance.commit(Path(plan.file), known),
        approved=approval.approved.digest if approval.approved else approval.expect,
    )


def _ignore(_: Event) -> None:
    """Keep no report."""
