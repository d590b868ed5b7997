"""PydanticAI loads the canonical JSON by its path: one toolset a server, with its name in front.

It gives up after 5 seconds then; who wants it to wait builds the toolsets from the entries.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset, load_mcp_toolsets
from pydantic_ai.models.test import TestModel


def patient(path: str) -> list:
    return [
        MCPToolset(StdioTransport(**entry), init_timeout=30).prefixed(name)
        for name, entry in json.loads(Path(path).read_text())["mcpServers"].items()
    ]


async def main(path: str, *, wait: bool) -> None:
    model = TestModel(call_tools=["archive_reached"])
    toolsets = patient(path) if wait else load_mcp_toolsets(path)
    done = await Agent(model, toolsets=toolsets).run("Where are we?")
    tools = [tool.name for tool in model.last_model_request_parameters.function_tools]
    reached = json.loads(done.output)["archive_reached"]
    print(json.dumps({"tools": sorted(tools), "reached": reached}))


asyncio.run(main(sys.argv[1], wait="patient" in sys.argv))
