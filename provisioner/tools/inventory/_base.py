"""Where the tools of a server are read, and within what bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from provisioner.errors import ProvisionError
from provisioner.values import Plain

MOST_BYTES: Final = 32 << 20
"""What a server may send in all."""
MOST_PAGES: Final = 200
MOST_TOOLS: Final = 10_000

Notify = Callable[[int, int], None]
"""Is told of how many servers the tools are read, of how many in all."""


class Unreadable(ProvisionError):
    """A server whose tools could not be read."""


class Target(Struct, frozen=True):
    """An MCP server and the way to it: a command that speaks stdio, or else a URL.

    `source` is how the lock names that way, without secrets. `complete` says that whoever answers
    shows all of its tools to us.
    """

    server: str
    source: str
    argv: tuple[str, ...] = ()
    url: str = ""
    complete: bool = True


Named = tuple[str, Mapping[str, Plain]]
"""A tool by its name, and its definition in MCP's spelling."""

Answers = Mapping[str, Sequence[Named] | Unreadable]
"""What each server says, or why that could not be read."""
