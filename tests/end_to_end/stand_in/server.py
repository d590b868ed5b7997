"""A real MCP server, made with the official SDK, as it stands behind Teleport.

    python server.py NAME IDENTITY
    python server.py --listen SOCKET

NAME is the server's name in Teleport, IDENTITY the file with which it was asked for. With --listen
it runs before anybody asks for it, as servers behind Teleport do, and is asked over a socket: by
JSON with both, and the stdin and stdout of who asks. To import the SDK alone takes a second or
more, which no client should be made to wait for.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
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


def listen(place: str) -> None:
    """Serve each who asks at this socket in a process of its own, until our stdin is closed.

    One may ask as soon as it says so.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those processes
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            asking, _ = door.accept()
            with asking:
                if os.fork() == 0:
                    answer(asking)
                    os._exit(0)


def answer(asking: socket.socket) -> None:
    """Take over the streams of who asks, which has ended when the connection does."""
    said, streams, _, _ = socket.recv_fds(asking, 65536, 2)
    for stream, number in zip(streams, (0, 1), strict=True):
        os.dup2(stream, number)
    serve(*json.loads(said))


if __name__ == "__main__":
    if sys.argv[1] == "--listen":
        listen(sys.argv[2])
    else:
        serve(*sys.argv[1:])
