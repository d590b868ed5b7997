"""Codex: https://developers.openai.com/codex/config-reference.

Codex passes only named variables on to a server, so Teleport's are named.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("codex-config.toml", "clients/codex.toml.j2"),),
    entries=("mcp_servers",),
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.codex/config.toml"),
    after="start Codex anew",
)
