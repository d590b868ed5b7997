"""How MCP clients are told to start `tsh mcp connect`: one module a format, listed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provisioner.clients import command
from provisioner.clients._base import Connection, Format

FORMATS: Final[Mapping[str, Format]] = {"command": command.FORMAT}

__all__ = ["FORMATS", "Connection", "Format"]
