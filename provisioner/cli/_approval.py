"""The options that say what was approved: a plan in a file, or a digest."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from msgspec import Struct

from provisioner.applying.approval import Approved, require_current
from provisioner.change import Key, Plan
from provisioner.cli import _base
from provisioner.errors import Stale
from provisioner.system import files
from provisioner.text import units
from provisioner.workflow import Prepared

_DIGEST: Final = re.compile(r"[0-9a-f]+-[0-9a-f]+-[0-9a-f]+")
"""Of what the site says, of what is live, and of all that is approved."""


def age(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta:
    """Return a length of time such as 24h or 7d, without one any length. Raises click.BadParameter."""
    if value is None:
        return timedelta.max
    try:
        length = units.nanoseconds(value, calendar=True)
    except ValueError:
        length = 0
    if not length:
        raise click.BadParameter(f"{value!r} is not a length of time such as 24h or 7d")
    return timedelta(microseconds=length / 1000)


def digest(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return what can be the digest of a plan. Raises click.BadParameter."""
    if value is None or _DIGEST.fullmatch(value):
        return value
    raise click.BadParameter(f"{value!r} is no digest: the end of a plan says its own")


class Approval(Struct, frozen=True):
    """What was approved: the plan in `file`, the plan of which `expect` is the digest, or nothing.

    With both, `expect` is the digest of the plan in the file, so that who reviewed that plan need
    not trust what carried the file here.
    """

    file: Path | None = None
    approved: Approved | None = None
    max_age: timedelta = timedelta.max
    expect: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that says what was approved, if one does."""
        return (self.file,) if self.file else ()

    def site(self, given: Path) -> Path:
        """Return the site that is meant: the one that was planned, unless another is typed."""
        typed = click.get_current_context().get_parameter_source("site")
        if self.approved is None or typed is ParameterSource.COMMANDLINE:
            return given
        return Path(self.approved.file)

    def mode(self, prune: bool, only: tuple[Key, ...]) -> tuple[bool, tuple[Key, ...]]:
        """Return whether to prune, and what part to plan, which a plan in a file has said.

        Raises click.UsageError.
        """
        if self.approved is None:
            return prune, only
        if prune or only:
            raise click.UsageError(
                "--plan says whether to prune, and what: make the plan with --prune or --only"
            )
        return self.approved.prune, self.approved.only

    @property
    def is_given(self) -> bool:
        """Whether anybody has approved anything."""
        return self.approved is not None or self.expect is not None

    @property
    def digest(self) -> str | None:
        """The digest that a plan made now must have."""
        return None if self.approved else self.expect

    def require_current(self, prepared: Prepared) -> None:
        """Let the site pass if it is as approved. Raises Stale."""
        if self.approved is None:
            return
        if self.expect not in (None, self.approved.digest):
            raise Stale(
                f"{self.file}: the plan in it has the digest {self.approved.digest}",
                hint=f"expected is {self.expect}: find out who put another plan there",
            )
        now = datetime.now(UTC)
        require_current(self.approved, prepared.site.site, prepared.inputs, now, self.max_age)

    def tell(self, plan: Plan) -> None:
        """Say on stderr when some of what was approved is there already."""
        if self.approved is None:
            return
        all_of_them, left = len(self.approved.changes), len(plan.changes)
        if left < all_of_them:
            _base.say(
                f"{self.file}: {all_of_them - left} of {all_of_them} approved changes are made"
            )


_OPTIONS: Final = (
    click.option(
        "--max-age", callback=age, default="24h", show_default=True, metavar="DURATION",
        help="How old the plan of --plan may be.",
    ),
    click.option(
        "--plan", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Apply what this plan approves, and no more; else exit 4. SITE is then the plan's.",
    ),
    click.option(
        "--expect", metavar="DIGEST", callback=digest,
        help="Apply only the plan with this digest; else exit 4."
    ),
)  # fmt: skip


def _read(file: Path) -> Approved:
    from provisioner.applying import saved_plan

    return saved_plan.parse(files.read_bytes(file, limit=saved_plan.LARGEST), str(file))


def approval_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say what was approved; the command gets them as one `approval`."""

    @functools.wraps(function)
    def with_approval(
        file: Path | None, max_age: timedelta, expect: str | None, **rest: Any
    ) -> int:
        typed = click.get_current_context().get_parameter_source("max_age")
        if file is None and typed is ParameterSource.COMMANDLINE:
            raise click.UsageError("--max-age is about the plan of --plan FILE")
        approved = _read(file) if file else None
        return function(approval=Approval(file, approved, max_age, expect), **rest)

    for option in _OPTIONS:
        with_approval = option(with_approval)
    return with_approval
