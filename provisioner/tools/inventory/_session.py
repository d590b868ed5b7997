"""Ask servers for their tools, with the official MCP SDK: the one module that imports it.

Servers are not trusted: what they send is bounded in time and size.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx2
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import Client, MCPError
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import CONNECTION_CLOSED, Tool, jsonrpc_message_adapter
from pydantic import ValidationError

from provisioner.errors import ProvisionError
from provisioner.system import pipes, process
from provisioner.text.terminal import visible
from provisioner.tools.inventory._base import (
    MOST_BYTES,
    MOST_PAGES,
    MOST_TOOLS,
    Answers,
    Named,
    Notify,
    Target,
    Unreadable,
)
from provisioner.tools.inventory._wire import SHOWN, Wire

_MODES: Final = ("legacy", "auto")
"""`initialize` first: servers of before 2026 know nothing else, and some die of `server/discover`."""

_WIDTH: Final = 4
_PATIENCE: Final = 1.0
_PARTS: Final = {"title", "description", "input_schema", "output_schema", "annotations"}

_FAILURES: Final = (
    MCPError,
    OSError,
    httpx2.HTTPError,
    ValidationError,
    ProvisionError,
    RuntimeError,
)
"""The last is how the SDK puts a server's version of MCP that it does not know."""

# The SDK logs what servers send, as it came.
logging.getLogger("mcp").addHandler(logging.NullHandler())
logging.getLogger("mcp").propagate = False


def ask(targets: Sequence[Target], seconds: float, notify: Notify) -> Answers:
    """Return the definitions of all tools of each server, or why they could not be read.

    `seconds` is what each server has in all.
    """
    return anyio.run(_ask_all, targets, seconds, notify)


async def _ask_all(targets: Sequence[Target], seconds: float, notify: Notify) -> Answers:
    found: dict[str, Sequence[Named] | Unreadable] = {}
    room = anyio.CapacityLimiter(_WIDTH)

    async def one(target: Target) -> None:
        async with room:
            try:
                found[target.server] = await _ask(target, seconds)
            except Unreadable as error:
                found[target.server] = error
            notify(len(found), len(targets))

    async with anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(one, target)
    return found


async def _ask(target: Target, seconds: float) -> Sequence[Named]:
    return await told(partial(_transport, target), seconds)


async def told(connect: Callable[[Wire], Transport], seconds: float) -> Sequence[Named]:
    """Return the definitions of all tools of the server that `connect` leads to.

    Raises Unreadable, whatever it sends or does not send.
    """
    wire = Wire()
    try:
        with anyio.fail_after(seconds):
            tools = await _listed(connect, wire)
    except TimeoutError as error:
        raise Unreadable(f"it did not answer within {seconds:g} s{wire.aside()}") from error
    except (*_FAILURES, ExceptionGroup) as error:
        cause = _cause(error)
        why = wire.failure or f"{_reason(cause, has_ended=wire.has_ended)}{wire.aside()}"
        raise Unreadable(why, hint=getattr(cause, "hint", "")) from error
    return [
        (tool.name, tool.model_dump(by_alias=True, exclude_none=True, include=_PARTS))
        for tool in tools
    ]


async def _listed(connect: Callable[[Wire], Transport], wire: Wire) -> list[Tool]:
    """Connect as either era does, and list everything. Raises whatever can go wrong."""
    for last, mode in enumerate(_MODES, start=1):
        async with AsyncExitStack() as stack:
            client = Client(connect(wire), mode=mode, cache=None)
            try:
                await stack.enter_async_context(client)
            except MCPError:
                if last == len(_MODES):
                    raise
                continue
            return await _pages(client, wire) if client.server_capabilities.tools else []
    return []


async def _pages(client: Client, wire: Wire) -> list[Tool]:
    tools: list[Tool] = []
    seen: set[str | None] = set()
    cursor: str | None = None
    while cursor not in seen and len(seen) < MOST_PAGES and len(tools) <= MOST_TOOLS:
        seen.add(cursor)
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools
    wire.fail(f"its list of tools does not end ({len(seen)} pages, {len(tools):,} tools)")
    return []


