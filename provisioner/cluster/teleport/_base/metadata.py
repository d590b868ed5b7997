"""What every kind of document has: a head, labels, a name, and a store to lie in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from provisioner.change import Key
from provisioner.cluster.teleport._base.decoding import Field, Server, struct, text, text_map, time
from provisioner.errors import Rejected
from provisioner.values import Body, canonical_json

WILDCARD: Final = "*"
BOT_LABEL: Final = "teleport.internal/bot"
ORIGIN_LABEL: Final = "teleport.dev/origin"
_SYSTEM: Final = (
    "Auth Node Proxy Admin ProvisionToken Trusted_cluster Signup Nop RemoteProxy Kube App Db "
    "WindowsDesktop Bot Instance Discovery Okta MDM AccessGraphPlugin"
)
SYSTEM_ROLES: Final = frozenset(_SYSTEM.split())
"""Roles of Teleport's own services (api/types/system_role.go): reserved as role names."""

_ORIGINS: Final = (
    "defaults config-file dynamic cloud kubernetes okta scim discovery-kubernetes entra-id "
    "aws-identity-center integration_awsrolesanywhere"
)
_NAME: Final = re.compile(r"[0-9A-Za-z@_:.\-+]+")
_LABEL_KEY: Final = re.compile(r"[0-9A-Za-z/._:*\-]+")


class Store(Protocol):
    """Where documents lie between two calls: one body a key, as Teleport's backend holds them."""

    def get(self, key: Key) -> Body | None:
        """Return the document, or None."""

    def put(self, key: Key, body: Body) -> None:
        """Keep the document in place of any earlier one."""

    def remove(self, key: Key) -> None:
        """Forget the document; it is there."""

    def of_kind(self, kind: str) -> Iterable[Body]:
        """Return every document of a kind, in the order of their names."""


METADATA: Final = {
    "name": Field(text, ""),
    "description": text,
    "labels": text_map,
    "expires": time,
    "revision": lambda _server, _value, _path: None,  # a client's word on it is not heeded
}
"""Fields of types.Metadata."""


_METADATA: Final = struct(METADATA)
_HEADER: Final = struct({"kind": text, "sub_kind": text, "version": text})


def check_header(server: Server, body: Body) -> None:
    """Raise Rejected for a head that tctl cannot read before it knows what to do with the rest."""
    try:
        _HEADER(server, body, "ResourceHeader")
        _METADATA(server, body.get("metadata"), "Metadata.metadata")
    except Rejected as error:
        raise Rejected(f"error unmarshaling JSON: while decoding JSON: {error.message}") from None


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """Raise Rejected as `Metadata.CheckAndSetDefaults` does (api/types/resource.go)."""
    if not metadata["name"]:
        raise Rejected("missing parameter Name")
    for key in metadata.get("labels", {}):
        if not _LABEL_KEY.fullmatch(key):
            raise Rejected(f'invalid label key: "{key}"')
    origin = metadata.get("labels", {}).get(ORIGIN_LABEL)
    if origin and origin not in _ORIGINS.split():
        raise Rejected(f'invalid origin value "{origin}", must be one of [{_ORIGINS}]')


def check_backend_key(prefix: str, name: str, suffix: str = "") -> None:
    """Raise Rejected for a name no backend key may hold (lib/backend/sanitize.go)."""
    if name in (".", "..") or not _NAME.fullmatch(name):
        raise Rejected(
            "special characters are not allowed in resource names, please use name composed only "
            "from characters, hyphens, dots, and plus signs: "
            + canonical_json(f"/{prefix}/{name}{suffix}")
        )
