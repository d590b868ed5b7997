from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from provisioner.clients import FORMATS
from provisioner.schema.published import DIALECT
from provisioner.site.schema import site_schema

SCHEMA = site_schema()
LEAST = {"version": 1, "site": "a", "teleport": {"proxy": "a:443"}}


def test_it_is_a_schema() -> None:
    """The schema is a valid one of the dialect that it names, and plain JSON."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_unknown_keys_are_refused_everywhere() -> None:
    """An editor marks a mistyped key, in whatever part of the site it stands."""
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    assert all(
        part.get("additionalProperties", True) is not True for part in parts if "properties" in part
    )


def test_client_formats_are_offered() -> None:
    """An editor offers the names of the client formats that there are."""
    offered = json.dumps(SCHEMA["$defs"]["Client"]["properties"]["format"])
    assert all(f'"{name}"' in offered for name in FORMATS)


@pytest.mark.parametrize("value", [["a"], "reachable"])
def test_servers_of_a_client(value: object) -> None:
    """The servers of a client are a list, or the one word that stands for all."""
    client = {"format": "command", "servers": value}
    site = {**LEAST, "bots": {"ci": {"clients": [client]}}}
    assert list(Draft202012Validator(SCHEMA).iter_errors(site)) == []


def test_the_schema_is_the_same_each_time() -> None:
    """Asking twice gives the same, and what is given can be changed without harm."""
    site_schema()["$defs"].clear()
    assert site_schema() == SCHEMA
