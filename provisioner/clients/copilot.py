"""GitHub Copilot: the CLI, and the cloud agent, whose configuration is pasted into a repository.

https://docs.github.com/copilot/how-tos/copilot-on-github/customize-copilot/configure-mcp-servers.
The cloud agent calls tools without asking, so `tools` names them where they are known. `timeout` is
for the list of tools and for each call, so it is at least the minute that `copilot mcp add` writes.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (
        Layout("mcp-config.json", "clients/copilot.json.j2"),
        Layout("copilot-cloud-agent.json", "clients/copilot-cloud-agent.json.j2"),
    ),
    entries=("mcpServers",),
    strict=False,
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.copilot/mcp-config.json"),
    after="start copilot anew",
)
