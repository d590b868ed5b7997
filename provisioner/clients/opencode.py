"""OpenCode: https://opencode.ai/docs/mcp-servers.

It adds `$schema` to a file without one, so the rendering has it from the start. `timeout` is for
the start and for each request, so it is at least the minute that a call has without it.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("opencode.json", "clients/opencode.json.j2"),),
    entries=("mcp",),
    strict=False,
    homes=dict.fromkeys(("linux", "darwin", "win32"), "~/.config/opencode/opencode.json"),
    after="start opencode anew",
)
