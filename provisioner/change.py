"""What a plan is made of: operations, changed fields, changes, notes, and the events of an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from provisioner.errors import ClusterError, Place, Problem
from provisioner.values import Body, nothing


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a resource is called: its singular Teleport kind and its name, written `role/dev`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Op(StrEnum):
    """The operations of a plan; the value is the symbol a reader sees."""

    CREATE = "+"
    UPDATE = "~"
    DELETE = "-"
    GRANT = ">"
    REVOKE = "<"

    CONFLICT = "!"
    ORPHAN = "?"
    UNOWNED = "="

    @property
    def is_note(self) -> bool:
        """Whether this is said to the reader and not done to the cluster."""
        return self in (Op.CONFLICT, Op.ORPHAN, Op.UNOWNED)


Cause = Literal["site", "cluster", "both", "unknown"]
"""Who moved since the last apply; "unknown" where no applied hash says so."""


@dataclass(frozen=True, slots=True)
class Field:
    """One difference inside a resource.

    `path` is dotted (`spec.allow.mcp.tools`). Lists and sets of text carry `added` and `removed`;
    everything else `before` and `after`, None meaning absent.
    """

    path: str
    before: Any = None
    after: Any = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan.

    `before` and `after` are canonical bodies, empty where there is none; `write` is the body that
    goes to the cluster (what the site says plus what it carries). `reason` says in one sentence
    why a note stands or what an operation implies.
    """

    op: Op
    key: Key
    before: Body = field(default_factory=nothing)
    after: Body = field(default_factory=nothing)
    write: Body = field(default_factory=nothing)
    fields: tuple[Field, ...] = ()
    at: Place | None = None
    cause: Cause = "unknown"
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Which cluster answers: its name, Teleport's version, tctl's version or None, how it is reached."""

    name: str
    version: str
    client: str | None = None
    via: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between a site and a cluster, ready to be judged, shown and applied."""

    site: str
    file: str
    cluster: ClusterInfo
    prune: bool
    changes: tuple[Change, ...]
    notes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    digest: str
    unchanged: int
    scope: tuple[str, ...]


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


Event = Started | Done | Skipped | Progress | Note


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lines of each operation a plan holds, by `Op`."""

    by_op: Mapping[Op, int] = field(default_factory=dict)

    def __getitem__(self, op: Op) -> int:
        return self.by_op.get(op, 0)
