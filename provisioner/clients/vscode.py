"""VS Code: https://code.visualstudio.com/docs/agents/reference/mcp-configuration."""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("vscode-mcp.json", "clients/vscode.json.j2"),),
    entries=("servers",),
    strict=False,
    homes=dict.fromkeys(("linux", "darwin", "win32"), ".vscode/mcp.json"),
    after="start the server from the file's code lens, or reload the window",
)
