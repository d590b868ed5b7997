"""The identity service of one bot in a tbot.yaml.

The service is known by its destination: tbot writes one identity there. A service that somebody
else has written for our destination keeps what it says besides, such as more readers.

Source: lib/tbot/config in github.com/gravitational/teleport;
https://goteleport.com/docs/reference/machine-workload-identity/configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from msgspec.structs import replace

from provisioner.machine.merge._base import (
    ABSENT,
    YAML,
    Change,
    Conflict,
    Existing,
    Merged,
    Spot,
    create,
    merge,
    read,
)
from provisioner.machine.merge._words import words
from provisioner.machine.sidecar import digest
from provisioner.text import yamledit
from provisioner.text.yamledit import Item, Step
from provisioner.values import Plain, is_mapping

_LISTS: Final = ("services", "outputs")
_ROLES: Final = "roles"
_KEYS: Final = ("version", "proxy_server", "onboarding", *_LISTS)
"""What is looked at in a tbot.yaml that is there."""

_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAME: Final = re.compile(r"(?i)(?!(?:true|false)$).*[a-df-z]")
_UPGRADE: Final = (
    "https://goteleport.com/docs/reference/machine-workload-identity/v19-upgrade-guide/"
)


class _Service(NamedTuple):
    """A service of a tbot.yaml, the list that it stands in, and where it writes to."""

    collection: str
    destination: str
    value: Mapping[str, Plain]


def merge_tbot(existing: Existing, rendering: str | None) -> Merged:
    """Merge the services of a tbot.yaml, as rendered for a bot, into the one that a machine has.

    None as the rendering takes out what is ours. Raises SpliceError where the machine's file is
    broken or cannot be edited, and FileError where the rendering is.
    """
    whole = read(YAML, rendering or "", (), "tbot.yaml")
    wanted = list(_services(whole))
    owned = existing.ledger.entries.values()
    mine = {one.at[-1] for one in owned if one.bot == existing.bot}
    stale = mine - {service.destination for service in wanted}
    words = {_word(name) for name in (*stale, *(service.destination for service in wanted))}
    current = yamledit.part(existing.text or "", _KEYS, {*words, _ROLES})
    there = list(_services(current))
    spots = [
        *(_spot(service.destination, service.value, there) for service in wanted),
        *(_spot(destination, ABSENT, there) for destination in sorted(stale)),
    ]
    is_blank = rendering is not None and not (existing.text or "").strip()
    if existing.is_ours or is_blank:
        return create(YAML, existing, rendering or "", spots)
    if rendering is None:
        return merge(YAML, existing, spots)
    if conflicts := tuple(_conflicts(current, whole, there, wanted)):
        return Merged(existing.text, existing.ledger, conflicts=conflicts)
    merged = _merged(existing, spots, there)
    return replace(merged, warnings=tuple(_warnings(current, whole, there, wanted)))


def _services(document: Plain) -> Iterator[_Service]:
    for collection in _LISTS:
        items = document.get(collection) if is_mapping(document) else None
        for item in items if isinstance(items, list) else ():
            if is_mapping(item):
                yield _Service(collection, _destination(item), item)


def _destination(service: Plain) -> str:
    """Return where a service writes, as `tbot --destination` takes it; "" if to no lasting place."""
    destination = service.get("destination") if is_mapping(service) else None
    if not is_mapping(destination):
        return ""
    if path := destination.get("path"):
        return str(PurePosixPath(str(path)))
    name = destination.get("name")
    return f"kubernetes-secret:///{name}" if name else ""


def _word(destination: str) -> str:
    """Return a word that stands in a service with this destination, "" where any may have it.

    A number or a boolean may be written in several ways, so that such a word says nothing.
    """
    words = filter(_NAME.match, _WORD.findall(destination.rpartition("/")[2]))
    return next(words, "")


def _spot(destination: str, wanted: Plain, there: Sequence[_Service]) -> Spot:
    lists = [service.collection for service in there if service.destination == destination]
    item = Item(
        destination, lambda service: _destination(service) == destination, _word(destination)
    )
    path = (lists[0] if lists else _LISTS[0], item)
    return Spot(("services", destination), path, wanted, f"the identity service for {destination}")


def _merged(existing: Existing, spots: Sequence[Spot], there: Sequence[_Service]) -> Merged:
    """Merge what is ours or new as it is rendered, and services of others setting by setting."""
    theirs = {
        service.destination: service.value
        for service in there
        if ("services", service.destination) not in existing.ledger.entries
    }
    foreign = [
        spot
        for spot in spots
        if spot.at[-1] in theirs and digest(theirs[spot.at[-1]]) != digest(spot.wanted)
    ]
    merged = merge(YAML, existing, [spot for spot in spots if spot not in foreign])
    after, changes, shown = merged.text or "", list(merged.changes), merged.shown
    for spot in foreign:
        settings: dict[tuple[Step, ...], dict[Step, Plain]] = {}
        for (*parent, key), value in _settings(spot.wanted, theirs[spot.at[-1]]):
            settings.setdefault((*spot.path, *parent), {})[key] = value
        for path, entries in settings.items():
            after = yamledit.put_all(after, path, entries)
        changes += [Change("update", f"{spot.name}, written by somebody else")] if settings else []
        shown |= frozenset(words([spot.wanted, theirs[spot.at[-1]]]))
    return replace(merged, text=after, changes=tuple(changes), shown=shown)


def _settings(
    ours: Mapping[str, Plain], theirs: Mapping[str, Plain]
) -> Iterator[tuple[tuple[Step, ...], Plain]]:
    """Yield what must be set in a service of somebody else; readers of theirs go on reading."""
    for key, value in ours.items():
        if key != "destination" and digest(theirs.get(key)) != digest(value):
            yield (key,), value
    place: Mapping[str, Plain] = theirs["destination"]
    readers = list(place.get("readers") or ())
    for key, value in ours["destination"].items():
        if key == "readers":
            missing = [reader for reader in value if reader not in readers]
            if missing:
                yield ("destination", key), [*readers, *missing]
        elif key != "path" and digest(place.get(key)) != digest(value):
            yield ("destination", key), value


def _conflicts(
    current: Plain,
    rendered: Mapping[str, Plain],
    there: Sequence[_Service],
    wanted: Sequence[_Service],
) -> Iterator[Conflict]:
    if not is_mapping(current):
        yield Conflict("this is not a tbot.yaml", "move it away: then the whole file is written")
        return
    yield from _foreign_file(current, rendered)
    for service in wanted:
        found = [other for other in there if other.destination == service.destination]
        if len(found) > 1:
            yield Conflict(f"two services write to {service.destination}", "remove one of them")
        for other in found[:1]:
            yield from _foreign_service(other, service)


def _foreign_file(
    current: Mapping[str, Plain], rendered: Mapping[str, Plain]
) -> Iterator[Conflict]:
    """Yield what makes a file of tbot's one that no service of ours can be put in."""
    version = current.get("version")
    if version in (None, "v1"):
        said = "it is of version v1" if version else "it has no `version`: tbot reads it as v1"
        yield Conflict(f"{said}, the legacy format", "convert it: tbot migrate -c FILE -o FILE")
    elif version != rendered.get("version"):
        yield Conflict(
            f"it is of version {version}, and provision writes {rendered.get('version')}",
            "give --tbot another file, for a tbot of its own",
        )
    proxy, ours = current.get("proxy_server"), rendered.get("proxy_server")
    if proxy is not None and str(proxy).casefold() != str(ours).casefold():
        yield Conflict(
            f"this tbot talks to proxy_server {proxy}, the site to {ours}",
            "give --tbot another file, for a tbot of its own with its own storage",
        )


