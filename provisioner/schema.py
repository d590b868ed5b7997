"""The JSON Schema of the site file, as the model gives it and the client formats complete it."""

from __future__ import annotations

from typing import Final

from provisioner.clients import FORMATS
from provisioner.model import Site
from provisioner.values import Plain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def site_schema() -> dict[str, Plain]:
    """Return the schema, draft 2020-12."""
    schema = Site.model_json_schema()
    client = schema["$defs"]["Client"]["properties"]
    client["format"] = {"anyOf": [{"enum": list(FORMATS)}, client["format"]]}
    client["servers"] = {"anyOf": [{"const": "reachable"}, client["servers"]]}
    return {"$schema": DIALECT, **schema, "title": "provision site file, version 1"}
