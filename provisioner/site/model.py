"""The site file as typed, frozen values: what may stand in it, and nothing about what it means.

pydantic checks them strictly (no coercion, no unknown key) and gives the JSON Schema. References
between entries and the rules of Teleport are judged elsewhere (`rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from provisioner.site.apps import App
from provisioner.site.fields import (
    Day,
    Directory,
    Duration,
    EnvironmentName,
    Filled,
    HostPort,
    Labels,
    Many,
    Map,
    Name,
    Reference,
    RelativePath,
    Selector,
    Storage,
    Strict,
    TeleportVersion,
    Text,
    Texts,
    Time,
    not_a_boolean,
)
from provisioner.site.joins import Joins
from provisioner.values import Plain, nothing


def _as_format(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _as_selector(value: object) -> object:
    if isinstance(value, dict):
        return {"labels": value}
    return {"names": [value] if isinstance(value, str) else value}


def _all_or_listed(value: object) -> object:
    if value == "reachable":
        return ()
    if value == []:
        raise PydanticCustomError(
            "servers",
            "{message}",
            {"message": "a client of no server", "hint": "name servers, or write reachable"},
        )
    return value


class Teleport(Strict):
    """The cluster that machines and clients talk to."""

    proxy: HostPort
    version: TeleportVersion | None = None
    tsh: Directory | None = None


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
    """Which MCP servers by their labels, and which of their tools.

    `spec` is the rest of the document's spec, as it is.
    """

    version: Literal["v6", "v7", "v8"] = "v8"
    app_labels: Selector = Field(default_factory=nothing)
    app_labels_expression: Filled | None = None
    tools: Many[Filled] = ()
    except_tools: Many[Filled] = ()
    deny: Deny | None = None
    labels: Labels = Field(default_factory=nothing)
    options: Map[str, Plain] = Field(default_factory=nothing)
    spec: Map[str, Plain] = Field(default_factory=nothing)


class Reader(Strict):
    """Who else may read the identity: a user or a group of the machine."""

    user: Filled | None = None
    group: Filled | None = None


class KubernetesSecret(Strict):
    """A secret that tbot writes, and where the client's pod mounts it."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]
    mount_path: Directory


class Identity(Strict):
    """Where tbot keeps the bot's identity file: a directory, or a Kubernetes secret."""

    path: Directory | None = None
    kubernetes_secret: KubernetesSecret | None = None
    readers: Many[Reader] = ()
    symlinks: Literal["try-secure", "secure", "insecure"] | None = None
    acls: Literal["try", "off", "required"] | None = None
    credential_ttl: Duration | None = None
    renewal_interval: Duration | None = None

    @property
    def directory(self) -> str:
        """The directory in which a client finds the file `identity`."""
        if self.kubernetes_secret is not None:
            return self.kubernetes_secret.mount_path.rstrip("/")
        return (self.path or "").rstrip("/")


class Tbot(Strict):
    """The rest of tbot.yaml: its own state, whether it runs once, where it tells how it fares."""

    storage: Storage | None = None
    oneshot: bool = False
    diag_addr: HostPort | None = None


class ClientFormat(Strict):
    """A format by its name, or a template of the user's own by its path beside the site."""

    name: Filled | None = None
    custom: RelativePath | None = None


class Client(Strict):
    """One MCP client configuration for a bot.

    `servers` are named, or none for all that the bot reaches. `name` is the entry's, by default the
    server's. `timeout` is how long the client may wait for the server to start; `env` what the server's process gets besides.
    """

    format: Annotated[
        ClientFormat, BeforeValidator(_as_format, json_schema_input_type=Name | ClientFormat)
    ]
    servers: Annotated[
        Many[Name],
        BeforeValidator(
            _all_or_listed, json_schema_input_type=Literal["reachable"] | tuple[Name, ...]
        ),
    ]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")] | None = (
        None
    )
    env: Map[EnvironmentName, Text] = Field(default_factory=nothing)
    timeout: Duration = "30s"


class Bot(Entry):
    """A machine identity and the roles it may ask for."""

    roles: Many[Reference] = ()
    traits: Map[Filled, Texts] = Field(default_factory=nothing)
    max_session_ttl: Duration | None = None
    labels: Labels = Field(default_factory=nothing)
    join: Joins = ()
    identity: Identity | None = None
    tbot: Tbot | None = None
    clients: Many[Client] = ()


class ServerSelector(Strict):
    """MCP servers by their names, or by their labels as a role would match them."""

    names: Many[Name] = ()
    labels: Selector = Field(default_factory=nothing)


class AccessTest(Strict):
    """What must be true of access: of each selected bot on each selected server.

    `bot` and `server` name one, `bots` and `servers` several: names, `*` for every live and planned
    bot, labels for servers. `allow`: these tools may be called.
    `deny`: nothing that these patterns match may be. `exactly`: these tools and no others.
    `connect`: whether a session can be opened at all.
    """

    bot: Name | None = None
    bots: Texts = ()
    server: Name | None = None
    servers: Annotated[
        ServerSelector,
        BeforeValidator(
            _as_selector, json_schema_input_type=Filled | tuple[Filled, ...] | Selector
        ),
    ] = Field(default_factory=ServerSelector)
    allow: Many[Filled] | None = None
    deny: Many[Filled] | None = None
    exactly: Many[Filled] | None = None
    connect: bool | None = None


Level = Literal["error", "warning", "info", "off"]


class Suppression(Strict):
    """A finding that is known and accepted: of this code, at this entry or below it.

    `reason` is for whoever reads the file next; `until` is the last day on which it holds.
    """

    code: Filled
    at: Filled
    reason: Filled
    until: Day | None = None


def _by_code(schema: dict[str, Plain]) -> None:
    """Let an editor mark keys that are no codes."""
    schema["patternProperties"] = {"^PV[0-9]{3}$": schema.pop("additionalProperties")}
    schema["additionalProperties"] = False


class Rules(Strict):
    """How much rules matter, by their codes, and the findings that are accepted."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_by_code)
    __pydantic_extra__: dict[str, Level] = Field(init=False)

    suppress: Many[Suppression] = ()

    @property
    def levels(self) -> Mapping[str, Level]:
        """The severities that the site gives, by code."""
        return MappingProxyType(self.__pydantic_extra__)


class Site(Strict):
    """One whole site. A collection that the file leaves out is out of scope; `{}` means none."""

    version: Annotated[Literal[1], BeforeValidator(not_a_boolean)]
    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    teleport: Teleport
    include: Many[Filled] = ()
    extends: Filled | None = None
    external_roles: Many[Reference] = ()
    mcp_servers: Map[Name, Server] = Field(default_factory=nothing)
    roles: Map[Name, Role] = Field(default_factory=nothing)
    bots: Map[Name, Bot] = Field(default_factory=nothing)
    tests: Map[Filled, AccessTest] = Field(default_factory=nothing)
    rules: Rules = Field(default_factory=Rules)

    def manages(self, collection: str) -> bool:
        """Whether `roles`, `bots` or `mcp_servers` stands in the file, even empty."""
        return collection in self.model_fields_set
