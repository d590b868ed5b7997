"""The JSON Schema of the site file, as the model gives it and the client formats complete it."""

from __future__ import annotations

from provisioner.clients import FORMATS
from provisioner.schema.published import schema_of
from provisioner.site.model import Site
from provisioner.values import Plain


def site_schema() -> dict[str, Plain]:
    """Return the schema, draft 2020-12."""
    schema = schema_of(Site, "provision site file, version 1")
    formats = schema["$defs"]["Client"]["properties"]["format"]["anyOf"]
    formats[0] = {"type": "string", "enum": list(FORMATS)}
    return schema
