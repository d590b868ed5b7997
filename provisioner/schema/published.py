"""The JSON Schema of what a Struct declares, draft 2020-12, for editors and for other programs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import fields

from provisioner.schema.kinds import (
    Anything,
    Boolean,
    Integer,
    Kind,
    Listed,
    Mapped,
    Matching,
    Maybe,
    OneOf,
    OneOrMany,
    Parsed,
    Short,
    Text,
)
from provisioner.schema.records import Layout, Record, Variant, layout_of
from provisioner.values import Plain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(made: type[Struct], title: str) -> dict[str, Plain]:
    """Return the schema of a Struct; the Structs that are in it are its `$defs`, by their names."""
    drawn = _Drawing()
    whole = drawn.record(made)
    return {"$schema": DIALECT, "title": title, "$defs": dict(sorted(drawn.parts.items())), **whole}


class _Drawing:
    """A schema in the making; `parts` are the Structs that were met so far."""

    def __init__(self) -> None:
        self.parts: dict[str, Plain] = {}

    def record(self, made: type[Struct]) -> dict[str, Plain]:
        """Return the schema of a Struct."""
        layout = layout_of(made)
        defaults = dict(_defaults(made))
        properties = {
            name: {**self.of(kind), **({"default": defaults[name]} if name in defaults else {})}
            for name, kind in layout.kinds.items()
        }
        return {
            "type": "object",
            **({"description": inspect.cleandoc(made.__doc__)} if made.__doc__ else {}),
            "properties": properties,
            **({"required": list(layout.required)} if layout.required else {}),
            **self._others(layout),
        }

    def _others(self, layout: Layout) -> dict[str, Plain]:
        """Return what is said of keys that are no fields."""
        if layout.rest is not None:
            return self._mapping(layout.rest[1])
        return {"additionalProperties": False} if layout.is_closed else {}

    def of(self, kind: Kind) -> dict[str, Plain]:
        """Return the schema of a kind."""
        match kind:
            case Anything():
                return {}
            case Boolean():
                return {"type": "boolean"}
            case Integer():
                least = {} if kind.least is None else {"minimum": kind.least}
                return {"type": "integer", **least}
            case Text() | Matching() | Parsed():
                return {"type": "string", **_limits(kind)}
            case OneOf():
                return (
                    {"const": kind.choices[0]}
                    if len(kind.choices) == 1
                    else {"enum": list(kind.choices)}
                )
            case Maybe():
                return self._any(kind.kind, null=True)
            case Listed():
                return {"type": "array", "items": self.of(kind.kind)}
            case OneOrMany():
                one, many = map(self.of, (kind.kind, Listed(kind.kind)))
                least = {"minItems": kind.least} if kind.least else {}
                return {"anyOf": [one, {**many, **least}]}
            case Mapped():
                return {"type": "object", **self._mapping(kind)}
            case Short():
                return self._any(*kind.written)
            case Record():
                return self._reference(kind.made)
            case Variant():
                return {"oneOf": [self._reference(made) for made in kind.made]}
        raise TypeError(kind)

    def _any(self, *kinds: Kind, null: bool = False) -> dict[str, Plain]:
        return {"anyOf": [*map(self.of, kinds), *([{"type": "null"}] if null else [])]}

    def _mapping(self, kind: Mapped) -> dict[str, Plain]:
        if isinstance(kind.key, Matching):
            return {
                "patternProperties": {kind.key.pattern: self.of(kind.kind)},
                "additionalProperties": False,
            }
        names = _limits(kind.key)
        return {
            "additionalProperties": self.of(kind.kind) or True,
            **({"propertyNames": names} if names else {}),
        }

    def _reference(self, made: type[Struct]) -> dict[str, Plain]:
        name = made.__name__
        if name not in self.parts:
            self.parts[name] = {}  # it is being drawn, should it be met inside itself
            self.parts[name] = self.record(made)
        return {"$ref": f"#/$defs/{name}"}


def _limits(kind: Kind) -> dict[str, Plain]:
    """Return what is said of a text beside that it is one."""
    match kind:
        case Matching():
            return {"pattern": kind.pattern}
        case Text():
            limits = {"minLength": kind.least or None, "maxLength": kind.most}
            return {name: limit for name, limit in limits.items() if limit is not None}
    return {}


def _defaults(made: type[Struct]) -> Iterator[tuple[str, Plain]]:
    """Yield field and default of what JSON can say of what counts where nothing is said."""
    for field in fields(made):
        if isinstance(field.default, bool | int | str):
            yield field.name, field.default
        elif field.default == ():
            yield field.name, []
