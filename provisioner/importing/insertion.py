"""Entries into the text of a site, new or there already: what stands in it stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from provisioner.importing.entries import COLLECTIONS, Entry
from provisioner.site.model import Site
from provisioner.text import yamledit
from provisioner.text.scalars import YAML
from provisioner.values import Plain

_ORDER: Final = ("external_roles", "mcp_servers", "roles", "bots")


def head(site: str, proxy: str, cluster: str) -> str:
    """Return the beginning of a new site file."""
    top = {"version": 1, "site": site, "teleport": {"proxy": proxy}}
    comment = f"# Written by `provision import` from cluster {YAML.write(cluster)}.\n"
    return comment + _lines(top)


def with_entries(text: str, site: Site, entries: Iterable[Entry], *, is_new: bool) -> str:
    """Return the text of `site` with entries added, and with the roles of others that they name.

    In a new file each collection begins after an empty line; in one that is there, entries go to
    the end of their collection. Raises SpliceError where the text cannot be edited safely.
    """
    additions = _additions(site, tuple(entries))
    for name in _ORDER:
        if not (addition := additions.get(name)):
            continue
        if is_new:
            text += "\n" + _lines({name: addition})
        else:
            text = _added(text, name, addition, site)
    return text


def lines_of(entry: Entry) -> list[str]:
    """Return the lines of an entry in a new file, without what stands above it."""
    return YAML.lines({entry.key.name: entry.says})


def strangers(site: Site, entries: Iterable[Entry]) -> list[str]:
    """Return the roles that bots among the entries name, and that the site does not know, sorted."""
    listed = tuple(entries)
    known = {*site.roles, *site.external_roles}
    known |= {entry.key.name for entry in listed if entry.key.kind == "role"}
    named = {role for entry in listed if entry.key.kind == "bot" for role in _roles(entry)}
    return sorted(named - known)


def _roles(entry: Entry) -> Iterable[str]:
    return tuple(entry.says.get("roles") or ())


def _additions(site: Site, entries: tuple[Entry, ...]) -> Mapping[str, Any]:
    added: dict[str, Any] = {"external_roles": strangers(site, entries)}
    for collection in COLLECTIONS.values():
        ours = ((e.path[1], e.says) for e in entries if e.path[0] == collection)
        added[collection] = dict(sorted(ours, key=lambda pair: pair[0]))
    return added


def _added(text: str, name: str, addition: Plain, site: Site) -> str:
    """Return the text with more under a key, where all that it says, with includes, counts."""
    if isinstance(addition, list):
        return yamledit.put(text, [name], [*site.external_roles, *addition])
    return yamledit.put_all(text, [name], addition)


def _lines(value: Mapping[str, Plain]) -> str:
    return "\n".join(YAML.lines(value)) + "\n"
