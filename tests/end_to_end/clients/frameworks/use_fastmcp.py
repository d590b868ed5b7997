"""FastMCP loads the canonical JSON; with two servers it puts an entry's name before its tools."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from fastmcp import Client


async def main(servers: dict) -> None:
    async with Client(servers) as client:
        tools = sorted(tool.name for tool in await client.list_tools())
        answer = await client.call_tool("archive_reached", {})
    print(json.dumps({"tools": tools, "reached": answer.content[0].text}))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
