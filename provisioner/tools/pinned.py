"""The tools of a site's MCP servers: as the site lists them, else as its lock has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from provisioner.errors import Place, Problem
from provisioner.site.model import Site
from provisioner.system import files
from provisioner.text.source import Step
from provisioner.tools import lock
from provisioner.tools.lock import Lock, Pin
from provisioner.values import freeze

CODES: Final = {"PV066": "tools of the site that are not those of the lock"}
Inventory = Mapping[str, tuple[str, ...] | None]
Locate = Callable[[tuple[Step, ...]], Place]


def load(site: Path) -> tuple[Lock, tuple[Problem, ...]]:
    """Read the lock beside a site file; where there is none, nothing is pinned. Raises FileError.

    A lock with problems pins nothing.
    """
    path = site.with_name(lock.FILE)
    if not path.exists():
        return Lock(), ()
    found, problems = lock.read(files.read_bytes(path), str(path))
    return found or Lock(), problems


def renewed(pins: Lock, found: Mapping[str, Pin]) -> Lock:
    """Return the lock with these pins; one that says the same keeps the time when it was made."""
    kept = {
        server: old if (old := pins.pins.get(server)) and old.says() == pin.says() else pin
        for server, pin in found.items()
    }
    return Lock(freeze({**pins.pins, **kept}))


def filled(site: Site, pins: Lock) -> Site:
    """Return the site with the tools of the servers that say none and are pinned in full."""
    servers = {
        name: replace(server, tools=tuple(sorted(pin.tools)))
        for name, server in site.mcp_servers.items()
        if server.tools is None and (pin := pins.pins.get(name)) and pin.complete
    }
    if not servers:
        return site
    return replace(site, mcp_servers=freeze({**site.mcp_servers, **servers}))


def inventory(site: Site, pins: Lock) -> Inventory:
    """Return the tools of every server, None where not all are known; pins may be of live ones."""
    listed = {name: server.tools for name, server in filled(site, pins).mcp_servers.items()}
    return {**{name: tuple(sorted(pin.tools)) for name, pin in _whole(pins)}, **listed}


def _whole(pins: Lock) -> Iterable[tuple[str, Pin]]:
    return ((name, pin) for name, pin in pins.pins.items() if pin.complete)


def unequal(site: Site, pins: Lock, locate: Locate) -> Iterator[Problem]:
    """Yield the servers whose tools the site and the lock both have, and differently."""
    for name, server in site.mcp_servers.items():
        pin = pins.pins.get(name)
        if server.tools is None or pin is None:
            continue
        unlisted = sorted(pin.tools.keys() - set(server.tools))
        unpinned = sorted(set(server.tools) - pin.tools.keys()) if pin.complete else []
        if unlisted or unpinned:
            at, pinned_at = locate(("mcp_servers", name, "tools")), pins.place(name)
            yield Problem(
                "PV066",
                "error",
                f"MCP server {name}: its tools here are not those of {lock.FILE}"
                + "".join(_named("only there", unlisted))
                + "".join(_named("only here", unpinned)),
                "leave `tools` out, and the lock has the say; or pull again: provision tools pull",
                at,
                (pinned_at,) if pinned_at else (),
            )


def _named(where: str, tools: list[str]) -> Iterator[str]:
    if tools:
        yield f"; {where}: {', '.join(tools)}"
