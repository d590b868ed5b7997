"""Pinned tools that tests are made of."""

from __future__ import annotations

from typing import Any

from provisioner.tools.lock import Lock, Pin, Tool
from provisioner.values import freeze


def tool(name: str = "read_file", **definition: Any) -> Tool:
    """Return a tool; `definition` replaces or adds parts, as MCP calls them."""
    says = {"description": "Read.", "inputSchema": {"type": "object"}}
    return Tool(name, freeze({**says, **definition}))


def pin(*tools: Tool | str, complete: bool = True) -> Pin:
    """Return a pin of these tools, some perhaps only named."""
    listed = [tool(each) if isinstance(each, str) else each for each in tools]
    named = {each.name: each for each in listed}
    return Pin(complete, "command: npx", "2026-06-30T12:00:00Z", freeze(named))


def lock(**pins: Pin) -> Lock:
    """Return a lock of these servers."""
    return Lock(freeze(pins))
