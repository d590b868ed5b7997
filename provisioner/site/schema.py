"""The JSON Schema of the site file, as the model gives it and the client formats complete it."""

from __future__ import annotations

from typing import Final

from provisioner.clients import FORMATS
from provisioner.site.model import Site
from provisioner.values import Plain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def site_schema() -> dict[str, Plain]:
    """Return the schema, draft 2020-12."""
    schema: dict[str, Plain] = _closed(Site.model_json_schema())
    formats = schema["$defs"]["Client"]["properties"]["format"]["anyOf"]
    formats[0] = {"type": "string", "enum": list(FORMATS)}
    return {"$schema": DIALECT, **schema, "title": "provision site file, version 1"}


def _closed(part: Plain) -> Plain:
    """Refuse keys that match none of the patterns of a mapping: pydantic leaves them open."""
    if isinstance(part, dict):
        closed = {key: _closed(value) for key, value in part.items()}
        return {**closed, "additionalProperties": False} if "patternProperties" in part else closed
    return [_closed(item) for item in part] if isinstance(part, list) else part
