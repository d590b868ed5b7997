"""Cursor: https://cursor.com/docs/mcp."""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("cursor-mcp.json", "clients/cursor.json.j2"),),
    entries=("mcpServers",),
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.cursor/mcp.json"),
    after="reload the MCP servers in Cursor's settings",
)
