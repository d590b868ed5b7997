"""What every client format is given, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """One MCP server as a client starts it: `name` is the entry's name, `argv` what is run.

    The argv is `tsh mcp connect -i IDENTITY --proxy HOST:PORT SERVER`, the machine form of
    https://goteleport.com/docs/machine-workload-identity/access-guides/mcp.
    """

    name: str
    server: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """One client format: the file it is written to, and the template that writes it.

    The template is given `connections`, a list of {name, server, argv}.
    """

    file: str
    template: str
