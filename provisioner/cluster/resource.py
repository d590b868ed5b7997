"""Resources: documents of one kind and name, desired and live ones of the same type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

import msgspec
from msgspec import Struct

from provisioner.change import Key
from provisioner.cluster.canonical import canonical
from provisioner.cluster.kinds import SITE_LABEL
from provisioner.errors import Place
from provisioner.values import EMPTY, Body, Plain, as_json, freeze, sha256

_FORMS: Final = msgspec.json.Encoder(order="sorted", enc_hook=as_json)


class Resource(Struct, frozen=True, dict=True):
    """One document, desired or live: what it is called, what it says, where in the site it stands.

    The place may be given by what finds it: most documents are equal, and nobody asks for theirs.
    `read` is the document as the cluster gave it, where `body` says something of it in other words.
    """

    key: Key
    body: Body
    place: Place | Callable[[], Place] | None = None
    read: Body | None = None

    @cached_property
    def at(self) -> Place | None:
        """The place in the site, None for a live document."""
        return self.place() if callable(self.place) else self.place

    @cached_property
    def _canonical(self) -> dict[str, Plain]:
        return canonical(self.body)

    @cached_property
    def text(self) -> str:
        """The canonical form of the body as JSON: two resources mean the same when it is equal.

        What lasts longer than a run is hashed as `canonical_json` writes it, at eight times the cost.
        """
        return _FORMS.encode(self._canonical).decode()

    @cached_property
    def form(self) -> Body:
        """The canonical form of the body, frozen."""
        form: Body = freeze(self._canonical)
        return form

    @property
    def as_read(self) -> Body:
        """The document as the cluster gave it, word by word."""
        return self.body if self.read is None else self.read

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
        return tuple(self._canonical.get("spec", {}).get("roles", ()))


def labels(body: Body) -> Mapping[str, str]:
    """Return the labels in the metadata of `body`, empty when there are none."""
    found: Mapping[str, str] = (body.get("metadata") or EMPTY).get("labels") or EMPTY
    if None in found.values():  # which Go reads as no text
        return {name: value or "" for name, value in found.items()}
    return found


def resource(body: Body, at: Place | None = None) -> Resource:
    """Return a document as a resource. Raises KeyError when kind or name is missing."""
    return Resource(Key(body["kind"], body["metadata"]["name"]), freeze(body), at)


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
    return _FORMS.encode(left) == _FORMS.encode(right)
