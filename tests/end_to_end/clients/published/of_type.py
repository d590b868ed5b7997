"""Print the JSON Schema of a type that a framework publishes: `python of_type.py MODULE NAME`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from pydantic import TypeAdapter

module = importlib.import_module(sys.argv[1])
vars(module).setdefault("Path", Path)  # langchain_mcp_adapters imports it for type checkers only
sys.stdout.write(json.dumps(TypeAdapter(getattr(module, sys.argv[2])).json_schema()))
