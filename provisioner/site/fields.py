"""What the values in a site file may be: names, labels, durations, paths, lists.

Each is checked strictly, nothing is coerced, and validated text stays the text that was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Struct
from msgspec.structs import asdict

from provisioner.schema.kinds import Matching, Parsed
from provisioner.schema.kinds import Text as Characters
from provisioner.schema.records import Many
from provisioner.text import units
from provisioner.values import Plain

_HOST_PORT: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})"
)
_HIGHEST_PORT: Final = 65535


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a site: frozen, unknown keys refused."""

    def said(self) -> dict[str, Plain]:
        """Return what is said here as plain values; what may be left out and was is not in it."""
        return {name: _plain(value) for name, value in asdict(self).items() if value is not None}


def _plain(value: Plain) -> Plain:
    if isinstance(value, Strict):
        return value.said()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


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


Name = Annotated[
    str,
    Matching(
        r"^[a-z0-9][a-z0-9-]{0,62}$",
        "a name is lower-case letters, digits and hyphens, begins with a letter or digit "
        "and has at most 63 characters",
    ),
]
"""What we create: safe as a file name, a DNS label, a tctl reference and an MCP server name."""

Reference = Annotated[
    str,
    Matching(
        r"^[0-9A-Za-z@_:.+-]{1,255}$",
        "Teleport allows letters, digits and @ _ : . + - in names",
        "names with spaces, slashes or other characters cannot exist",
    ),
]
"""What others may have created: the characters Teleport's backend allows in a name."""

EnvironmentName = Annotated[
    str,
    Matching(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$", "this is not the name of an environment variable"),
]
LabelKey = Annotated[
    str,
    Matching(
        r"^[a-zA-Z/.0-9_:*-]+$", "Teleport allows letters, digits and / . _ : * - in label keys"
    ),
]
Text = Annotated[str, Characters(most=65536)]
Filled = Annotated[str, Characters(least=1, most=65536)]
Texts = Annotated[
    tuple[Filled, ...],
    Many(str, "text or a list of texts", "quote numbers and booleans"),
]
SomeTexts = Annotated[
    tuple[Filled, ...],
    Many(str, "text or a list of texts", "quote numbers and booleans", least=1),
]
Labels = Mapping[LabelKey, Text]
Selector = Mapping[LabelKey, SomeTexts]

Duration = Annotated[
    str,
    Parsed(units.nanoseconds, "this is not a duration", "write it as in 12h, 90m or 1h30m"),
]
Time = Annotated[
    str,
    Parsed(units.moment, "this is not a time with a zone", 'write "2027-01-31T12:00:00Z"'),
]
Day = Annotated[str, Parsed(units.day, "this is not a day", "write it as in 2027-03-31")]
TeleportVersion = Annotated[
    str, Parsed(units.version, "this is not a Teleport version", 'write "18.8"')
]
HostPort = Annotated[str, Parsed(_host_port, "expected HOST:PORT", "write example.teleport.sh:443")]
Directory = Annotated[
    str, Parsed(_absolute, "expected an absolute path without `..`", "begin it with /")
]
Storage = Annotated[
    str,
    Parsed(
        _absolute_or_memory,
        "expected an absolute path, or memory",
        "write /var/lib/teleport/bot, or memory where the bot can always join anew",
    ),
]
RelativePath = Annotated[
    str,
    Parsed(
        _relative,
        "expected the path of a template below the site's directory",
        "write clients/own.json.j2",
    ),
]
