"""Client files held to schemas: what is wrong with a document, and documents with one key misspelt."""

from __future__ import annotations

import ast
import copy
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import jsonschema
import yaml

from provisioner.clients import FORMATS

GOLDEN: Final = Path(__file__).parent / "golden"
FORMS: Final = {layout.file: form for form in FORMATS.values() for layout in form.layouts}
"""The format of each file that is rendered for clients."""
FREE: Final = frozenset({"env", "environment", "envs"})
"""Mappings whose keys are names that users give."""


def python_dict(text: str) -> Any:
    """Return what the one assignment of a Python module assigns."""
    (assignment,) = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    assert ast.unparse(assignment.targets[0]) == "CONNECTIONS"
    return ast.literal_eval(assignment.value)


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".py": python_dict,
    ".txt": str.splitlines,
}


def read(name: str, text: str) -> Any:
    """Return a client's file as the reader of its language has it."""
    return READERS[PurePath(name).suffix](text)


def golden(name: str, case: str = "") -> Iterator[Any]:
    """Yield every file of this name that the golden cases, or those of one name, expect."""
    for path in sorted((GOLDEN / case).rglob(f"files/clients/*/{name}")):
        yield read(name, path.read_text())


def fullest(name: str) -> Any:
    """Return the file of this name whose first entry has every key that we write."""
    return next(golden(name, "every-client"))


def faults(schema: Mapping[str, Any], document: Any) -> list[str]:
    """Return what a schema finds wrong with a document."""
    checker = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    return [
        f"{error.json_path}: {error.message}" for error in checker(schema).iter_errors(document)
    ]


def closed(schema: Any) -> Any:
    """Return a schema whose objects take no keys but those that it describes.

    Several clients read past keys that they do not know, so that a misspelt one is lost in silence.
    """
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(each) for key, each in schema.items()}
    described = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {**inner, "additionalProperties": False} if described else inner


def of_entries(path: tuple[str, ...], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a file from that of one entry, where the entries stand at this path.

    What the entry's schema refers to must stand in its own `definitions` or `$defs`.
    """
    shared = {key: entry[key] for key in ("definitions", "$defs") if key in entry}
    inner: Mapping[str, Any] = {
        "type": "object",
        "additionalProperties": {key: each for key, each in entry.items() if key not in shared},
    }
    for key in reversed(path):
        inner = {
            "type": "object",
            "properties": {key: inner},
            "required": [key],
            "additionalProperties": False,
        }
    return {**inner, **shared}


def misspelt(document: Any, entries: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield each key of ours in a file, and the file with that key alone misspelt.

    These are the keys on the way to the entries, their neighbours, and those of the first entry.
    """
    place: tuple[str, ...] = ()
    for key in (*entries, None):
        names = _at(document, place)
        if key is None:
            place = (*place, next(iter(names)))
            names = _at(document, place)
        for name in names:
            spoiled = copy.deepcopy(document)
            inside = _at(spoiled, place)
            inside[f"{name}s"] = inside.pop(name)
            yield "/".join((*place, name)), spoiled
        place = (*place, key or "")


def _at(document: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        document = document[key]
    return document
