from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator
from msgspec import Struct

from provisioner.schema.kinds import Integer, Matching, Text
from provisioner.schema.published import schema_of
from provisioner.schema.records import Many, Rest, Told, Written
from provisioner.values import EMPTY

Name = Annotated[str, Matching(r"^[a-z]+$", "no name")]
Code = Annotated[str, Matching(r"^X[0-9]$", "no code")]


class Tree(Struct, frozen=True, forbid_unknown_fields=True):
    """A tree of them."""

    below: tuple[Tree, ...] = ()


class Leaf(Struct, frozen=True):
    kind: Literal["leaf"]


class Twig(Struct, frozen=True):
    kind: Literal["twig", "branch"]


class Whole(Struct, frozen=True, forbid_unknown_fields=True):
    """All there is."""

    tree: Tree
    names: Annotated[tuple[Name, ...], Many(str, "names")] = ()
    count: Annotated[int, Integer(least=1)] = 3
    text: Annotated[str, Text(1, 5)] | None = None
    named: Mapping[Name, Any] = EMPTY
    titled: Mapping[Annotated[str, Text(1)], bool] = EMPTY
    short: Annotated[Tree | None, Written(lambda value: value, (bool, Tree))] = None
    one: Annotated[Leaf | Twig, Told("kind")] | None = None
    rest: Annotated[Mapping[Code, int], Rest()] = EMPTY


SCHEMA = schema_of(Whole, "a whole")


def test_the_schema_of_each_kind() -> None:
    """The schema says what reading takes, with defaults and without what JSON Schema cannot say."""
    name = {"type": "string", "pattern": "^[a-z]+$"}
    assert SCHEMA["title"] == "a whole"
    assert SCHEMA["description"] == "All there is."
    assert SCHEMA["required"] == ["tree"]
    assert SCHEMA["patternProperties"] == {"^X[0-9]$": {"type": "integer"}}
    assert SCHEMA["properties"] == {
        "tree": {"$ref": "#/$defs/Tree"},
        "names": {"anyOf": [name, {"type": "array", "items": name}], "default": []},
        "count": {"type": "integer", "minimum": 1, "default": 3},
        "text": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 5}, {"type": "null"}]},
        "named": {
            "type": "object",
            "patternProperties": {"^[a-z]+$": {}},
            "additionalProperties": False,
        },
        "titled": {
            "type": "object",
            "additionalProperties": {"type": "boolean"},
            "propertyNames": {"minLength": 1},
        },
        "short": {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Tree"}]},
        "one": {
            "anyOf": [
                {"oneOf": [{"$ref": "#/$defs/Leaf"}, {"$ref": "#/$defs/Twig"}]},
                {"type": "null"},
            ]
        },
    }


def test_parts_are_told_once() -> None:
    """A Struct that is met again, even inside itself, is referred to."""
    assert list(SCHEMA["$defs"]) == ["Leaf", "Tree", "Twig"]
    assert SCHEMA["$defs"]["Tree"]["description"] == "A tree of them."
    assert "description" not in SCHEMA["$defs"]["Leaf"]
    assert SCHEMA["$defs"]["Tree"]["additionalProperties"] is False
    assert "additionalProperties" not in SCHEMA["$defs"]["Leaf"]
    below = {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []}
    assert SCHEMA["$defs"]["Tree"]["properties"]["below"] == below
    assert SCHEMA["$defs"]["Leaf"]["properties"]["kind"] == {"const": "leaf"}
    assert SCHEMA["$defs"]["Twig"]["properties"]["kind"] == {"enum": ["twig", "branch"]}


def test_it_is_a_schema() -> None:
    """A validator that is not ours takes it, and what it describes."""
    Draft202012Validator.check_schema(SCHEMA)
    assert Draft202012Validator(SCHEMA).is_valid({"tree": {"below": [{}]}, "X5": 5})
