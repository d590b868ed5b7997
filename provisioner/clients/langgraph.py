"""LangGraph: the connections of langchain-mcp-adapters' `MultiServerMCPClient`.

As JSON, and as a Python module that holds them. The client refuses any key that it does not know.
https://github.com/langchain-ai/langchain-mcp-adapters.
"""

from __future__ import annotations

from typing import Final

from provisioner.clients._base import Format, Layout

FORMAT: Final = Format(
    (
        Layout("langgraph.json", "clients/langgraph.json.j2"),
        Layout("langgraph_connections.py", "clients/langgraph.py.j2"),
    ),
    after="start the agent anew",
)
