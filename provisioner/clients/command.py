"""The bare command line of each connection, one a line, for any client that takes a command."""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format((Layout("command.txt", "clients/command.txt.j2"),), bare=True)
