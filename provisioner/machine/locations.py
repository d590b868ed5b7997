"""Where clients keep their files, on this system and for this user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.clients import FORMATS, System
from provisioner.errors import ProvisionError

# Looked for before a format's home; the first that exists is taken.
_FIRST: Final[Mapping[str, tuple[str, ...]]] = {
    # The Windows installer is an MSIX package: https://github.com/anthropics/claude-code/issues/26073
    "claude-desktop": (
        "%LOCALAPPDATA%/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
    ),
    "opencode": ("~/.config/opencode/opencode.jsonc",),
    "antigravity": ("~/.gemini/antigravity-cli/mcp_config.json",),
}
# A variable that moves a client's whole directory, and the name of the file in it.
_MOVED: Final[Mapping[str, tuple[str, str]]] = {
    "codex": ("CODEX_HOME", "config.toml"),
    "copilot": ("COPILOT_HOME", "mcp-config.json"),
    "gemini": ("GEMINI_CLI_HOME", ".gemini/settings.json"),
}
# Claude Desktop (Electron), Goose (etcetera) and OpenCode (xdg-basedir) look for it on every system.
_CONFIG: Final = ("~/.config/", "XDG_CONFIG_HOME")
_VARIABLE: Final = re.compile(r"%(\w+)%")


class Machine(Struct, frozen=True):
    """What decides where a file is: the system, the user's home, the environment."""

    system: System
    home: Path
    env: Mapping[str, str]


def locate(name: str, machine: Machine) -> Path:
    """Return where the client of a format looks for its file; for a project, below this directory.

    Raises ProvisionError for a format without a place of its own.
    """
    variable, file = _MOVED.get(name, ("", ""))
    if moved := machine.env.get(variable):
        return Path(moved, file)
    for pattern in _FIRST.get(name, ()):
        for found in _existing(pattern, machine):
            return found
    home = FORMATS[name].homes.get(machine.system)
    if home is None or (path := _expanded(home, machine)) is None:
        raise ProvisionError(
            f"format {name} has no place of its own on this system",
            hint=f"say where: --client {name}=FILE",
        )
    return path


def _existing(pattern: str, machine: Machine) -> Iterator[Path]:
    before, _, after = pattern.partition("*")
    root = _expanded(before.rpartition("/")[0] if after else pattern, machine)
    if root is None:
        return
    if not after:
        yield from (path for path in [root] if path.is_file())
    else:
        yield from sorted(root.glob(f"{before.rpartition('/')[2]}*{after}"))


def _expanded(place: str, machine: Machine) -> Path | None:
    """Return a place with `~` and `%NAME%` filled in, None where a variable is not set."""
    if place.startswith(_CONFIG[0]) and (moved := machine.env.get(_CONFIG[1])):
        return Path(moved, place.removeprefix(_CONFIG[0]))
    if any(not machine.env.get(name) for name in _VARIABLE.findall(place)):
        return None
    path = _VARIABLE.sub(lambda match: machine.env[match[1]].replace("\\", "/"), place)
    return machine.home / path[2:] if path.startswith("~/") else Path(path)


__all__ = ["Machine", "locate"]
