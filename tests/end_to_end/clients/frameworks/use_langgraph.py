"""LangGraph's client takes the connections as they are rendered, from JSON or from a module."""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from pathlib import Path

from langchain_mcp_adapters.client import MultiServerMCPClient


def read(path: Path) -> dict:
    if path.suffix == ".py":
        return runpy.run_path(str(path))["CONNECTIONS"]
    return json.loads(path.read_text())


async def main(connections: dict) -> None:
    client = MultiServerMCPClient(connections, tool_name_prefix=True)
    tools = {tool.name: tool for tool in await client.get_tools()}
    answer = await tools["archive_reached"].ainvoke({})
    print(json.dumps({"tools": sorted(tools), "reached": answer[0]["text"]}))


asyncio.run(main(read(Path(sys.argv[1]))))
