"""Bots: Teleport keeps a bot as a user and a role, and puts it together again when it is read.

Sources: lib/auth/machineid/machineidv1/bot_service.go, api/proto/teleport/machineid/v1/bot.proto
and tool/tctl/common/bots_command.go in github.com/gravitational/teleport.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from provisioner import units
from provisioner.change import Key
from provisioner.errors import Missing, Rejected
from provisioner.teleport._base import (
    BOT_LABEL,
    Server,
    check_backend_key,
    check_metadata,
)
from provisioner.values import Body, Plain, canonical_json

GENERATION_LABEL: Final = "teleport.internal/bot-generation"
SINCE_PROTOJSON: Final = (18, 2, 3)  # before, tctl printed Go structs and lost descriptions
DEFAULT_TTL: Final = "12h0m0s"

_TEXT: Final = "string"
_DURATION: Final = "google.protobuf.Duration"
_TIME: Final = "google.protobuf.Timestamp"
_YEAR_9999: Final = 253_370_764_800  # seconds from 1970
_SECONDS: Final = re.compile(r"(-?)(\d{1,9}(?:\.\d{1,9})?s)", re.ASCII)
_BOT: Final[Mapping[str, Any]] = {
    "kind": _TEXT,
    "sub_kind": _TEXT,
    "version": _TEXT,
    "metadata": {
        "name": _TEXT,
        "namespace": _TEXT,
        "description": _TEXT,
        "labels": {"*": _TEXT},
        "expires": _TIME,
        "revision": _TEXT,
    },
    "spec": {
        "roles": [_TEXT],
        "traits": [{"name": _TEXT, "values": [_TEXT]}],
        "max_session_ttl": _DURATION,
    },
    "status": {"user_name": _TEXT, "role_name": _TEXT},
}
"""The messages of bot.proto: `{}` a message (`*` a map), `[]` a repeated field."""


def resource_name(bot: str) -> str:
    """Return what the user and the role behind a bot are called (`BotResourceName`)."""
    return f"bot-{bot.replace(' ', '-')}"


def split(server: Server, body: Body) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the user and the role, without defaults, that stand for a bot. Raises Rejected."""
    bot = _Reader(canonical_json(body)).message(body, _BOT)
    _validate(bot)
    metadata, spec = bot["metadata"], bot["spec"]
    name = metadata["name"]
    dated = {"expires": metadata["expires"]} if "expires" in metadata else {}
    described = server.has(SINCE_PROTOJSON) and metadata.get("description")
    user: dict[str, Any] = {
        "kind": "user",
        "version": "v2",
        "metadata": {
            "name": resource_name(name),
            **({"description": described} if described else {}),
            "labels": {**metadata.get("labels", {}), BOT_LABEL: name, GENERATION_LABEL: "0"},
            **dated,
        },
        "spec": {"roles": [resource_name(name)], "traits": _traits(spec.get("traits", ()))},
    }
    check_metadata(user["metadata"])
    check_backend_key("web/users", resource_name(name), "/params")
    return user, _role(name, spec, dated)


def join(server: Server, user: Body, role: Body) -> dict[str, Any]:
    """Return the bot that a user and a role stand for, as this release of tctl prints it."""
    metadata, traits = user["metadata"], user["spec"].get("traits", {})
    kept = {k: v for k, v in metadata["labels"].items() if k not in (BOT_LABEL, GENERATION_LABEL)}
    ttl = units.nanoseconds(role["spec"]["options"]["max_session_ttl"])
    roles = role["spec"]["allow"].get("impersonate", {}).get("roles")
    return {
        "kind": "bot",
        "version": "v1",
        "metadata": {
            "name": metadata["labels"][BOT_LABEL],
            **({"description": metadata["description"]} if "description" in metadata else {}),
            **({"labels": kept} if kept else {}),
            **({"expires": _printed_time(server, metadata)} if "expires" in metadata else {}),
        },
        "spec": {
            **({"roles": roles} if roles else {}),
            **({"traits": _listed(traits)} if traits else {}),
            "max_session_ttl": _printed_duration(server, ttl),
        },
        "status": {"user_name": metadata["name"], "role_name": role["metadata"]["name"]},
    }


def writable(body: Body) -> Body:
    """Return a bot as it was read, in the form in which it can be written again."""
    metadata, spec = dict(body["metadata"]), dict(body.get("spec", {}))
    ttl, expires = spec.get("max_session_ttl"), metadata.get("expires")
    if isinstance(ttl, Mapping):
        spec["max_session_ttl"] = f"{_whole(ttl.get('seconds', 0))}s"
    if isinstance(expires, Mapping):
        moment = datetime.fromtimestamp(_whole(expires.get("seconds", 0)), UTC)
        metadata["expires"] = moment.isoformat()
    return {**body, "metadata": metadata, "spec": spec}


def check_types(body: Body) -> None:
    """Raise Rejected where a field of a bot holds a value of another type."""
    written = writable(body)
    known = {name: value for name, value in written.items() if name in _BOT}
    _Reader(canonical_json(written)).message(known, _BOT)


