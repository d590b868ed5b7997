"""Sites and live states of any size, the same for every tool that is measured."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.cli._base import load_templates
from provisioner.cluster import snapshot
from provisioner.cluster.memory import MemoryCluster

SERVERS = 20


def site(
    roles: int, bots: int, *, machines: bool = False, formats: Iterable[str] = ("claude-code",)
) -> str:
    """Return a site file with so many roles and bots, with what their machines need or without.

    With it, each bot has a client of each of the `formats`.
    """
    lines = ["version: 1", "site: bench", "teleport: {proxy: example.teleport.sh:443}", "roles:"]
    for number in range(roles):
        lines += [
            f"  role-{number}:",
            f"    description: What team {number % SERVERS} may call",
            f"    app_labels: {{env: dev, team: t{number % SERVERS}}}",
            f"    tools: [read_*, search_{number}]",
            "    options: {max_session_ttl: 8h}",
        ]
    lines.append("bots:")
    for number in range(bots):
        lines += [
            f"  agent-{number}:",
            f"    roles: [role-{number % roles}]",
            f"    traits: {{team: t{number % SERVERS}}}",
            "    max_session_ttl: 12h",
        ]
        if machines:
            lines += [
                "    join:",
                "      method: kubernetes",
                f'      allow: [{{service_account: "agents:agent-{number}"}}]',
                f"    identity: {{path: /opt/machine-id/{number}}}",
                "    clients:",
                *(
                    f"      - {{format: {name}, servers: [server-{number % SERVERS}]}}"
                    for name in formats
                ),
            ]
    if machines:
        lines.append("mcp_servers:")
        lines += [f"  server-{number}: {{labels: {{env: dev}}}}" for number in range(SERVERS)]
    return "\n".join(lines) + "\n"


def live_as(site_file: Path, output: Path) -> None:
    """Write a snapshot of a cluster to which the site was applied: a plan against it is empty."""
    cluster = MemoryCluster(name="bench")
    prepared = workflow.prepare(site_file, load_templates(None))
    for _ in apply(workflow.make_plan(prepared, cluster, prune=False), cluster):
        pass
    taken = snapshot.take(cluster, now=datetime(2026, 1, 1, tzinfo=UTC))
    output.write_text(json.dumps(taken))
