"""The options that say how far one apply may go; none of them has an environment variable."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from msgspec.structs import replace

from provisioner.applying.judge import MAX_DELETE_SHARE, MAX_DELETES, Limits
from provisioner.applying.lifeline import RunsAs
from provisioner.cli._approval import Approval
from provisioner.cli._reach import Reach
from provisioner.doctor import certificate
from provisioner.errors import FileError
from provisioner.system import files

_LARGEST: Final = 1 << 20  # bytes of an identity file

_OPTIONS: Final = (
    click.option(
        "--max-widening", type=click.IntRange(min=0), metavar="N",
        help="How many rows of access bots may gain.  [default: any number]",
    ),
    click.option(
        "--max-delete-share", type=click.IntRange(0, 100), default=MAX_DELETE_SHARE,
        metavar="PERCENT", show_default=True,
        help="Which share of all that is ours may be deleted, where that is more than 4 resources.",
    ),
    click.option(
        "--max-deletes", type=click.IntRange(min=0), default=MAX_DELETES, show_default=True,
        metavar="N", help="How many deletions and revoked grants are allowed.",
    ),
)  # fmt: skip


def limits_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that limit an apply; the command gets them as one `limits`."""

    @functools.wraps(function)
    def with_limits(
        max_deletes: int, max_delete_share: int, max_widening: int | None, **rest: Any
    ) -> int:
        limits = Limits(max_deletes, max_delete_share=max_delete_share, max_widening=max_widening)
        return function(limits=limits, **rest)

    for option in _OPTIONS:
        with_limits = option(with_limits)
    return with_limits


def complete(limits: Limits, approval: Approval, reach: Reach) -> Limits:
    """Return the limits with what was approved, and with who must not be cut off."""
    return replace(
        limits, expect=approval.digest, approved=approval.approved, runs_as=runs_as(reach)
    )


def runs_as(reach: Reach) -> RunsAs | None:
    """Return whose identity file tctl uses, None where it uses none or nothing can be read in it."""
    path = reach.identity or os.environ.get("TELEPORT_IDENTITY_FILE", "")
    if not path or reach.cluster != "tctl":
        return None
    with suppress(FileError, ValueError):
        text = files.read_bytes(Path(path), limit=_LARGEST).decode("utf-8", "replace")
        found = certificate.parse(text)
        return RunsAs(found.user, frozenset(found.roles))
    return None
