"""Sites and live states of any size, the same for every tool that is measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.cli._base import load_templates
from provisioner.cluster import snapshot
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope
from provisioner.values import Body

SERVERS = 20


def site(
    roles: int,
    bots: int,
    *,
    machines: bool = False,
    formats: Iterable[str] = ("claude-code",),
    changed: int = 0,
) -> str:
    """Return a site file with so many roles and bots, with what their machines need or without.

    With it, each bot has a client of each of the `formats`, and each role reaches one of the MCP
    servers. The first `changed` roles say something else than they do without.
    """
    lines = ["version: 1", "site: bench", "teleport: {proxy: example.teleport.sh:443}", "roles:"]
    for number in range(roles):
        lines += _role(number, is_changed=number < changed)
    lines.append("bots:")
    for number in range(bots):
        lines += [
            f"  agent-{number}:",
            f"    roles: [role-{number % roles}]",
            f"    traits: {{team: t{number % SERVERS}}}",
            "    max_session_ttl: 12h",
            *(_machine(number, formats) if machines else ()),
        ]
    if machines:
        lines.append("mcp_servers:")
        lines += [
            f"  server-{number}: {{labels: {{env: dev, team: t{number}}}, tools: [read_a, write_a]}}"
            for number in range(SERVERS)
        ]
    return "\n".join(lines) + "\n"


def _role(number: int, *, is_changed: bool) -> Iterator[str]:
    yield f"  role-{number}:"
    yield f"    description: What team {number % SERVERS} may call"
    yield f"    app_labels: {{env: dev, team: t{number % SERVERS}}}"
    yield f"    tools: [read_*, {'write' if is_changed else 'search'}_{number % 10}, write_a]"
    yield "    options: {max_session_ttl: 8h}"


def _machine(number: int, formats: Iterable[str]) -> Iterator[str]:
    yield "    join:"
    yield "      method: kubernetes"
    yield f'      allow: [{{service_account: "agents:agent-{number}"}}]'
    yield f"    identity: {{path: /opt/machine-id/{number}}}"
    yield "    clients:"
    for name in formats:
        yield f"      - {{format: {name}, servers: [server-{number % SERVERS}]}}"


def live_as(site_file: Path, output: Path) -> None:
    """Write a snapshot of a cluster to which the site was applied: a plan against it is empty."""
    cluster = MemoryCluster(name="bench")
    prepared = workflow.prepare(site_file, load_templates(None))
    for _ in apply(workflow.make_plan(prepared, cluster, prune=False), cluster):
        pass
    scope = Scope((*snapshot.WHOLE.kinds, "token"), site=prepared.site.site)
    taken = snapshot.take(cluster, now=datetime(2026, 1, 1, tzinfo=UTC), scope=scope)
    servers = prepared.site.mcp_servers
    taken["documents"]["app_server"] = [_served(name, servers[name].labels) for name in servers]
    output.write_text(json.dumps(taken))


def _served(name: str, labels: Body) -> Body:
    """Return what an agent reports of an MCP server that somebody else registered."""
    app = {
        "kind": "app",
        "version": "v3",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {"uri": "mcp+stdio://", "mcp": {"command": "true", "run_as_host_user": "nobody"}},
    }
    head = {"kind": "app_server", "version": "v3", "metadata": {"name": name}}
    return {**head, "spec": {"app": app}}
