"""Bots: Teleport keeps a bot as a user and a role, and puts it together again when it is read.

Sources: lib/auth/machineid/machineidv1/bot_service.go and tool/tctl/common/bots_command.go in
github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from provisioner.change import Key
from provisioner.cluster.teleport._base import BOT_LABEL, Server, check_backend_key, check_metadata
from provisioner.errors import Missing, Rejected
from provisioner.text import units
from provisioner.values import Body, Plain

GENERATION_LABEL: Final = "teleport.internal/bot-generation"
SINCE_PROTOJSON: Final = (18, 2, 3)  # before, tctl printed Go structs and lost descriptions
DEFAULT_TTL: Final = "12h0m0s"


def resource_name(bot: str) -> str:
    """Return what the user and the role behind a bot are called (`BotResourceName`)."""
    return f"bot-{bot.replace(' ', '-')}"


def split(server: Server, bot: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the user and the role, without defaults, that stand for a bot.

    `bot` holds the fields of the message as they were read. Raises Rejected.
    """
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
    return user, _role(name, spec, dated)


def check_user(user: Mapping[str, Any], verb: str) -> None:
    """Raise Rejected for a user that cannot be; `verb` is creating or upserting."""
    try:
        check_metadata(user["metadata"])
        check_backend_key("web/users", user["metadata"]["name"], "/params")
    except Rejected as error:
        raise Rejected(f"{verb} bot user\n\t{error.message}") from None


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
    if "metadata" not in bot:
        raise Rejected("validating bot\n\tmetadata: must be non-nil")
    if not bot["metadata"].get("name"):
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
    return [{**({"name": name} if name else {}), "values": traits[name]} for name in sorted(traits)]


def _printed_duration(server: Server, length: int) -> Plain:
    if server.has(SINCE_PROTOJSON):
        return units.proto_duration(length)
    seconds, nanos = divmod(length, 10**9)
    return {**({"seconds": seconds} if seconds else {}), **({"nanos": nanos} if nanos else {})}


def _printed_time(server: Server, metadata: Body) -> Plain:
    expires: str = metadata["expires"]
    if server.has(SINCE_PROTOJSON):
        return expires
    moment = units.moment(expires)
    nanos = {"nanos": moment.microsecond * 1000} if moment.microsecond else {}
    return {"seconds": int(moment.timestamp()), **nanos}
