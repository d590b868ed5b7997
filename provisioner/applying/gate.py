"""The version gate, before anything else: a Teleport that keeps what we write.

An old tctl or cluster drops `spec.allow.mcp` without a word, in both directions.
Sources: Teleport's CHANGELOG; https://goteleport.com/docs/upgrading/overview on version skew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from provisioner.change import ClusterInfo
from provisioner.errors import WrongVersion
from provisioner.site.model import Site
from provisioner.text import units

MCP_SINCE: Final = "18.1"
_ID_TOKEN: Final = re.compile(r"\{\{\s*internal\.id_token\s*\}\}")


def gate(info: ClusterInfo, site: Site | None = None) -> None:
    """Let a cluster and its tctl pass. Raises WrongVersion that names every reason at once."""
    reasons = list(_reasons(info, site))
    if reasons:
        raise WrongVersion(
            "; ".join(reason for reason, _ in reasons),
            hint="; ".join(dict.fromkeys(cure for _, cure in reasons)),
        )


def needs(site: Site) -> Iterator[tuple[str, str]]:
    """Yield (Teleport version, what needs it) for the features that a site uses."""
    yield MCP_SINCE, "MCP access"
    for name, server in site.mcp_servers.items():
        if server.app is None:
            continue
        if server.app.uri and server.app.uri.startswith(("mcp+http", "mcp+sse")):
            yield "18.3", f"the remote address of MCP server {name}"
        if any(_ID_TOKEN.search(header.value.text or "") for header in server.app.headers):
            yield "18.6.5", f"{{{{internal.id_token}}}} in the headers of MCP server {name}"
    for name, bot in site.bots.items():
        if bot.description:
            yield "18.2.3", f"the description of bot {name}"


def _reasons(info: ClusterInfo, site: Site | None) -> Iterator[tuple[str, str]]:
    server = units.version(info.version)
    wanted = needs(site) if site else iter([(MCP_SINCE, "MCP access")])
    for version, what in wanted:
        if server < units.version(version):
            yield (
                f"{what} needs Teleport {version}, the cluster runs {info.version}",
                "upgrade the cluster",
            )
    if info.client is not None:
        yield from _of_tctl(units.version(info.client), server, info)
    promised = site.teleport.version if site else None
    if promised is not None and not _same(promised, server):
        yield (
            f"the site says teleport.version {promised}, the cluster runs {info.version}",
            "correct teleport.version in the site",
        )


def _of_tctl(
    client: tuple[int, int, int], server: tuple[int, int, int], info: ClusterInfo
) -> Iterator[tuple[str, str]]:
    if client < units.version(MCP_SINCE):
        yield (
            f"tctl {info.client} would drop MCP fields silently: it must be {MCP_SINCE} or newer",
            "install a tctl of the cluster's version",
        )
    if abs(client[0] - server[0]) > 1:
        yield (
            f"tctl {info.client} and the cluster's {info.version} are more than one major apart",
            "install a tctl of the cluster's version",
        )


def _same(promised: str, server: tuple[int, int, int]) -> bool:
    """Whether the cluster is of the promised version, as far as that is spelled out."""
    depth = promised.removeprefix("v").partition("-")[0].count(".") + 1
    return units.version(promised)[:depth] == server[:depth]
