"""The canonical JSON that FastMCP, PydanticAI, Strands and others load: command, args, env."""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("mcp.json", "clients/mcpservers.json.j2"),),
    entries=("mcpServers",),
    after="start the agent anew",
)
