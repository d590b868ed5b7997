"""MCP access as code for Teleport. The product is the command `provision`."""

from __future__ import annotations

__version__ = "0.1.0"
