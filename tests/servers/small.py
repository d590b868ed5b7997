"""A small real MCP server, made with the official SDK; speaks stdio, or HTTP at a given port."""

from __future__ import annotations

import sys
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("small", log_level="ERROR")


@server.tool()
def read_file(path: str) -> str:
    """Read a file."""
    return f"content of {path}"


@server.tool()
def delete_repo(name: str) -> str:
    """Delete a repository."""
    return f"{name} is gone"


@server.tool()
async def read_slowly(context: Context[Any, Any]) -> str:
    """Read for a minute, and tell how far it is."""
    await context.report_progress(1, 60)
    await anyio.sleep(60)
    return "done"


@server.resource("notes://today")
def today() -> str:
    """Return the notes of today."""
    return "nothing"


@server.prompt()
def greeting(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
