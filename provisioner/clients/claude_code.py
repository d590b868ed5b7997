"""Claude Code: https://code.claude.com/docs/en/mcp.

`.mcp.json` belongs to a project; headless bots are given it with `claude --mcp-config FILE
--strict-mcp-config`. `~/.claude.json` is the program's own state and is never edited.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout(".mcp.json", "clients/claude-code.json.j2"),),
    entries=("mcpServers",),
    homes=dict.fromkeys(("linux", "darwin", "win32"), ".mcp.json"),
    after="start Claude Code anew in this directory, and accept the servers once",
    reserved=frozenset({"claude-in-chrome", "computer-use", "workspace"}),
)
