"""How MCP clients are told to start `tsh mcp connect`: one module a format, listed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provisioner.clients import (
    claude_code,
    claude_desktop,
    codex,
    command,
    copilot,
    cursor,
    gemini,
    goose,
    langgraph,
    mcpservers,
    opencode,
    vscode,
)
from provisioner.clients._base import Connection, Format, Layout, System

FORMATS: Final[Mapping[str, Format]] = {
    "claude-desktop": claude_desktop.FORMAT,
    "claude-code": claude_code.FORMAT,
    "cursor": cursor.FORMAT,
    "vscode": vscode.FORMAT,
    "codex": codex.FORMAT,
    "copilot": copilot.FORMAT,
    "opencode": opencode.FORMAT,
    "gemini": gemini.FORMAT,
    "antigravity": gemini.ANTIGRAVITY,
    "langgraph": langgraph.FORMAT,
    "mcpservers": mcpservers.FORMAT,
    "goose": goose.FORMAT,
    "command": command.FORMAT,
}

__all__ = ["FORMATS", "Connection", "Format", "Layout", "System"]
