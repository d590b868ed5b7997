"""Goose: https://goose-docs.ai/docs/guides/config-files.

`timeout` is for each request, so it is at least the default, 300 s.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (Layout("goose-config.yaml", "clients/goose.yaml.j2"),),
    entries=("extensions",),
    homes={
        "linux": "~/.config/goose/config.yaml",
        "darwin": "~/.config/goose/config.yaml",
        "win32": "%APPDATA%/Block/goose/config/config.yaml",
    },
    after="start goose anew",
)
