"""Goose: https://goose-docs.ai/docs/guides/config-files.

`timeout` is for each request, so it is at least the default, 300 s. It does not count for the first
one, `server/discover`: after 10 s Goose asks in the older way, and fails when both are answered
(seen with 1.52.0). `DISALLOWED_KEYS` of
crates/goose/src/agents/extension.rs in github.com/aaif-goose/goose are left out with a warning in
its log, however they are written.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

_REFUSED: Final = (
    "PATH PATHEXT SYSTEMROOT WINDIR LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT LD_DEBUG LD_BIND_NOW "
    "LD_ASSUME_KERNEL DYLD_LIBRARY_PATH DYLD_INSERT_LIBRARIES DYLD_FRAMEWORK_PATH PYTHONPATH "
    "PYTHONHOME NODE_OPTIONS RUBYOPT GEM_PATH GEM_HOME CLASSPATH GO111MODULE GOROOT APPINIT_DLLS "
    "SESSIONNAME COMSPEC TEMP TMP LOCALAPPDATA USERPROFILE HOMEDRIVE HOMEPATH"
)

FORMAT: Final = Format(
    (Layout("goose-config.yaml", "clients/goose.yaml.j2"),),
    entries=("extensions",),
    homes={
        "linux": "~/.config/goose/config.yaml",
        "darwin": "~/.config/goose/config.yaml",
        "win32": "%APPDATA%/Block/goose/config/config.yaml",
    },
    after="start goose anew",
    refused=frozenset(_REFUSED.split()),
)
