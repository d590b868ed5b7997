"""The site file as typed, frozen values: what may stand in it, and nothing about what it means.

They are read strictly (no coercion, no unknown key); the JSON Schema follows from them. References
between entries and the rules of Teleport are judged elsewhere (`rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from provisioner.schema.faults import Fault, Wrong
from provisioner.schema.kinds import Matching
from provisioner.schema.records import Rest, Written
from provisioner.site.apps import App
from provisioner.site.fields import (
    Day,
    Directory,
    Duration,
    EnvironmentName,
    Filled,
    HostPort,
    Labels,
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
)
from provisioner.site.joins import Joins
from provisioner.values import EMPTY, Plain


def _as_format(value: Plain) -> Plain:
    return {"name": value} if isinstance(value, str) else value


def _as_selector(value: Plain) -> Plain:
    if value == "*":
        return {"labels": {"*": "*"}}
    if isinstance(value, dict):
        is_long = value.keys() <= {"names", "labels"} and isinstance(value.get("labels", {}), dict)
        return value if is_long and value else {"labels": value}
    return {"names": [value] if isinstance(value, str) else value}


def _all_or_listed(value: Plain) -> Plain:
    if value == "reachable":
        return ()
    if value == []:
        hint = "name servers, or write reachable"
        raise Wrong(Fault("value", value, "a client of no server", hint))
    return value


class Teleport(Strict, frozen=True):
    """The cluster that machines and clients talk to."""

    proxy: HostPort
    version: TeleportVersion | None = None
    tsh: Directory | None = None


class Entry(Strict, frozen=True):
    """What every managed resource can carry."""

    description: Text | None = None
    expires: Time | None = None
    protected: bool = False


class Server(Entry, frozen=True):
    """An MCP server by its Teleport app name; with `app` it is ours, without it somebody else's."""

    labels: Labels = EMPTY
    tools: tuple[Filled, ...] | None = None
    app: App | None = None


class Deny(Strict, frozen=True):
    """A raw Teleport deny block: global for tools, either label matcher is enough."""

    tools: tuple[Filled, ...] = ()
    app_labels: Selector = EMPTY
    app_labels_expression: Filled | None = None


class Role(Entry, frozen=True):
    """Which MCP servers by their labels, and which of their tools.

    `spec` is the rest of the document's spec, as it is.
    """

    version: Literal["v6", "v7", "v8"] = "v8"
    app_labels: Selector = EMPTY
    app_labels_expression: Filled | None = None
    tools: tuple[Filled, ...] = ()
    except_tools: tuple[Filled, ...] = ()
    deny: Deny | None = None
    labels: Labels = EMPTY
    options: Mapping[str, Plain] = EMPTY
    spec: Mapping[str, Plain] = EMPTY


class Reader(Strict, frozen=True):
    """Who else may read the identity: a user or a group of the machine."""

    user: Filled | None = None
    group: Filled | None = None


class KubernetesSecret(Strict, frozen=True):
    """A secret that tbot writes, and where the client's pod mounts it."""

    name: Annotated[
        str,
        Matching(r"^[a-z0-9][a-z0-9.-]{0,252}$", "this cannot be the name of a Kubernetes secret"),
    ]
    mount_path: Directory


class Identity(Strict, frozen=True):
    """Where tbot keeps the bot's identity file: a directory, or a Kubernetes secret."""

    path: Directory | None = None
    kubernetes_secret: KubernetesSecret | None = None
    readers: tuple[Reader, ...] = ()
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


class Tbot(Strict, frozen=True):
    """The rest of tbot.yaml: its own state, whether it runs once, where it tells how it fares."""

    storage: Storage | None = None
    oneshot: bool = False
    diag_addr: HostPort | None = None


class ClientFormat(Strict, frozen=True):
    """A format by its name, or a template of the user's own by its path beside the site."""

    name: Filled | None = None
    custom: RelativePath | None = None


class Client(Strict, frozen=True):
    """One MCP client configuration for a bot.

    `servers` are named, or none for all that the bot reaches. `name` is the entry's, by default the
    server's. `timeout` is how long the client may wait for the server to start; `env` what the server's process gets besides.
    """

    format: Annotated[ClientFormat, Written(_as_format, (Name, ClientFormat))]
    servers: Annotated[
        tuple[Name, ...], Written(_all_or_listed, (Literal["reachable"], tuple[Name, ...]))
    ]
    name: (
        Annotated[
            str,
            Matching(
                r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$",
                "an MCP server entry is named with letters, digits and hyphens, as every client accepts",
            ),
        ]
        | None
    ) = None
    env: Mapping[EnvironmentName, Text] = EMPTY
    timeout: Duration = "30s"


class Bot(Entry, frozen=True):
    """A machine identity and the roles it may ask for."""

    roles: tuple[Reference, ...] = ()
    traits: Mapping[Filled, Texts] = EMPTY
    max_session_ttl: Duration | None = None
    labels: Labels = EMPTY
    join: Joins = ()
    identity: Identity | None = None
    tbot: Tbot | None = None
    clients: tuple[Client, ...] = ()


class ServerSelector(Strict, frozen=True):
    """MCP servers by their names, or by their labels as a role would match them."""

    names: tuple[Name, ...] = ()
    labels: Selector = EMPTY


class AccessTest(Strict, frozen=True):
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
        ServerSelector, Written(_as_selector, (Filled, tuple[Filled, ...], Selector))
    ] = ServerSelector()
    allow: tuple[Filled, ...] | None = None
    deny: tuple[Filled, ...] | None = None
    exactly: tuple[Filled, ...] | None = None
    connect: bool | None = None


Level = Literal["error", "warning", "info", "off"]


class Suppression(Strict, frozen=True):
    """A finding that is known and accepted: of this code, at this entry or below it.

    `reason` is for whoever reads the file next; `until` is the last day on which it holds.
    """

    code: Filled
    at: Filled
    reason: Filled
    until: Day | None = None


Code = Annotated[str, Matching(r"^PV[0-9]{3}$", "this is no rule's code")]


class Rules(Strict, frozen=True):
    """How much rules matter, by their codes, and the findings that are accepted."""

    suppress: tuple[Suppression, ...] = ()
    levels: Annotated[Mapping[Code, Level], Rest()] = EMPTY


class Site(Strict, frozen=True):
    """One whole site. A collection that the file leaves out is out of scope; `{}` means none."""

    version: Literal[1]
    site: Name
    teleport: Teleport
    include: tuple[Filled, ...] = ()
    extends: Filled | None = None
    external_roles: tuple[Reference, ...] = ()
    mcp_servers: Mapping[Name, Server] = EMPTY
    roles: Mapping[Name, Role] = EMPTY
    bots: Mapping[Name, Bot] = EMPTY
    tests: Mapping[Filled, AccessTest] = EMPTY
    rules: Rules = Rules()

    def manages(self, collection: str) -> bool:
        """Whether `roles`, `bots` or `mcp_servers` stands in the file, even empty."""
        return getattr(self, collection) is not EMPTY  # what stands in a file never is, even empty
