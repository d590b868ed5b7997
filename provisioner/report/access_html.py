"""Who may call what, as one page for a browser: data, and a script that shows what is filtered.

The page loads nothing. Its policy (CSP) allows its own script and style, by their hashes, and
nothing else, so that no text in the data could ever run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from provisioner.change import Access
from provisioner.rbac.access import Identity, Server
from provisioner.rbac.inquiry import Scene, cells
from provisioner.rbac.labels import alternatives, listed, written
from provisioner.report import _access
from provisioner.report._page import policy
from provisioner.report._scene import domain, items, remarks
from provisioner.templating.templates import Templates
from provisioner.text.terminal import visible
from provisioner.values import Plain

_PAGE: Final = "report/access.html.j2"
_SCRIPT: Final = "report/access_script.html.j2"
_STYLE: Final = "report/access_style.html.j2"

Spots = Mapping[tuple[str, str], tuple[Iterable[str], ...]]
"""By bot and server: what the bot may call there; or else what it gains, and what it loses."""


def matrix(scene: Scene, templates: Templates) -> str:
    """Return the page of a scene. Raises SiteError where a template of the user's own fails."""
    found = {(each.bot, each.server): (tuple(items(each)),) for each in cells(scene.world)}
    data = _data(scene.world.identities, scene.world.named(), found)
    return _page(scene.name, scene, f"{domain(scene)}.", {"difference": False, **data}, templates)


def difference(access: Access, before: Scene, after: Scene, templates: Templates) -> str:
    """Return the page of what bots gain and lose. Raises SiteError as `matrix` does."""
    shown = tuple(_access.shown(access))
    found: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for row in shown:
        gained, lost = found[row.bot, row.server]
        (gained if row.gained else lost).append(visible(row.name) or "connect")
    number = sum(row.gained for row in shown)
    data = _data(
        _united(after.world.identities, before.world.identities),
        {**before.world.named(), **after.world.named()},
        found,
    )
    title = f"{before.name} {after.name}"
    summary = f"{number} gained, {len(shown) - number} lost."
    return _page(title, after, summary, {"difference": True, **data}, templates)


def _united(first: Iterable[Identity], second: Iterable[Identity]) -> Iterable[Identity]:
    return {each.name: each for each in chain(second, first)}.values()


def _page(
    title: str, scene: Scene, summary: str, data: Mapping[str, Plain], templates: Templates
) -> str:
    script, style = templates.render(_SCRIPT, {}), templates.render(_STYLE, {})
    return templates.render(
        _PAGE,
        {
            "title": visible(title),
            "summary": summary,
            "remarks": tuple(remarks(scene)),
            "data": data,
            "policy": policy(style, script),
        },
    )


def _data(
    bots: Iterable[Identity], servers: Mapping[str, list[Server]], found: Spots
) -> dict[str, Plain]:
    """Return what the script reads, each text once: a cell is a number of a set of tools.

    A line is `SERVER:SET`, or `SERVER:GAINED:LOST`, for each server of a bot; a set is a
    hexadecimal number whose lowest bit is the server's first tool.
    """
    tools = {
        name: dict.fromkeys(map(visible, sides[0].tools or ())) for name, sides in servers.items()
    }
    for (_, server), parts in found.items():
        tools[server].update(dict.fromkeys(name for part in parts for name in part))
    sets = _Sets(tools)
    lines: dict[str, list[str]] = defaultdict(list)
    numbers = {name: number for number, name in enumerate(servers)}
    for (bot, server), parts in found.items():
        words = (numbers[server], *(sets.number(server, part) for part in parts))
        lines[bot].append(":".join(map(str, words)))
    return {
        "servers": [_server(sides, tools[name]) for name, sides in servers.items()],
        "bots": [_bot(identity, lines[identity.name]) for identity in bots],
        "sets": sets.listed,
    }


class _Sets:
    """Sets of tools by number, each once."""

    def __init__(self, tools: Mapping[str, Iterable[str]]) -> None:
        self._bits = {
            server: {name: 1 << place for place, name in enumerate(names)}
            for server, names in tools.items()
        }
        self._numbers: dict[int, int] = {}

    def number(self, server: str, names: Iterable[str]) -> int:
        """Return the number of a set of tools of a server."""
        bits = self._bits[server]
        mask = sum(bits[name] for name in set(names))
        return self._numbers.setdefault(mask, len(self._numbers))

    @property
    def listed(self) -> list[str]:
        """All sets, by their numbers."""
        return [f"{mask:x}" for mask in self._numbers]


def _server(sides: Sequence[Server], tools: Iterable[str]) -> dict[str, Plain]:
    return {
        "name": visible(sides[0].name),
        "labels": visible(alternatives(_labels(side) for side in sides)),
        "known": sides[0].tools is not None,
        "tools": list(tools),
    }


def _labels(server: Server) -> str:
    labels = written(server.labels)
    return listed(labels) if labels else ""


def _bot(identity: Identity, line: Iterable[str]) -> dict[str, Plain]:
    roles = [visible(body["metadata"]["name"]) for body in identity.roles]
    return {"name": visible(identity.name), "roles": roles, "line": " ".join(line)}
