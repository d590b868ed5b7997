"""MCP servers behind Teleport, for langchain_mcp_adapters.client.MultiServerMCPClient."""

CONNECTIONS = {
    "crm-dev": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "globex.teleport.sh:443", "crm-dev"],
    },
    "warehouse-dev": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/var/run/teleport/identity", "--proxy", "globex.teleport.sh:443", "warehouse-dev"],
    },
}
