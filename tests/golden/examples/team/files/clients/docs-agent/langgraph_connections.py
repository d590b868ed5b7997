"""MCP servers behind Teleport, for langchain_mcp_adapters.client.MultiServerMCPClient."""

CONNECTIONS = {
    "docs-search": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "acme.teleport.sh:443", "docs-search"],
    },
    "metrics": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "acme.teleport.sh:443", "metrics"],
    },
}
