"""Claude Desktop: https://modelcontextprotocol.io/docs/develop/connect-local-servers.

The application keeps its own settings in the same file, so it is merged, never replaced.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("claude_desktop_config.json", "clients/claude-desktop.json.j2"),),
    entries=("mcpServers",),
    homes={
        "darwin": "~/Library/Application Support/Claude/claude_desktop_config.json",
        "win32": "%APPDATA%/Claude/claude_desktop_config.json",
        "linux": "~/.config/Claude/claude_desktop_config.json",
    },
    after="restart Claude Desktop",
    windowed=True,
)
