"""What Teleport would not take of part of a document, found before it is sent, every fault at its path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from provisioner.cluster.teleport._base import Mismatch, Unknown
from provisioner.errors import Rejected
from provisioner.values import Body, Plain, is_mapping

Path = tuple[str | int, ...]


class Fault(Struct, frozen=True):
    """What is wrong at `path`: of another type than `wanted` (Go's word for it), or a word not `known`.

    Where neither is said, Teleport gives the reason in `message`.
    """

    path: Path
    message: str
    wanted: str = ""
    known: tuple[str, ...] = ()


def faults(
    read: Callable[[Body], dict[str, Any]],
    complete: Callable[[dict[str, Any]], None],
    body: Body,
) -> Iterator[Fault]:
    """Yield what Teleport has against the `spec` of a document.

    `read` decodes strictly, `complete` refuses values; both raise Rejected. Each field is read by
    itself, so that one fault does not hide the others; values are judged where all types are right.
    """
    found = [fault for part in _parts(body["spec"]) for fault in _misread(read, body, part)]
    yield from found
    if any(not fault.known for fault in found):
        return
    try:
        complete(read({**body, "spec": _without(body["spec"], found)}))
    except Rejected as error:
        yield Fault(("spec",), error.message)


def _parts(spec: Mapping[str, Plain]) -> Iterator[tuple[Path, Mapping[str, Plain]]]:
    """Yield each field of a spec, two levels deep, as a spec of its own that has no other."""
    for name, value in spec.items():
        if is_mapping(value) and value:
            yield from (((name, inner), {name: {inner: value[inner]}}) for inner in value)
        else:
            yield (name,), {name: value}


def _misread(
    read: Callable[[Body], object], body: Body, part: tuple[Path, Mapping[str, Plain]]
) -> Iterator[Fault]:
    path, spec = part
    try:
        read({**body, "spec": spec})
    except Mismatch as error:
        yield Fault(_steps({"spec": spec}, error.path), error.message, wanted=error.wanted)
    except Unknown as error:
        where = (*_steps({"spec": spec}, error.path), error.name)
        yield Fault(where, error.message, known=error.known)
    except Rejected as error:
        yield Fault(("spec", *path), error.message)


def _without(spec: Mapping[str, Plain], unknown: list[Fault]) -> Plain:
    """Return a spec without its fields in which something is unknown."""
    broken = {fault.path[1:3] for fault in unknown}
    return {
        name: {inner: item for inner, item in value.items() if (name, inner) not in broken}
        if is_mapping(value)
        else value
        for name, value in spec.items()
        if (name,) not in broken
    }


def _steps(value: Plain, path: str) -> Path:
    """Return the steps to what a decoder calls `spec.allow.logins[0]`; keys can hold dots."""
    if not path:
        return ()
    if is_mapping(value):
        for key in sorted(value, key=len, reverse=True):
            rest = path.removeprefix(key)
            if path.startswith(key) and rest[:1] in ("", ".", "["):
                return (key, *_steps(value[key], rest.removeprefix(".")))
    index, _, rest = path[1:].partition("]")
    if path[0] == "[" and index.isdigit() and isinstance(value, list | tuple):
        return (int(index), *_steps(value[int(index)], rest.removeprefix(".")))
    return ()
