"""A real MCP server, made with the official SDK, as it stands behind Teleport.

    python server.py NAME IDENTITY

NAME is the server's name in Teleport, IDENTITY the file with which it was asked for.
"""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer

TOOLS = ("add", "echo", "reached")


def serve(name: str, identity: str) -> None:
    """Answer on stdin and stdout until stdin is closed."""
    server = MCPServer(name, log_level="ERROR")

    @server.tool()
    def add(one: int, other: int) -> int:
        """Add two numbers."""
        return one + other

    @server.tool()
    def echo(text: str) -> str:
        """Say it again."""
        return text

    @server.tool()
    def reached() -> str:
        """Tell which server this is, and with which identity it was asked for."""
        return f"{name} by {identity}"

    server.run("stdio")


if __name__ == "__main__":
    serve(*sys.argv[1:])
