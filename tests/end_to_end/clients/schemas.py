"""Schemas and types that clients publish of their configuration, each as a JSON Schema of its file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.end_to_end.clients.shelf import Shelf
from tests.schemas import FORMS, of_entries

Schema = Mapping[str, Any]
SCRIPTS: Final = Path(__file__).parent / "published"
TYPES: Final = "ts-json-schema-generator"


def _said(*command: object) -> Schema:
    """Run a command and return the JSON that it prints."""
    argv = [str(word) for word in command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stdout, f"no schema found by {argv}"
    found: Schema = json.loads(done.stdout)
    return found


def _typescript(shelf: Shelf, file: Path, name: str) -> Schema:
    """Return the schema of a TypeScript type, which takes no keys but its own."""
    program = shelf.modules(TYPES, TYPES) / TYPES / "bin" / f"{TYPES}.js"
    return _said("node", program, "--path", file, "--type", name, "--no-type-check")


def _python(environment: str, module: str, name: str) -> Callable[[Shelf], Schema]:
    """Return what gives the schema of a Python type of a framework."""

    def of(shelf: Shelf) -> Schema:
        return _said(shelf.frameworks(environment), SCRIPTS / "of_type.py", module, name)

    return of


def _each(file: str, entry: Callable[[Shelf], Schema]) -> Callable[[Shelf], Schema]:
    """Return what gives the schema of a file from that of one entry."""
    return lambda shelf: of_entries(FORMS[file].entries, entry(shelf))


def _vscode(shelf: Shelf) -> Schema:
    package = shelf.unpacked("vscode", "@codingame/monaco-vscode-api")
    return _said("node", SCRIPTS / "vscode.mjs", package)


def _opencode(shelf: Shelf) -> Schema:
    described = _said(shelf.program("opencode-ai", "opencode"), "generate")
    return {"$ref": "#/components/schemas/Config", "components": described["components"]}


def _gemini(shelf: Shelf) -> Schema:
    package = shelf.modules("gemini", "@google/gemini-cli") / "@google" / "gemini-cli"
    definitions = _said("node", SCRIPTS / "gemini.mjs", package / "bundle")
    return {"$ref": "#/definitions/MCPServerConfig", "definitions": definitions}


def _claude(shelf: Shelf) -> Schema:
    package = shelf.unpacked("claude-types", "@anthropic-ai/claude-agent-sdk")
    return _typescript(shelf, package / "sdk.d.ts", "McpStdioServerConfig")


def _copilot(shelf: Shelf) -> Schema:
    package = shelf.unpacked("copilot-types", "@github/copilot-sdk")
    return _typescript(shelf, package / "dist/generated/rpc.d.ts", "McpServerConfigStdio")


PUBLISHED: Final[Mapping[str, tuple[str, Callable[[Shelf], Schema]]]] = {
    "VS Code": ("vscode-mcp.json", _vscode),
    "OpenCode": ("opencode.json", _opencode),
    "Gemini CLI": ("gemini-settings.json", _each("gemini-settings.json", _gemini)),
    "Claude Code": (".mcp.json", _each(".mcp.json", _claude)),
    "Copilot CLI": ("mcp-config.json", _each("mcp-config.json", _copilot)),
    "Copilot cloud agent": (
        "copilot-cloud-agent.json",
        _each("copilot-cloud-agent.json", _copilot),
    ),
    "LangGraph": (
        "langgraph.json",
        _each(
            "langgraph.json", _python("mcp1", "langchain_mcp_adapters.sessions", "StdioConnection")
        ),
    ),
    "LangGraph, as a module": (
        "langgraph_connections.py",
        _each(
            "langgraph.json", _python("mcp1", "langchain_mcp_adapters.sessions", "StdioConnection")
        ),
    ),
    "PydanticAI": ("mcp.json", _python("mcp2", "pydantic_ai.mcp", "_MCPConfig")),
    "OpenAI Agents": (
        "mcp.json",
        _each("mcp.json", _python("mcp2", "agents.mcp", "MCPServerStdioParams")),
    ),
}
"""Who publishes one, which of our files it is about, and what gets it."""