def _transport(target: Target, wire: Wire) -> Transport:
    return _over_pipes(target.argv, wire) if target.argv else _over_http(target.url, wire)


@asynccontextmanager
async def _over_http(url: str, wire: Wire) -> AsyncIterator[Any]:
    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            wire.fail("it sends compressed data, which was not asked for")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Counted(response.stream, wire)

    headers = {"Accept-Encoding": "identity"}
    hooks = {"response": [bound]}
    async with (
        httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=None) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


class _Counted(httpx2.AsyncByteStream):
    """The body of a response, as far as it may go."""

    def __init__(self, body: httpx2.AsyncByteStream, wire: Wire) -> None:
        self._body = body
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._wire.count(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


@asynccontextmanager
async def _over_pipes(argv: Sequence[str], wire: Wire) -> AsyncIterator[Any]:
    """Run a command and speak with it: as the SDK's own, but bounded, with our environment."""
    child = process.start(argv, env={"TELEPORT_TOOLS_VERSION": "off"})
    follower = threading.Thread(target=wire.follow, args=(child.stderr,), daemon=True)
    follower.start()
    try:
        async with speaking(child.stdout, child.stdin, wire) as streams:
            yield streams
    finally:
        with anyio.CancelScope(shield=True):
            stop = partial(pipes.stop, child, patience=_PATIENCE, readers=[follower])
            await anyio.to_thread.run_sync(stop)


@asynccontextmanager
async def speaking(
    reads: pipes.Pipe | None, writes: pipes.Pipe | None, wire: Wire
) -> AsyncIterator[Any]:
    """Speak MCP over two pipes, line by line."""
    arrived, incoming = anyio.create_memory_object_stream[SessionMessage | Exception]()
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage]()
    async with anyio.create_task_group() as tasks, incoming, outgoing:
        tasks.start_soon(_receive, reads, arrived, wire)
        tasks.start_soon(_send, leaving, writes)
        yield incoming, outgoing
        tasks.cancel_scope.cancel()


async def _receive(
    pipe: pipes.Pipe | None, arrived: MemoryObjectSendStream[SessionMessage | Exception], wire: Wire
) -> None:
    """Pass messages on; what is none is kept for whoever asks why there is no answer."""
    lines = pipes.lines(pipe, limit=MOST_BYTES)
    async with arrived:
        with suppress(anyio.BrokenResourceError, OSError, Unreadable):
            while line := await anyio.to_thread.run_sync(
                _next, lines, wire, abandon_on_cancel=True
            ):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValidationError:
                    wire.noise = line
                else:
                    await arrived.send(SessionMessage(message))
            wire.has_ended = True


def _next(lines: Iterator[bytes], wire: Wire) -> bytes:
    """Return the next line, nothing at the end. Raises Unreadable when it is too much."""
    try:
        line = next(lines, b"")
    except pipes.Overlong:
        wire.left = 0
        line = b"\n"
    wire.count(line)
    return line


async def _send(
    leaving: MemoryObjectReceiveStream[SessionMessage], pipe: pipes.Pipe | None
) -> None:
    async with leaving:
        with suppress(OSError):
            async for each in leaving:
                text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                line = text.encode() + b"\n"
                await anyio.to_thread.run_sync(pipes.send, pipe, line, abandon_on_cancel=True)


def _cause(error: BaseException) -> BaseException:
    """Return what went wrong in a task; a failure that nobody foresaw goes on its way."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, _FAILURES):
        raise error
    return error


def _reason(error: BaseException, *, has_ended: bool) -> str:
    if isinstance(error, ValidationError):
        return "its answer is not what MCP says"
    said = visible(str(error) or type(error).__name__)[:SHOWN]
    if not isinstance(error, MCPError):
        return said
    if has_ended and error.code == CONNECTION_CLOSED:  # servers like this number too
        return "it ended before it had answered"
    return f"it answers with an error: {said}"
