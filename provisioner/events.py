"""What happens while a plan is carried out, told as it happens."""

from __future__ import annotations

from msgspec import Struct

from provisioner.change import Change, Key
from provisioner.effort import Effort
from provisioner.errors import ClusterError


class Started(Struct, frozen=True):
    """These changes are about to be sent; recorded before the first byte leaves."""

    changes: tuple[Change, ...]


class Done(Struct, frozen=True):
    """The outcome of one change: no error means the cluster took it."""

    change: Change
    error: ClusterError | None = None


class Skipped(Struct, frozen=True):
    """This change was not tried, because `blocker` did not happen."""

    change: Change
    blocker: Key


class Progress(Struct, frozen=True):
    """Long work moves on: `done` of `total` (0: not known), in the words of `what`."""

    what: str
    done: int = 0
    total: int = 0


class Note(Struct, frozen=True):
    """Something the user should know now."""

    text: str


Event = Started | Done | Skipped | Progress | Note | Effort
