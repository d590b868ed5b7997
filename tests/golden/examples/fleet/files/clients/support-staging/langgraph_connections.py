"""MCP servers behind Teleport, for langchain_mcp_adapters.client.MultiServerMCPClient."""

CONNECTIONS = {
    "crm-staging": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "globex.teleport.sh:443", "crm-staging"],
    },
    "warehouse-staging": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "globex.teleport.sh:443", "warehouse-staging"],
    },
}
