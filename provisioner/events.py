"""What happens while a plan is carried out, told as it happens."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.change import Change, Key
from provisioner.effort import Effort
from provisioner.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Started:
    """These changes are about to be sent; recorded before the first byte leaves."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of one change: no error means the cluster took it."""

    change: Change
    error: ClusterError | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """This change was not tried, because `blocker` did not happen."""

    change: Change
    blocker: Key


@dataclass(frozen=True, slots=True)
class Progress:
    """Long work moves on: `done` of `total` (0: not known), in the words of `what`."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something the user should know now."""

    text: str


Event = Started | Done | Skipped | Progress | Note | Effort
