"""MCP servers behind Teleport, for langchain_mcp_adapters.client.MultiServerMCPClient."""

CONNECTIONS = {
    "Archive-2": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/opt/machine id/agent/identity", "--proxy", "example.teleport.sh:443", "files"],
        "env": {"TELEPORT_DEBUG": "false", "EMPTY": "", "QUOTED": "a \"b\" \\ c"},
    },
    "files": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/opt/machine id/agent/identity", "--proxy", "example.teleport.sh:443", "files"],
    },
    "search": {
        "transport": "stdio",
        "command": "/usr/local/bin/tsh",
        "args": ["mcp", "connect", "-i", "/opt/machine id/agent/identity", "--proxy", "example.teleport.sh:443", "search"],
    },
}