def with_roles(
    find: Callable[[Key], Body | None], role: Body, roles: frozenset[str]
) -> Body | None:
    """Return a bot's role with other roles to impersonate, or None when they stay the same.

    tctl looks up each role of the result, but only when it has something to send. Raises Missing.
    """
    held = role["spec"]["allow"].get("impersonate", {}).get("roles", ())
    if frozenset(held) == roles:
        return None
    for name in sorted(roles):
        if find(Key("role", name)) is None:
            raise Missing(f"role {name} is not found")
    spec = role["spec"]
    impersonate = {"roles": sorted(roles)} if roles else {}
    return {**role, "spec": {**spec, "allow": {**spec["allow"], "impersonate": impersonate}}}


def _validate(bot: Mapping[str, Any]) -> None:
    if not bot.get("metadata", {}).get("name"):
        raise Rejected("validating bot\n\tmetadata.name: must be non-empty")
    if "spec" not in bot:
        raise Rejected("validating bot\n\tspec: must be non-nil")
    if "" in bot["spec"].get("roles", ()):
        raise Rejected("validating bot\n\tspec.roles: must not contain empty strings")


def _role(name: str, spec: Mapping[str, Any], dated: Mapping[str, str]) -> dict[str, Any]:
    roles = spec.get("roles", [])
    return {
        "kind": "role",
        "version": "v8",
        "metadata": {
            "name": resource_name(name),
            "description": f"Automatically generated role for bot {name}",
            "labels": {BOT_LABEL: name},
            **dated,
        },
        "spec": {
            "options": {"max_session_ttl": spec.get("max_session_ttl", DEFAULT_TTL)},
            "allow": {
                "impersonate": {"roles": roles} if roles else {},
                "rules": [{"resources": ["cert_authority"], "verbs": ["readnosecrets"]}],
            },
        },
    }


def _traits(traits: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return traits as the map in which Teleport keeps them; those without values vanish."""
    merged: dict[str, list[str]] = {}
    for trait in traits:
        if trait.get("values"):
            merged.setdefault(trait.get("name", ""), []).extend(trait["values"])
    return merged


def _listed(traits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return traits as a list. Teleport's order is that of a Go map: none to rely on."""
    return [{"name": name, "values": traits[name]} for name in sorted(traits)]


def _whole(seconds: Plain) -> int:
    """Return seconds that Python and Teleport can both hold. Raises Rejected."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < _YEAR_9999:
        raise Rejected(f"{canonical_json(seconds)[:40]} is not a number of seconds")
    return seconds


def _printed_duration(server: Server, length: int) -> Plain:
    if server.has(SINCE_PROTOJSON):
        return units.proto_duration(length)
    seconds, nanos = divmod(length, 10**9)
    return {"seconds": seconds, **({"nanos": nanos} if nanos else {})}


def _printed_time(server: Server, metadata: Body) -> Plain:
    expires: str = metadata["expires"]
    if server.has(SINCE_PROTOJSON):
        return expires
    return {"seconds": int(units.moment(expires).timestamp())}


class _Reader:
    """Reads protobuf's JSON form, in which an unknown field is always an error.

    `text` is the document as tctl hands it on; it is only asked where a name stands.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def message(self, value: Plain, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are set, under their names in the .proto file."""
        if not isinstance(value, Mapping):
            raise self._syntax(value)
        found = {}
        for written, item in value.items():
            name = re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", written)
            name = name if name in fields else written
            schema = fields.get(name, fields.get("*"))
            if schema is None:
                raise Rejected(
                    f'proto: (line 1:{self._column(written)}): unknown field "{written}"'
                )
            if item is not None:
                found[name] = self._value(item, schema, written)
        return found

    def _value(self, value: Plain, schema: object, name: str) -> Plain:
        if isinstance(schema, Mapping):
            return self.message(value, schema)
        if isinstance(schema, list):
            if not isinstance(value, list | tuple):
                raise self._syntax(value)
            return [self._value(item, schema[0], name) for item in value]
        if not isinstance(value, str):
            raise self._invalid(value, str(schema), name)
        return _SCALARS[str(schema)](self, value, name)

    def duration(self, value: str, name: str) -> str:
        """Return the length in Go's form."""
        match = _SECONDS.fullmatch(value)
        if match is None:
            raise self._invalid(value, _DURATION, name)
        sign, length = match.groups()
        return sign + units.go_duration(units.nanoseconds(length))

    def time(self, value: str, name: str) -> str:
        """Return the time in UTC."""
        try:
            return units.utc(value)
        except (ValueError, OverflowError):
            raise self._invalid(value, _TIME, name) from None

    def _invalid(self, value: Plain, kind: str, name: str) -> Rejected:
        place = f"(line 1:{self._column(name)})"
        return Rejected(f"proto: {place}: invalid {kind} value {canonical_json(value)}")

    def _syntax(self, value: Plain) -> Rejected:
        return Rejected(f"proto: syntax error: unexpected token {canonical_json(value)[:40]}")

    def _column(self, name: str) -> int:
        return self._text.find(canonical_json(name)) + 1


_SCALARS: Final = {
    _TEXT: lambda _reader, value, _name: value,
    _DURATION: _Reader.duration,
    _TIME: _Reader.time,
}
