"""Strands loads the canonical JSON by its path, and puts an entry's name before its tools if told.

It waits 30 seconds for each server, and warns of keys that it does not know.
"""

from __future__ import annotations

import json
import logging
import sys

from strands.tools.mcp import MCPClient

logging.basicConfig(level=logging.WARNING)

tools, reached = [], ""
for client in MCPClient.load_servers(sys.argv[1], prefix_with_server_name=True):
    with client:
        found = [tool.tool_name for tool in client.list_tools_sync()]
        tools += found
        if "archive_reached" in found:
            reached = client.call_tool_sync("1", "reached", {})["content"][0]["text"]
print(json.dumps({"tools": sorted(tools), "reached": reached}))
