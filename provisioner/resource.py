"""Resources, and the one form in which two bodies are compared.

Teleport stores more than it is told: it fills in defaults, spells durations its own way and turns
one-element lists into text. `canonical` takes all of that away, so that what the site says and
what the cluster holds are equal exactly when they mean the same. What is particular to a kind
stands in `kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from provisioner.change import Key
from provisioner.errors import Place
from provisioner.kinds import KINDS, Kind, Path
from provisioner.values import Body, Plain, canonical_json, freeze, is_mapping, sha256

SITE_LABEL: Final = "provisioner/site"
APPLIED_LABEL: Final = "provisioner/applied"
PROTECTED_LABEL: Final = "provisioner/protected"
_LABELS: Final = ("metadata", "labels")
_EMPTY: Final[tuple[Plain, ...]] = ((), [], {})
_SERVER_LABELS: Final = ("teleport.dev/", "teleport.internal/")


@dataclass(frozen=True)
class Resource:
    """One document, desired or live: what it is called, what it says, where in the site it stands."""

    key: Key
    body: Body
    at: Place | None = None

    @cached_property
    def text(self) -> str:
        """The canonical form of the body as JSON: two resources mean the same when it is equal."""
        return canonical_json(_form(self.body))

    @cached_property
    def form(self) -> Body:
        """The canonical form of the body."""
        return canonical(self.body)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels in the metadata, empty when there are none."""
        return labels(self.body)

    @property
    def owner(self) -> str | None:
        """The site that owns a live resource, or None."""
        return self.labels.get(SITE_LABEL)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of a bot, in no order."""
        return tuple(self.form.get("spec", {}).get("roles", ()))


def labels(body: Body) -> Mapping[str, str]:
    """Return the labels in the metadata of `body`, empty when there are none."""
    found: Mapping[str, str] = body.get("metadata", {}).get("labels") or {}
    return found


def resource(body: Body, at: Place | None = None) -> Resource:
    """Return a document as a resource. Raises KeyError when kind or name is missing."""
    return Resource(Key(body["kind"], body["metadata"]["name"]), freeze(body), at)


def canonical(body: Body) -> Body:
    """Return the form of `body` in which equality is equality of meaning; frozen."""
    form: Body = freeze(_form(body))
    return form


def applied_hash(form: Body) -> str:
    """Return what goes into the label `provisioner/applied`: a hash of a canonical body.

    The prefix numbers this way of hashing, so that a later one is not taken for drift.
    """
    return f"1-{sha256(form)[:32]}"


def with_label(body: Body, name: str, value: str) -> Body:
    """Return `body` with one more label in its metadata."""
    metadata = body["metadata"]
    merged = {**metadata, "labels": {**labels(body), name: value}}
    result: Body = freeze({**body, "metadata": merged})
    return result


def without_labels(body: Body, prefix: str) -> Body:
    """Return a canonical body without the labels whose key begins with `prefix`."""
    metadata = dict(body["metadata"])
    kept = {key: value for key, value in labels(body).items() if not key.startswith(prefix)}
    metadata.pop("labels", None)
    if kept:
        metadata["labels"] = kept
    result: Body = freeze({**body, "metadata": metadata})
    return result


def equal(left: Plain, right: Plain) -> bool:
    """Whether two canonical values are the same; `1` and `True` are not."""
    return canonical_json(left) == canonical_json(right)


def _form(body: Body) -> dict[str, Plain]:
    kind = KINDS[body["kind"]]
    return _pruned(body, (), kind, kind.defaults(body))


def _pruned(
    value: Body, path: Path, kind: Kind, defaults: Mapping[Path, Plain]
) -> dict[str, Plain]:
    """Walk down; what equals its default is dropped on the way up."""
    kept = {}
    for name, child in value.items():
        below = (*path, name)
        if _is_servers(path, name, kind):
            continue
        if below in kind.normal:
            plain = kind.normal[below](child)
        elif is_mapping(child):
            plain = _pruned(child, below, kind, defaults)
        else:
            plain = child
        if not _is_default(plain, below, defaults):
            kept[name] = plain
    return kept


def _is_servers(path: Path, name: str, kind: Kind) -> bool:
    """Whether the server, or this tool's own bookkeeping, writes this path."""
    if path == _LABELS:
        return name == APPLIED_LABEL or name.startswith(_SERVER_LABELS)
    return (*path, name) in kind.ignored


def _is_default(value: Plain, path: Path, defaults: Mapping[Path, Plain]) -> bool:
    if value is None or value in _EMPTY:
        return True
    if path[:-1] == _LABELS:
        return False  # a label with an empty value is a label
    if path in defaults:
        # Unset booleans are pointers in Go: False is a value of its own here.
        return type(value) is type(defaults[path]) and bool(value == defaults[path])
    return value is False or value == "" or (value == 0 and not isinstance(value, bool))
