"""OpenAI Agents takes an entry's command, args and env as they are; its time limit is in code."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from agents.mcp import MCPServerStdio, MCPServerStdioParams


async def main(entries: dict, *, wait: bool) -> None:
    tools, reached = [], ""
    limit = {"client_session_timeout_seconds": 30} if wait else {}
    for name, entry in entries["mcpServers"].items():
        async with MCPServerStdio(MCPServerStdioParams(**entry), name=name, **limit) as server:
            tools += [f"{name}_{tool.name}" for tool in await server.list_tools()]
            reached = (await server.call_tool("reached", {})).content[0].text
    print(json.dumps({"tools": sorted(tools), "reached": reached}))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), wait="patient" in sys.argv))
