"""What a plan is made of: operations, changed fields, changes and notes."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final, Literal, NamedTuple

from msgspec import Struct

from provisioner.errors import Place, Problem
from provisioner.values import EMPTY, Body, Plain, sha256


class Key(Struct, frozen=True, order=True):
    """What a resource is called: its singular Teleport kind and its name, written `role/dev`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def of(cls, text: str) -> Key:
        """Return the key that is written `KIND/NAME`; without a slash, it has no name."""
        kind, _, name = text.partition("/")
        return cls(kind, name)


class Op(StrEnum):
    """The operations of a plan, then its notes, which are said to the reader and done to nobody."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    GRANT = "grant"  # a bot that is not ours gains roles
    REVOKE = "revoke"  # a bot that is not ours loses a role of ours
    ADOPT = "adopt"  # a live resource is marked as ours, and stays as it is

    CONFLICT = "conflict"  # refuses the whole apply
    DANGLING = "dangling"  # a live bot names a role that does not exist
    ORPHAN = "orphan"  # ours, no longer in the site; only --prune touches it
    UNOWNED = "unowned"  # equal to the site, but not labelled as ours

    @property
    def symbol(self) -> str:
        """The one character that a reader sees."""
        return _SYMBOLS[self]

    @property
    def is_note(self) -> bool:
        """Whether this is said and not done."""
        return self in _NOTES


_SYMBOLS: Final = {
    Op.CREATE: "+",
    Op.UPDATE: "~",
    Op.DELETE: "-",
    Op.GRANT: ">",
    Op.REVOKE: "<",
    Op.ADOPT: "@",
    Op.CONFLICT: "!",
    Op.DANGLING: "!",
    Op.ORPHAN: "?",
    Op.UNOWNED: "=",
}
_NOTES: Final = frozenset({Op.CONFLICT, Op.DANGLING, Op.ORPHAN, Op.UNOWNED})

Cause = Literal["site", "cluster", "both", "unknown"]
"""Who moved since the last apply; "unknown" where no applied hash says so."""


class Field(Struct, frozen=True):
    """One difference inside a resource.

    `path` is dotted (`spec.allow.mcp.tools`). Lists and sets of text carry `added` and `removed`;
    everything else `before` and `after`, None meaning absent.
    """

    path: str
    before: Plain = None
    after: Plain = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """One line of a plan.

    `before` and `after` are canonical bodies, empty where there is none; `write` is the body that
    goes to the cluster (what the site says plus what it carries). `live` is the document as it was
    read, revision and all. `reason` says in one sentence why a note stands or what an operation
    implies.
    """

    op: Op
    key: Key
    before: Body = EMPTY
    after: Body = EMPTY
    write: Body = EMPTY
    live: Body = EMPTY
    fields: tuple[Field, ...] = ()
    at: Place | None = None
    cause: Cause = "unknown"
    reason: str = ""
    hint: str = ""

    @property
    def digest(self) -> str:
        """A hash of what is done to what: who approves it approves this change, and no other."""
        return sha256(self.approved)[:32]

    @property
    def is_drift(self) -> bool:
        """Whether the cluster was moved by another hand since the last apply, as far as is known."""
        return self.cause in ("cluster", "both")

    @property
    def approved(self) -> Plain:
        """What somebody who approves this change approves."""
        return [self.op, str(self.key), self.before, self.after]


class Inputs(Struct, frozen=True):
    """SHA-256, in hex, of what a plan was made from.

    `site` is what the site says with all that it includes and extends, `templates` all templates by
    their names, `lock` the pinned tools, None where none are.
    """

    site: str
    templates: str
    lock: str | None = None


class ClusterInfo(Struct, frozen=True):
    """Which cluster answers: its name, Teleport's version, tctl's version or None, how it is reached.

    `taken` is when it was recorded, RFC 3339, of a snapshot; "" of a cluster that answers itself.
    """

    name: str
    version: str
    client: str | None = None
    via: str = ""
    taken: str = ""

    def __str__(self) -> str:
        recorded = f", recorded {self.taken}" if self.taken else ""
        return f"{self.name} (Teleport {self.version}, {self.via}{recorded})"


class AccessRow(NamedTuple):
    """One thing that a bot gains or loses by a plan: a tuple, because they come by the ten thousand.

    `kind` is "tool", "pattern" (the server's tools are not known) or "session" (it may connect);
    `name` is the tool or the pattern. `role` and `pattern` grant it, or refuse it now as `why` says.
    Fields and their order are what is approved, and hashed: see `planning.digests`.
    """

    gained: bool
    bot: str
    server: str
    kind: Literal["tool", "pattern", "session"]
    name: str
    role: str
    pattern: str = ""
    why: str = ""


class Access(Struct, frozen=True):
    """What a plan does to access, widening first, and the domain that this was worked out over.

    `unknown` are the servers whose tools are not known, `other_apps` the live apps that are no MCP
    servers and that a bot newly reaches, as (bot, app).
    """

    rows: tuple[AccessRow, ...] = ()
    bots: int = 0
    servers: int = 0
    tools: int = 0
    unknown: tuple[str, ...] = ()
    other_apps: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> tuple[AccessRow, ...]:
        """The rows that people count: that a bot may connect goes without saying where it has a tool."""
        named = {(row.gained, row.bot, row.server) for row in self.rows if row.kind != "session"}
        return tuple(
            row
            for row in self.rows
            if row.kind != "session" or (row.gained, row.bot, row.server) not in named
        )


class TestResult(Struct, frozen=True):
    """What an access test came to; `was_failing`: it failed before the plan as well."""

    __test__: ClassVar = False  # for pytest, which would collect it by its name

    name: str
    state: Literal["passed", "failed", "undecided"]
    reasons: tuple[str, ...] = ()
    at: Place | None = None
    was_failing: bool = False


class Adoption(Struct, frozen=True):
    """What is to be marked as ours: `keys`, or without any, all that the site names and that is live.

    It must belong to the site `from_site`, or to nobody where that is None.
    """

    keys: tuple[Key, ...] = ()
    from_site: str | None = None


class Plan(Struct, frozen=True):
    """The difference between a site and a cluster, ready to be judged, shown and applied.

    `owned` counts what is live, ours and in scope. `only`, unless empty, are the keys that somebody
    asked for: then this is a part of the whole plan. With `adoption` it only marks resources as ours.
    """

    site: str
    file: str
    cluster: ClusterInfo
    prune: bool = False
    changes: tuple[Change, ...] = ()
    notes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    digest: str = ""
    unchanged: int = 0
    scope: tuple[str, ...] = ()
    access: Access = Access()
    tests: tuple[TestResult, ...] = ()
    inputs: Inputs | None = None
    owned: int = 0
    only: tuple[Key, ...] = ()
    adoption: Adoption | None = None

    @property
    def mode(self) -> Literal["apply", "prune", "adopt"]:
        """What kind of plan it is."""
        if self.adoption is not None:
            return "adopt"
        return "prune" if self.prune else "apply"

    def apart(self) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """Return what drifted, notes included, and the changes that are only pending."""
        drifted = tuple(line for line in (*self.changes, *self.notes) if line.is_drift)
        return drifted, tuple(change for change in self.changes if not change.is_drift)

    @property
    def standing(self) -> tuple[Change, ...]:
        """What stands in the way of the site and never was ours, or is another site's now."""
        return tuple(n for n in self.notes if n.op is Op.CONFLICT and not n.is_drift)
