"""What every client format is given, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

System = Literal["linux", "darwin", "win32"]


class Connection(Struct, frozen=True):
    """One MCP server as a client starts it: `name` is the entry's name, `command` what is run.

    The command line is `tsh mcp connect -i IDENTITY --proxy HOST:PORT SERVER`, the machine form of
    https://goteleport.com/docs/machine-workload-identity/access-guides/mcp. `timeout_ms` is how
    long the client may wait for the server to start: tsh dials through a proxy, and the default of
    several clients, 5 s, is too short for that. `tools` are those of the server, where known.
    """

    name: str
    server: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    timeout_ms: int
    tools: tuple[str, ...] | None = None


class Layout(Struct, frozen=True):
    """One file of a format: its name and the template that writes it."""

    file: str
    template: str


class Format(Struct, frozen=True):
    """One client format.

    The template of each layout is given `connections`, a list of mappings with the fields of
    `Connection`, `line` (the command line for a shell) and `timeout_s`. `entries` is the path, in
    the parsed first layout, of the mapping that holds an entry for each connection: that is what is
    merged into a file that exists. `strict` clients read JSON without comments and trailing commas.
    `homes` are the places where the client looks for its file, `~` and %NAME% unexpanded; `after`
    says what makes it read the file again. An entry with a name that is `reserved` is not started.
    Variables, which in capitals are `refused`, are not given to tsh; those of a `bare` format are
    all lost, since it has no place for them. A `windowed` client is not started by a shell, and does
    not get its PATH.
    """

    layouts: tuple[Layout, ...]
    entries: tuple[str, ...] = ()
    strict: bool = True
    homes: Mapping[System, str] = MappingProxyType({})
    after: str = ""
    reserved: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    bare: bool = False
    windowed: bool = False