def _foreign_service(other: _Service, ours: _Service) -> Iterator[Conflict]:
    """Yield what makes a service at our destination one that cannot be ours."""
    kind = other.value.get("type")
    if kind != ours.value["type"]:
        yield Conflict(
            f"a service of type {kind} writes to {ours.destination} already",
            "give the bot's identity another path in the site",
        )
    if not isinstance(other.value["destination"].get("readers", []), list | None):
        yield Conflict(
            f"the service for {ours.destination} has `readers` that are no list",
            "write them as tbot wants them, such as [{user: agent}]",
        )
    if other.value.get("roles"):
        yield Conflict(
            f"the service for {ours.destination} has `roles`: its identity has no other roles, "
            "and tbot 19 does not start with it",
            f"remove `roles` there, and give the bot itself those roles; {_UPGRADE}",
        )


def _warnings(
    current: Mapping[str, Plain],
    rendered: Mapping[str, Plain],
    there: Sequence[_Service],
    wanted: Sequence[_Service],
) -> Iterator[str]:
    if current.get("proxy_server") is None:
        yield "it has no proxy_server: see that this tbot talks to the site's cluster"
    ours, theirs = rendered.get("onboarding"), current.get("onboarding")
    if is_mapping(ours) and not is_mapping(theirs):
        yield "it has no onboarding: see that this tbot joins as the bot of the site"
    elif is_mapping(ours) and is_mapping(theirs):
        differ = [key for key in ours if digest(ours[key]) != digest(theirs.get(key))]
        if differ:
            yield (
                f"its onboarding differs from the site's in {' and '.join(differ)}: "
                "if this tbot joins as another bot, the identity is that bot's"
            )
    names = {service.destination for service in wanted}
    if any(one.value.get("roles") for one in there if one.destination not in names):
        yield f"a service has `roles`, and tbot 19 does not start with it: {_UPGRADE}"
