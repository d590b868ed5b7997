"""What every peer is given: the documents of the generated site, as text and as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROLE = """kind: role
version: v8
metadata:
  name: {name}
  description: {description}
spec:
  allow:
    app_labels:
      env: dev
      team: {team}
    mcp:
      tools: ["read_*", "search_*", "write_a"]
  options:
    max_session_ttl: 8h
"""
BOT = """kind: bot
version: v1
metadata:
  name: {name}
spec:
  roles: ["{role}"]
  traits:
  - name: team
    values: ["{team}"]
  max_session_ttl: 43200s
"""
SERVERS = 20

Facts = dict[str, dict[str, str]]
"""What the documents of one kind say, by name."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many roles and as many bots; the first `changed` roles say something else than is live."""

    count: int
    changed: int = 0

    @property
    def roles(self) -> Facts:
        """What the site says of each role."""
        return self._roles(self.changed)

    @property
    def bots(self) -> Facts:
        """What the site says of each bot."""
        return {
            f"agent-{number}": {"role": f"role-{number}", "team": f"t{number % SERVERS}"}
            for number in range(self.count)
        }

    def live(self) -> dict[str, str]:
        """Return the documents as they were applied before, by file name without its ending."""
        roles = {name: ROLE.format(name=name, **facts) for name, facts in self._roles(0).items()}
        bots = {name: BOT.format(name=name, **facts) for name, facts in self.bots.items()}
        return {**roles, **bots}

    def _roles(self, changed: int) -> Facts:
        return {
            f"role-{number}": {
                "team": f"t{number % SERVERS}",
                "description": f"What team {'X' if number < changed else number % SERVERS} may call",
            }
            for number in range(self.count)
        }


def write_templates(root: Path, fleet: Fleet) -> None:
    """Write the templates as Jinja has them, of an `item`, and below `live` the files as they are."""
    (root / "live").mkdir()
    for name, text in (("role", ROLE), ("bot", BOT)):
        (root / f"{name}.j2").write_text(re.sub(r"\{(\w+)\}", r"{{ item.\1 }}", text))
    for name, text in fleet.live().items():
        (root / "live" / name).write_text(text)
        (root / "live" / name).chmod(0o644)


class Peer(Protocol):
    """A tool that plans: from the site to what differs from the live state."""

    __name__: str
    PACKAGE: str
    """What is installed, with its version."""
    LARGEST: int
    """The most documents with which it ends in bearable time."""
    NOTE: str
    """What it does here, and what it is built for."""

    def prepare(self, root: Path, fleet: Fleet) -> None:
        """Write the site and the live state into the directory."""

    def command(self, root: Path, programs: Path) -> list[str]:
        """Return the command that plans; `programs` has the peer's own programs."""

    def differences(self, output: str) -> int:
        """Return how many documents differ, as the command said."""
