"""Whether this workstation can plan and apply: one diagnosis after the other, each with a cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from provisioner.applying.gate import gate
from provisioner.change import ClusterInfo
from provisioner.cluster.port import Cluster, Scope
from provisioner.doctor.diagnosis import Diagnosis
from provisioner.errors import ProvisionError
from provisioner.site.model import Site

_KINDS: Final = ("role", "bot", "app", "app_server")


def examine(reach: Callable[[], Cluster], site: Site | None = None) -> Iterator[Diagnosis]:
    """Look at the way to the cluster, at versions and at permissions, in that order.

    `reach` opens the cluster. What cannot be looked at because something before it failed is left
    out. Raises nothing that a cluster can raise.
    """
    try:
        cluster = reach()
        info = cluster.info()
    except ProvisionError as error:
        yield Diagnosis(well=False, what="cluster", found=error.message, hint=error.hint)
        return
    yield Diagnosis(
        well=True, what="cluster", found=f"{info.name}, Teleport {info.version}, {info.via}"
    )
    if info.client is not None:
        yield Diagnosis(well=True, what="tctl", found=info.client)
    yield _versions(info, site)
    joins = site is not None and any(bot.join for bot in site.bots.values())
    for kind in (*_KINDS, "token") if joins else _KINDS:
        yield _readable(cluster, kind)


def _versions(info: ClusterInfo, site: Site | None) -> Diagnosis:
    try:
        gate(info, site)
    except ProvisionError as error:
        return Diagnosis(well=False, what="versions", found=error.message, hint=error.hint)
    return Diagnosis(
        well=True, what="versions", found="recent enough for MCP access, and close to each other"
    )


def _readable(cluster: Cluster, kind: str) -> Diagnosis:
    try:
        found = cluster.read(Scope((kind,)))
    except ProvisionError as error:
        return Diagnosis(well=False, what=f"read {kind}", found=error.message, hint=error.hint)
    return Diagnosis(well=True, what=f"read {kind}", found=f"{len(found)} found")
