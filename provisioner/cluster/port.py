"""The port: what `provision` needs of a cluster, in two halves.

The planner is given a `Cluster`, which has no verb that writes: a plan cannot write. Only `apply`
is given a `WritableCluster`. Implementations: `memory`, `local` (one SQLite file), `tctl`, and the
read-only `snapshot`; one contract suite (tests/contract) holds them all.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from provisioner.change import ClusterInfo, Key
from provisioner.errors import ClusterError
from provisioner.values import EMPTY, Body


class Scope(Struct, frozen=True):
    """What to read.

    `kinds` are singular Teleport kinds: role, bot, app, app_server, token. Tokens can be other
    people's secrets, so an implementation returns only those that carry `provisioner/site: <site>`
    or are named in `tokens`, and drops the rest before anything else sees them: of those whose name
    is what is presented to join, the label is not enough. Roles that Teleport generates for bots
    (label `teleport.internal/bot`) are never returned.

    `needs` are what will be compared or written down: a record that holds only a part of a cluster
    refuses where one of them is not in it as it was; with `whole`, that is everything.
    """

    kinds: tuple[str, ...]
    site: str = ""
    tokens: frozenset[str] = frozenset()
    needs: frozenset[Key] = frozenset()
    whole: bool = False

    def shows(self, body: Body) -> bool:
        """Whether an implementation may return this live document: the rules above, applied."""
        metadata = body["metadata"]
        labels = metadata.get("labels") or {}
        if body["kind"] == "role":
            return "teleport.internal/bot" not in labels
        if body["kind"] == "token":
            ours = self.site != "" and labels.get("provisioner/site") == self.site
            return (ours and not is_presented(body)) or metadata["name"] in self.tokens
        return True


def is_presented(token: Body) -> bool:
    """Whether the very name of a token is a secret: who joins with it presents it.

    Source: https://goteleport.com/docs/reference/deployment/join-methods, the method `token`.
    """
    return ((token.get("spec") or EMPTY).get("join_method") or "token") == "token"


class Verb(StrEnum):
    """What can be done to a resource."""

    CREATE = "create"  # fails with Exists when it is there
    UPDATE = "update"  # replaces the whole document (tctl create -f)
    DELETE = "delete"  # fails with Missing when it is not there
    ADD_ROLES = "add-roles"  # a bot gains `roles`; all others stay
    SET_ROLES = "set-roles"  # a bot holds exactly `roles`


class Write(Struct, frozen=True):
    """One write: a verb on a key, with a whole `body` or with `roles`, as the verb needs.

    `expected`, unless empty, is the live document for which the write was planned, as it was read:
    the write is refused with Moved unless that is still what is there (see `unmoved`).
    """

    verb: Verb
    key: Key
    body: Body = EMPTY
    roles: tuple[str, ...] = ()
    expected: Body = EMPTY


class Outcome(Struct, frozen=True):
    """What became of one write; no error means the cluster took it."""

    key: Key
    error: ClusterError | None = None


class Cluster(Protocol):
    """What a plan may ask of a cluster."""

    def info(self) -> ClusterInfo:
        """Name the cluster and its version. Raises ClusterError."""

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return every live document of the scope as the cluster writes it, in no order.

        Raises ClusterError; a partial answer is never returned.
        """


class WritableCluster(Cluster, Protocol):
    """What an apply may ask of a cluster."""

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out writes that do not depend on each other; yield one outcome for each, in any order.

        What a write expects is looked at just before it is made. A refused write does not stop the
        others. Raises ClusterError only when the cluster cannot be reached at all, in which case
        writes without an outcome are unknown.
        """
