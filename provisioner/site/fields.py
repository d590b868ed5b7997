"""What the values in a site file may be: names, labels, durations, paths, lists.

Each is checked strictly, nothing is coerced, and validated text stays the text that was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from provisioner.text import units
from provisioner.values import freeze

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_HOST_PORT: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})"
)
_HIGHEST_PORT: Final = 65535


class Strict(BaseModel):
    """Base of all parts of a site: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


def _refuse(kind: str, message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message, "hint": hint})


def _parsed_by(
    parse: Callable[[str], object], kind: str, message: str, hint: str
) -> Callable[[str], str]:
    """Return a validator that keeps the text when `parse` takes it."""

    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError:
            raise _refuse(kind, message, hint) from None
        return text

    return check


def _host_port(text: str) -> None:
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= _HIGHEST_PORT:
        raise ValueError(text)


def _absolute(text: str) -> None:
    if not text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError(text)


def _relative(text: str) -> None:
    if text.startswith("/") or ".." in text.split("/") or "\0" in text or not text.endswith(".j2"):
        raise ValueError(text)


def _absolute_or_memory(text: str) -> None:
    if text != "memory":
        _absolute(text)


def not_a_boolean(value: object) -> object:
    """Let through what is no boolean."""
    # True == 1 in Python, so `version: true` would pass for `version: 1`.
    if isinstance(value, bool):
        raise _refuse("site_version", "the site file's version is the number 1", "write version: 1")
    return value


def _as_many(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(value)
    raise _refuse("text_or_list", "expected text or a list of texts", "quote numbers and booleans")


def _readonly(value: Mapping[K, V]) -> Mapping[K, V]:
    frozen: Mapping[K, V] = freeze(value)
    return frozen


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""What we create: safe as a file name, a DNS label, a tctl reference and an MCP server name."""

Reference = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z@_:.+-]{1,255}$")]
"""What others may have created: the characters Teleport's backend allows in a name."""

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z/.0-9_:*-]+$")]
Text = Annotated[str, StringConstraints(max_length=65536)]
Filled = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
Many = Annotated[tuple[T, ...], Field(strict=False)]
Texts = Annotated[
    tuple[Filled, ...],
    Field(strict=False),
    BeforeValidator(_as_many, json_schema_input_type=Filled | tuple[Filled, ...]),
]
Map = Annotated[Mapping[K, V], AfterValidator(_readonly)]
Labels = Map[LabelKey, Text]
Selector = Map[LabelKey, Texts]

Duration = Annotated[
    str,
    AfterValidator(
        _parsed_by(
            units.nanoseconds,
            "duration",
            "this is not a duration",
            "write it as in 12h, 90m or 1h30m",
        )
    ),
]
Time = Annotated[
    str,
    AfterValidator(
        _parsed_by(
            units.moment, "time", "this is not a time with a zone", 'write "2027-01-31T12:00:00Z"'
        )
    ),
]
Day = Annotated[
    str,
    AfterValidator(_parsed_by(units.day, "day", "this is not a day", "write it as in 2027-03-31")),
]
TeleportVersion = Annotated[
    str,
    AfterValidator(
        _parsed_by(units.version, "version", "this is not a Teleport version", 'write "18.8"')
    ),
]
HostPort = Annotated[
    str,
    AfterValidator(
        _parsed_by(_host_port, "host_port", "expected HOST:PORT", "write example.teleport.sh:443")
    ),
]
Directory = Annotated[
    str,
    AfterValidator(
        _parsed_by(_absolute, "path", "expected an absolute path without `..`", "begin it with /")
    ),
]
Storage = Annotated[
    str,
    AfterValidator(
        _parsed_by(
            _absolute_or_memory,
            "storage",
            "expected an absolute path, or memory",
            "write /var/lib/teleport/bot, or memory where the bot can always join anew",
        )
    ),
]
RelativePath = Annotated[
    str,
    AfterValidator(
        _parsed_by(
            _relative,
            "template_path",
            "expected the path of a template below the site's directory",
            "write clients/own.json.j2",
        )
    ),
]
