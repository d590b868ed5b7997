"""The tools of MCP servers: read over MCP, pinned in a lock, and what became of them since."""
