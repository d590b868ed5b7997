"""Plans as data: what stands in a plan file, part by part, and its JSON Schema.

`format_version` is MAJOR.MINOR. A minor release adds keys, so readers ignore those that they do not
know; whatever else changes, in names, types or meaning, is a new major, which older readers refuse.
Within a major the digest of a change, and that of the plan, cover what they always did. The order
of lists is that of the plan; times are RFC 3339; no secret ever stands in it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from provisioner.planning.digests import FORMAT_VERSION
from provisioner.schema.kinds import Integer, Matching
from provisioner.schema.published import schema_of
from provisioner.values import Body, Plain

_Sha256 = Annotated[str, Matching(r"^[0-9a-f]{64}$", "this is no SHA-256 in hex")]
_Count = Annotated[int, Integer(least=0)]


class Inputs(Struct, frozen=True):
    """What the plan was made from: hashes of the site with its includes, templates, pinned tools."""

    site_sha256: _Sha256
    templates_sha256: _Sha256
    tools_lock_sha256: _Sha256 | None


class Cluster(Struct, frozen=True):
    """The cluster that was read; `client` is the version of tctl, `via` how it was reached.

    `taken` (since 1.1) is when a snapshot was recorded, null of a cluster that answered itself.
    """

    name: str
    version: str
    client: str | None
    via: str
    taken: str | None = None


class Source(Struct, frozen=True):
    """A place in the site, counted from 1."""

    file: str
    line: int
    column: int


class FieldChange(Struct, frozen=True):
    """One difference inside a resource; null is absent, lists of patterns differ as sets."""

    path: str
    before: Plain
    after: Plain
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class _Line(Struct, frozen=True):
    id: str
    kind: str
    name: str
    cause: Literal["site", "cluster", "both", "unknown"]
    reason: str
    hint: str
    fields: tuple[FieldChange, ...]
    before: Body | None
    after: Body | None
    source: Source | None
    digest: Annotated[str, Matching(r"^[0-9a-f]{32}$", "this is no digest of a change")]


class Change(_Line, frozen=True):
    """Something that will be done; `before` and `after` are canonical bodies, as the digest has them."""

    action: Literal["create", "update", "delete", "grant", "revoke", "adopt"]
    effect: Literal["widens", "narrows", "neutral"]


class Note(_Line, frozen=True):
    """Something that is said and not done; a conflict keeps the whole plan from being applied."""

    action: Literal["conflict", "dangling", "orphan", "unowned"]


class Row(Struct, frozen=True):
    """A tool, a pattern or a session that a bot gains or loses, and the role and pattern that do it."""

    bot: str
    server: str
    kind: Literal["tool", "pattern", "session"]
    name: str
    role: str
    pattern: str
    why: str


class OtherApp(Struct, frozen=True):
    """An app that is no MCP server and that a bot newly reaches."""

    bot: str
    app: str


class Domain(Struct, frozen=True):
    """What access was worked out over; `unknown` are servers whose tools nobody knows."""

    bots: _Count
    servers: _Count
    tools: _Count
    unknown: tuple[str, ...]


class Access(Struct, frozen=True):
    """What bots gain and lose."""

    gained: tuple[Row, ...]
    lost: tuple[Row, ...]
    other_apps: tuple[OtherApp, ...]
    domain: Domain


class AccessTest(Struct, frozen=True):
    """What an access test of the site comes to when the plan is applied."""

    name: str
    state: Literal["passed", "failed", "undecided"]
    reasons: tuple[str, ...]
    was_failing: bool
    source: Source | None


class Problem(Struct, frozen=True, kw_only=True):
    """A finding about the site, or about what it expects of the cluster; an error stops an apply."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    hint: str
    file: str | None
    line: int | None = None
    column: int | None = None
    end: int | None = None
    excerpt: str
    related: tuple[Body, ...]


class Summary(Struct, frozen=True, kw_only=True):
    """How many changes and notes of each kind there are; what is not said is 0.

    Of the changes and notes, `drift` are those that the cluster brought about; changes that it did
    not are `pending`. `owned` is how much is live and ours in all that is in scope.
    """

    create: _Count = 0
    update: _Count = 0
    delete: _Count = 0
    grant: _Count = 0
    revoke: _Count = 0
    adopt: _Count = 0
    conflict: _Count = 0
    dangling: _Count = 0
    orphan: _Count = 0
    unowned: _Count = 0
    drift: _Count
    pending: _Count
    unchanged: _Count
    owned: _Count


class Document(Struct, frozen=True):
    """A plan: what it takes to bring a cluster to a site, or to a part of it, `only`, unless empty."""

    format_version: Annotated[str, Matching(r"^1\.[0-9]+$", "this is no version of the format")]
    tool: str
    created_at: str
    site: str
    file: str
    cluster: Cluster
    mode: Literal["apply", "prune", "adopt"]
    only: tuple[str, ...]
    inputs: Inputs
    scope: tuple[str, ...]
    access: Access
    changes: tuple[Change, ...]
    notes: tuple[Note, ...]
    tests: tuple[AccessTest, ...]
    problems: tuple[Problem, ...]
    summary: Summary
    digest: Annotated[
        str, Matching(r"^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$", "this is no digest of a plan")
    ]


def schema() -> dict[str, Plain]:
    """Return the JSON Schema of plan files, draft 2020-12."""
    return schema_of(Document, f"provision plan, format {FORMAT_VERSION}")
