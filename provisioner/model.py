"""The site file as typed, frozen values: what may stand in it, and nothing about what it means.

pydantic checks them strictly (no coercion, no unknown key) and gives the JSON Schema. References
between entries and the rules of Teleport are judged elsewhere (`rules`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from provisioner import units
from provisioner.values import Plain, freeze, nothing

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

ROLE_VERSIONS: Final = ("v6", "v7", "v8")
_HOST_PORT: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})"
)
_HIGHEST_PORT: Final = 65535


class Strict(BaseModel):
    """Base of all parts of a site: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


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


def _not_a_boolean(value: object) -> object:
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

LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z/.0-9_:*-]+$")]
Text = Annotated[str, StringConstraints(max_length=65536)]
Filled = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
Many = Annotated[tuple[T, ...], Field(strict=False)]
Texts = Annotated[
    tuple[Filled, ...],
    Field(strict=False),
    BeforeValidator(_as_many),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
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


class Teleport(Strict):
    """The cluster that machines and clients talk to."""

    proxy: HostPort
    version: TeleportVersion | None = None
    tsh: Directory | None = None


class Header(Strict):
    """One HTTP header that Teleport adds on the way to a remote MCP server."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]
    value: Filled


class App(Strict):
    """An MCP server that we register in Teleport: a command on the agent, or a remote address."""

    command: Filled | None = None
    args: Many[Text] = ()
    run_as_host_user: Filled | None = None
    uri: Filled | None = None
    headers: Many[Header] = ()
    insecure_skip_verify: bool = False


class Entry(Strict):
    """What every managed resource can carry."""

    description: Text | None = None
    expires: Time | None = None
    protected: bool = False


class Server(Entry):
    """An MCP server by its Teleport app name; with `app` it is ours, without it somebody else's."""

    labels: Labels = Field(default_factory=nothing)
    tools: Many[Filled] | None = None
    app: App | None = None


class Deny(Strict):
    """A raw Teleport deny block: global for tools, either label matcher is enough."""

    tools: Many[Filled] = ()
    app_labels: Selector = Field(default_factory=nothing)
    app_labels_expression: Filled | None = None


class Role(Entry):
    """Which MCP servers by their labels, and which of their tools."""

    version: Literal["v6", "v7", "v8"] = "v8"
    app_labels: Selector = Field(default_factory=nothing)
    app_labels_expression: Filled | None = None
    tools: Many[Filled] = ()
    deny: Deny | None = None
    labels: Labels = Field(default_factory=nothing)
    options: Map[str, Plain] = Field(default_factory=nothing)


class Identity(Strict):
    """Where tbot keeps the bot's identity file."""

    path: Directory


class Client(Strict):
    """One MCP client configuration for a bot; `name` is the entry's name, by default the server's."""

    format: Name
    servers: Many[Name]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")] | None = (
        None
    )


class Bot(Entry):
    """A machine identity and the roles it may ask for."""

    roles: Many[Reference] = ()
    traits: Map[Filled, Texts] = Field(default_factory=nothing)
    max_session_ttl: Duration | None = None
    labels: Labels = Field(default_factory=nothing)
    identity: Identity | None = None
    clients: Many[Client] = ()


class Site(Strict):
    """One whole site. A collection that the file leaves out is out of scope; `{}` means none."""

    version: Annotated[Literal[1], BeforeValidator(_not_a_boolean)]
    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    teleport: Teleport
    external_roles: Many[Reference] = ()
    mcp_servers: Map[Name, Server] = Field(default_factory=nothing)
    roles: Map[Name, Role] = Field(default_factory=nothing)
    bots: Map[Name, Bot] = Field(default_factory=nothing)

    def manages(self, collection: str) -> bool:
        """Whether `roles`, `bots` or `mcp_servers` stands in the file, even empty."""
        return collection in self.model_fields_set
