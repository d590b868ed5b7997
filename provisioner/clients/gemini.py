"""Gemini CLI, and Antigravity, which reads the same servers from a file of its own.

https://geminicli.com/docs/tools/mcp-server, https://antigravity.google/docs/cli/gcli-migration.
Gemini's `timeout` is for each request, so it is at least the default, 10 minutes: a call may take
longer than a start. It is written because `gemini mcp list` gives up after 5 s without it.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("gemini-settings.json", "clients/gemini.json.j2"),),
    entries=("mcpServers",),
    strict=False,
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.gemini/settings.json"),
    after="start gemini anew",
)
ANTIGRAVITY: Final = Format(
    (Layout("mcp_config.json", "clients/mcpservers.json.j2"),),
    entries=("mcpServers",),
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.gemini/config/mcp_config.json"),
    after="start agy anew",
)
