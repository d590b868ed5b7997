"""What a Teleport 18 cluster, asked through tctl, fills in, normalises and refuses.

A `Teleport` stands over a `Store` and does what `tctl create`, `tctl create -f`, `tctl rm` and
`tctl bots update` do, with Teleport's defaults and in Teleport's words. It is written from
Teleport's own source and shares no table with the planner, which therefore cannot agree with it
by construction.

Whoever acts may do everything, or what the roles named in `acting` allow: see `caller`.

Left out: licence checks (the cluster is an Enterprise one), predicate syntax in `where`, what is
refused inside `kubernetes_resources`, `spiffe`, `db_permissions` and `request`, and everything
about sessions and certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.cluster.teleport import (
    app,
    bot,
    bot_fields,
    role,
    role_fields,
    token,
    token_fields,
)
from provisioner.cluster.teleport._base import BOT_LABEL, Server, Store, Version, check_header
from provisioner.cluster.teleport.bot_fields import writable
from provisioner.cluster.teleport.caller import Caller, authorize
from provisioner.cluster.teleport.faults import Fault
from provisioner.cluster.teleport.faults import faults as _faults
from provisioner.cluster.teleport.presets import presets
from provisioner.cluster.teleport.secrets import concealed, masked, revealed
from provisioner.cluster.teleport.shapes import Shapes
from provisioner.errors import Exists, Missing, Rejected
from provisioner.text import units
from provisioner.values import EMPTY, Body, freeze, sha256

__all__ = [
    "BOT_LABEL", "Fault", "Server", "Shapes", "Store", "Teleport", "Version", "check_types",
    "concealed", "faults", "kept", "presets", "writable",
]  # fmt: skip


class _Kind(Struct, frozen=True):
    """How one kind of document is taken in, and the words for its being there or not."""

    read: Callable[[Server, Body], dict[str, Any]]
    complete: Callable[[Server, dict[str, Any]], None]
    exists: str
    missing: str

    def admit(self, server: Server, body: Body) -> dict[str, Any]:
        """Return the document as Teleport keeps it, without a revision. Raises Rejected."""
        document = self.read(server, body)
        self.complete(server, document)
        return document


_KINDS: Final[Mapping[str, _Kind]] = {
    "role": _Kind(
        role_fields.read, role.complete, 'role "{}" already exists', 'role "{}" is not found'
    ),
    "app": _Kind(
        app.read,
        app.complete,
        'application "{}" already exists',
        'application "{}" doesn\'t exist',
    ),
    # tctl create overwrites tokens without -f; the promise made to `provision` is that it does not.
    "token": _Kind(
        token_fields.read,
        token.complete,
        'provision_token "{}" already exists',
        "provisioning token({}) not found",
    ),
}


def check_types(body: Body) -> None:
    """Raise Rejected where a field that Teleport knows holds a value of another type.

    Meant for documents that claim to come from a cluster; versions are not looked at.
    """
    newest = Server(version=(99, 0, 0))
    match body["kind"]:
        case "bot":
            bot_fields.check_types(body)
        case "app_server":
            app.check_server_types(newest, body)
        case "role":
            role_fields.check_types(newest, body)
        case kind:
            _KINDS[kind].read(newest, body)


def faults(version: Version, body: Body) -> Iterator[Fault]:
    """Yield what a Teleport of this release has against the `spec` of a role or an app."""
    kind, server = _KINDS[body["kind"]], Server(version)
    strict = {"role": role_fields.read_strictly, "app": app.read_strictly}[body["kind"]]
    return _faults(partial(strict, server), partial(kind.complete, server), body)


def kept(version: Version, body: Body) -> Body:
    """Return a role or an app as a Teleport of this release keeps it. Raises Rejected."""
    return _KINDS[body["kind"]].admit(Server(version), body)


class Teleport:
    """One cluster: the verbs of tctl over a store. Bodies that come out are frozen.

    `acting` are the names of the roles, live in this cluster, of whoever uses it; None may do
    everything. Raises Missing where one of them is not there.
    """

    def __init__(self, store: Store, server: Server, acting: tuple[str, ...] | None = None) -> None:
        self._store = store
        self._server = server
        self._caller = None if acting is None else Caller.of(acting, self._find)

    def perform(self, verb: str, key: Key, body: Body = EMPTY, roles: tuple[str, ...] = ()) -> None:
        """Carry out one write: create, update, delete, add-roles or set-roles.

        Raises Exists, Missing, Rejected or Denied with Teleport's text; nothing is written then.
        """
        if key.kind not in _KINDS and key.kind != "bot":
            raise Rejected(f'creating resources of type "{key.kind}" is not supported')
        body = revealed(body)
        if verb in ("create", "update"):
            check_header(self._server, body)
        if self._caller is not None:
            self._authorize(self._caller, verb, key, body)
        match verb, key.kind:
            case "create" | "update", "bot":
                self._write_bot(body, create=verb == "create")
            case "create" | "update", _:
                self._write(key, body, create=verb == "create")
            case "delete", "bot":
                self._delete_bot(key.name)
            case "delete", _:
                self._delete(key)
            case "add-roles", "bot":
                self._change_roles(key.name, roles, keep=True)
            case "set-roles", "bot":
                self._change_roles(key.name, roles, keep=False)
            case _:
                raise Rejected(f"{verb} is not supported for {key.kind}")

    def _authorize(self, caller: Caller, verb: str, key: Key, body: Body) -> None:
        is_app = key.kind == "app" and verb != "delete"
        new = _KINDS["app"].admit(self._server, body) if is_app else None
        authorize(caller, verb, key.kind, old=self.show(key), new=new)

    def restore(self, body: Body) -> None:
        """Take in a document as a listing has shown it, revision and all. Raises Rejected."""
        body, key = revealed(body), Key(body["kind"], body["metadata"]["name"])
        if key.kind == "bot":
            self._write_bot(bot_fields.writable(body), create=False)
        elif key.kind == "app_server":
            if not app.is_dynamic(body):  # an agent serves every dynamic app anyway
                # An agent has one of each name; in a part of a snapshot agents have no names.
                agent = body.get("spec", {}).get("host_id") or sha256(body)
                self._store.put(Key("app_server", f"{key.name}@{agent}"), freeze(body))
        else:
            self._store.put(key, freeze(body))

    def show(self, key: Key) -> Body | None:
        """Return one live document, its secrets concealed, or None where there is none."""
        if key.kind != "bot":
            found = self._find(key)
        else:
            user = self._find(Key("user", bot.resource_name(key.name)))
            found = self._bot_of(user) if user else None
        return concealed(found) if found else None

    def listing(self, kind: str) -> Iterator[Body]:
        """Yield every document of a kind as `tctl get` prints it, the generated ones included.

        Raises Denied.
        """
        found = self._bots() if kind == "bot" else self._living(kind)
        if kind == "app_server":
            served = (freeze(app.served(self._server, each)) for each in self._living("app"))
            found = chain(found, served)
        yield from self._caller.listed(kind, found) if self._caller else found

    def _living(self, kind: str) -> Iterator[Body]:
        return (each for each in self._store.of_kind(kind) if not self._expired(each))

    def _find(self, key: Key) -> Body | None:
        found = self._store.get(key)
        return None if found is None or self._expired(found) else found

    def _expired(self, body: Body) -> bool:
        """Whether the backend has dropped this document by now."""
        expires = body["metadata"].get("expires")
        return expires is not None and units.moment(expires) <= self._server.now()

    def _put(self, document: dict[str, Any]) -> None:
        metadata = {**document["metadata"], "revision": self._server.revision()}
        key = Key(document["kind"], metadata["name"])
        self._store.put(key, freeze({**document, "metadata": metadata}))

    def _write(self, key: Key, body: Body, *, create: bool) -> None:
        kind = _KINDS[key.kind]
        document = kind.admit(self._server, body)
        name = document["metadata"]["name"]
        if create and self._find(Key(key.kind, name)) is not None:
            raise Exists(kind.exists.format(name))
        self._put(document)

    def _delete(self, key: Key) -> None:
        held = key.kind == "role" and any(
            key.name in user["spec"].get("roles", ()) for user in self._living("user")
        )
        if held:
            raise Rejected(
                "failed to delete a role that is still in use by a user, check the system server "
                "logs for more details"
            )
        if self._find(key) is None:
            name = masked(key.name) if key.kind == "token" else key.name
            raise Missing(_KINDS[key.kind].missing.format(name))
        self._store.remove(key)

    def _bots(self) -> Iterator[Body]:
        return (body for user in self._living("user") if (body := self._bot_of(user)) is not None)

    def _bot_of(self, user: Body) -> Body | None:
        """Return the bot for which a user stands, None for a person."""
        if BOT_LABEL not in user["metadata"].get("labels", {}):
            return None
        its_role = self._find(Key("role", user["metadata"]["name"]))
        if its_role is None:  # ListBots passes over a bot that has lost its role
            return None
        joined: Body = freeze(bot.join(self._server, user, its_role))
        return joined

    def _write_bot(self, body: Body, *, create: bool) -> None:
        user, its_role = bot.split(self._server, bot_fields.read(body))
        bot.check_user(user, "creating" if create else "upserting")
        there = self._find(Key("user", user["metadata"]["name"]))
        if there is not None:
            if create:
                raise Exists(
                    f'creating bot user\n\tuser "{user["metadata"]["name"]}" already registered'
                )
            generation = there["metadata"].get("labels", {}).get(bot.GENERATION_LABEL)
            if generation is None:
                raise Rejected(
                    "unable to determine existing generation for bot due to missing label"
                )
            user["metadata"]["labels"][bot.GENERATION_LABEL] = generation
        if create and self._find(Key("role", its_role["metadata"]["name"])) is not None:
            raise Exists(
                f'creating bot role\n\trole "{its_role["metadata"]["name"]}" already exists'
            )
        document = _KINDS["role"].admit(self._server, its_role)
        self._put(user)
        self._put(document)

    def _delete_bot(self, name: str) -> None:
        user, its_role = self._bot_parts(name)
        if user["metadata"].get("labels", {}).get(BOT_LABEL) != name:
            raise Rejected(
                "user missing bot label matching bot name; consider manually deleting user"
            )
        self._store.remove(Key("user", user["metadata"]["name"]))
        self._store.remove(Key("role", its_role["metadata"]["name"]))

    def _change_roles(self, name: str, roles: tuple[str, ...], *, keep: bool) -> None:
        user, its_role = self._bot_parts(name)
        held = its_role["spec"]["allow"].get("impersonate", {}).get("roles", ())
        wanted = frozenset(roles) | frozenset(held if keep else ())
        changed = bot.with_roles(self._find, its_role, wanted)
        if changed is not None:
            self._put(dict(user))
            self._put(dict(changed))

    def _bot_parts(self, name: str) -> tuple[Body, Body]:
        """Return the user and the role of a bot. Raises Missing in the words of GetBot."""
        resource = bot.resource_name(name)
        user = self._find(Key("user", resource))
        if user is None:
            raise Missing(f'fetching bot user\n\tuser "{resource}" not found')
        its_role = self._find(Key("role", resource))
        if its_role is None:
            raise Missing(f"fetching bot role\n\trole {resource} is not found")
        return user, its_role
