"""An MCP server that says what it is told to say, whatever it is asked."""

from __future__ import annotations

import json
import os
import select
import threading
from contextlib import ExitStack, suppress
from functools import partial
from io import FileIO
from typing import Any, Final

import anyio
from mcp.client import Transport

from provisioner.tools.inventory import _pin, _session
from provisioner.tools.inventory._base import Target, Unreadable
from provisioner.tools.inventory._wire import Wire

_TARGET: Final = Target("small", "command: small", ("small",))
_SECONDS: Final = 20.0
_PATIENCE: Final = 0.003  # seconds without another request: the client waits for what will not come
_INFO: Final = {"name": "small", "version": "1"}
_TOOLS: Final[tuple[dict[str, Any], ...]] = (
    {"name": "read_file", "inputSchema": {"type": "object"}},
    {
        "name": "x",
        "title": "X",
        "description": "Does.",
        "inputSchema": {"type": "object"},
        "annotations": {"title": "x"},
    },
)


def _said(number: int, **result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode() + b"\n"


_BEGUN: Final = _said(1, protocolVersion="2025-06-18", capabilities={"tools": {}}, serverInfo=_INFO)

SEEDS: Final = (
    _BEGUN + _said(2, tools=_TOOLS[:1]),
    _BEGUN + _said(2, tools=_TOOLS, nextCursor="a") + _said(3, tools=[]),
    _BEGUN + b'{"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "no"}}\n',
)


def pull(data: bytes) -> str:
    """Read the tools of a server that says `data`, a line for each request that it hears."""
    with ExitStack() as opened:
        try:
            answer = anyio.run(_session.told, partial(_connected, data, opened), _SECONDS)
        except Unreadable as error:
            return error.message
    pin = _pin(_TARGET, answer, "2026-01-01T00:00:00Z")
    return pin.message if isinstance(pin, Unreadable) else f"{len(pin.tools)} tools"


def _connected(data: bytes, opened: ExitStack, wire: Wire) -> Transport:
    (reads, says), (hears, writes) = os.pipe(), os.pipe()
    server = threading.Thread(target=_serve, args=(data, FileIO(hears), FileIO(says, "wb")))
    opened.callback(server.join)
    ours = opened.enter_context(FileIO(reads)), opened.enter_context(FileIO(writes, "wb"))
    server.start()
    return _session.speaking(*ours, wire)


def _serve(data: bytes, hears: FileIO, says: FileIO) -> None:
    """Say a line for each request; hang up when no more come, or there is no more to say."""
    with hears, says, suppress(OSError):
        for line in data.splitlines(keepends=True):
            while select.select([hears], [], [], _PATIENCE)[0]:
                heard = hears.read(1 << 16)
                if b'"id"' in heard or not heard:
                    break
            says.write(line)
