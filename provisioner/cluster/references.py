"""Values that a site does not hold: it says where they are, and they are looked up just before a write.

In documents a reference is a mapping, `{env: NAME}` or `{file: PATH}`, with a `prefix` such as
`Bearer ` where the value itself has none. Nothing that is shown, hashed or recorded says more. A
live document has the value, concealed; whether it is the one that a reference leads to can only be
said where that can be looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from provisioner.change import ClusterInfo
from provisioner.cluster.kinds import APPLIED_LABEL
from provisioner.cluster.port import Outcome, Scope, WritableCluster, Write
from provisioner.cluster.resource import Resource, applied_hash
from provisioner.cluster.snapshot import MASK
from provisioner.errors import Rejected, Unresolved
from provisioner.values import Body, Plain, Secret, freeze, is_mapping

Reference = Mapping[str, str]

Resolve = Callable[[Reference], Secret]
"""Returns what a reference leads to. Raises Unresolved."""

_WORDS: Final = frozenset({"env", "file", "prefix"})


class Doubt(Struct, frozen=True):
    """A header of a live app of which nobody can say here whether it has the value that it should have.

    `assumed`: it was written from the same reference, and nothing else moved since.
    """

    header: str
    reference: Reference
    error: Unresolved
    assumed: bool


def is_reference(value: Plain) -> bool:
    """Whether the value of a header stands for another one."""
    return is_mapping(value) and bool(value) and value.keys() <= _WORDS


def is_concealed(value: Plain) -> bool:
    """Whether a value of a live document is a secret, in an adapter's hands or left out of a snapshot."""
    return isinstance(value, Secret) or value == MASK


def named(reference: Reference) -> str:
    """Return what people call a reference: `env NAME`, `file PATH`."""
    kind = "file" if "file" in reference else "env"
    return f"{kind} {reference[kind]}"


def references(body: Body) -> Iterator[tuple[str, Reference]]:
    """Yield each reference in a document, with the name of its header."""
    for header in _headers(body):
        if is_reference(header["value"]):
            yield header["name"], header["value"]


def resolved(body: Body, resolve: Resolve) -> Body:
    """Return a document with what its references lead to. Raises Unresolved."""
    found = {
        number: {**header, "value": resolve(header["value"])}
        for number, header in enumerate(_headers(body))
        if is_reference(header["value"])
    }
    return _with(body, found)


def recognised(
    live: Resource, wanted: Resource, resolve: Resolve
) -> tuple[Resource, tuple[Doubt, ...]]:
    """Return a live app in which each value that is the right one stands as the reference to it.

    What cannot be compared counts as right only if it was written from this very reference and the
    rest is as it was written; either way it is a doubt.
    """
    headers = _headers(live.body)
    pairs = [
        (number, header, reference)
        for number, (header, reference) in enumerate(zip(headers, _wanted(wanted), strict=False))
        if reference and header["name"] == reference["name"] and is_concealed(header["value"])
    ]
    right: dict[int, Plain] = {}
    doubted: dict[int, tuple[Plain, Unresolved]] = {}
    for number, header, reference in pairs:
        try:
            if _is_right(header["value"], resolve(reference["value"])):
                right[number] = reference
        except Unresolved as error:
            doubted[number] = (reference, error)
    every = {**right, **{number: reference for number, (reference, _) in doubted.items()}}
    assumed = _seen_as(live, every)
    is_ours = live.labels.get(APPLIED_LABEL) == applied_hash(assumed.form)
    doubts = tuple(
        Doubt(reference["name"], reference["value"], error, is_ours)
        for reference, error in doubted.values()
    )
    return (assumed if is_ours else _seen_as(live, right)), doubts


def trusted(live: Resource, wanted: Resource) -> Resource:
    """Return a live app as if each concealed value were what the reference in its place leads to."""
    pairs = enumerate(zip(_headers(live.body), _wanted(wanted), strict=False))
    right = {at: ours for at, (header, ours) in pairs if ours and is_concealed(header["value"])}
    return _seen_as(live, right)


class Resolving:
    """A cluster that is given references and writes what they lead to."""

    def __init__(self, cluster: WritableCluster, resolve: Resolve) -> None:
        self._cluster = cluster
        self._resolve = resolve

    def info(self) -> ClusterInfo:
        """Name the cluster and its version."""
        return self._cluster.info()

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return what the cluster returns."""
        return self._cluster.read(scope)

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out writes; one whose reference leads nowhere is refused, and the others are made."""
        ready: list[Write] = []
        for each in batch:
            try:
                body = resolved(each.body, self._resolve)
            except Unresolved as error:
                yield Outcome(each.key, Rejected(error.message, hint=error.hint))
            else:
                ready.append(replace(each, body=body))
        if ready:
            yield from self._cluster.write(ready)


def _headers(body: Body) -> Sequence[Mapping[str, Plain]]:
    found = (body.get("spec", {}).get("rewrite") or {}).get("headers") or ()
    return tuple(each for each in found if is_mapping(each) and {"name", "value"} <= each.keys())


def _wanted(wanted: Resource) -> Iterator[Mapping[str, Plain] | None]:
    """Yield each header of a desired app that is a reference, None in the place of any other."""
    for header in _headers(wanted.body):
        yield header if is_reference(header["value"]) else None


def _is_right(live: Plain, wanted: Secret) -> bool:
    """Whether a concealed value is the wanted one. Raises Unresolved for what was not recorded."""
    if not isinstance(live, Secret):
        raise Unresolved("a snapshot holds no secrets", hint="plan against the cluster itself")
    return live == wanted


def _seen_as(live: Resource, headers: Mapping[int, Plain]) -> Resource:
    """Return a live app as if it had these headers, with the document as it was read."""
    return replace(live, body=_with(live.body, headers), read=live.as_read) if headers else live


def _with(body: Body, headers: Mapping[int, Plain]) -> Body:
    """Return a document with some of its headers, by their index."""
    if not headers:
        return body
    spec, there = body["spec"], enumerate(_headers(body))
    rewrite = {**spec["rewrite"], "headers": [headers.get(at, header) for at, header in there]}
    result: Body = freeze({**body, "spec": {**spec, "rewrite": rewrite}})
    return result
