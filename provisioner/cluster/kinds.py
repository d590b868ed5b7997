"""The table of kinds: what Teleport fills in, owns and spells its own way, by path.

Where kinds differ in data, they differ here and nowhere else. A path that has no default here
defaults to Go's zero value.

Sources: api/types/role.go `CheckAndSetDefaults`, api/types/provisioning.go, api/types/app.go and
lib/auth/machineid/machineidv1 in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from provisioner.text import units
from provisioner.values import EMPTY, SEQUENCES, Body, Plain, is_mapping

SITE_LABEL: Final = "provisioner/site"
APPLIED_LABEL: Final = "provisioner/applied"
PROTECTED_LABEL: Final = "provisioner/protected"
_SERVER_LABELS: Final = ("teleport.dev/", "teleport.internal/")

ITEM: Final = "[]"
"""The step of a path into every item of a list."""

Path = tuple[str, ...]
Normaliser = Callable[[Plain], Plain]


class Kind(Struct, frozen=True):
    """What is particular to one kind of resource.

    `collection` is its key in the site. `level` orders creation; deletion runs backwards.
    `ignored` are the paths that the server owns. `defaults` gives what the server fills in for a
    `variant` of the kind, which a body tells. `normal` spells the value at a path in one way, and
    ends the walk there. `options` are the role options known here: others of a live role are kept.
    """

    name: str
    collection: str
    level: int
    template: str
    ignored: frozenset[Path] = frozenset()
    variant: Callable[[Body], str] = lambda _body: ""
    defaults: Callable[[str], Mapping[Path, Plain]] = lambda _variant: {}
    normal: Mapping[Path, Normaliser] = EMPTY
    options: frozenset[str] = frozenset()


def _duration(value: Plain) -> Plain:
    try:
        return units.go_duration(units.nanoseconds(value))
    except (TypeError, ValueError):
        return value


def _role_duration(value: Plain) -> Plain:
    """Roles take days, months and years as well, and `never` or 0 for the default."""
    try:
        length = units.nanoseconds(value, calendar=True)
    except (TypeError, ValueError):
        return value
    return units.go_duration(length) if length else None


def _time(value: Plain) -> Plain:
    try:
        return units.utc(value)
    except (TypeError, ValueError):
        return value


def _of_protobuf(normal: Normaliser, spell: Callable[[int], str]) -> Normaliser:
    """Return `normal` for what tctl before 18.2.3 prints as `{seconds, nanos}`, too."""

    def either(value: Plain) -> Plain:
        if not is_mapping(value):
            return normal(value)
        try:
            return normal(spell(value.get("seconds", 0) * 10**9 + value.get("nanos", 0)))
        except (TypeError, ValueError):
            return value

    return either


def _labels(value: Plain) -> Plain:
    """Take out what the server and this tool's bookkeeping write; an empty value stays a value."""
    if not is_mapping(value):
        return value
    return {
        key: text
        for key, text in value.items()
        if key != APPLIED_LABEL and text is not None and not key.startswith(_SERVER_LABELS)
    }


def _set(value: Plain) -> Plain:
    """Teleport writes a list of one as text; order and repetition mean nothing in these lists."""
    many = (value,) if isinstance(value, str) else value
    if isinstance(many, SEQUENCES) and {str}.issuperset(map(type, many)):
        return sorted(set(many))
    return value


def _selector(value: Plain) -> Plain:
    return {key: _set(item) for key, item in value.items()} if is_mapping(value) else value


def _traits(value: Plain) -> Plain:
    """Teleport returns traits in random order and forgets those without values."""
    try:
        named = {trait["name"]: _set(trait["values"]) for trait in value if trait.get("values")}
    except (AttributeError, KeyError, TypeError):
        return value
    return named


def _role_variant(body: Body) -> str:
    """Return the version of a role, marked where Kubernetes clusters are matched."""
    allow = body.get("spec", {}).get("allow") or {}
    matched = allow.get("kubernetes_labels") or allow.get("kubernetes_labels_expression")
    return f"{body.get('version', '')}{_WITH_KUBERNETES if matched else ''}"


def _role_defaults(variant: str) -> Mapping[Path, Plain]:
    version = variant.removesuffix(_WITH_KUBERNETES)
    defaults: dict[Path, Plain] = {
        (*_OPTIONS, name): value for name, value in _ROLE_OPTIONS.items()
    }
    defaults[*_OPTIONS, "record_session", "desktop"] = True  # nil records the desktop as well
    if version in ("v3", "v4", "v5", "v6", "v7"):
        defaults[*_OPTIONS, "idp", "saml", "enabled"] = True
    if version in _KUBERNETES_RESOURCES and version != variant:
        defaults["spec", "allow", "kubernetes_resources"] = (_KUBERNETES_RESOURCES[version],)
    if version in _WITHOUT_VERBS:
        for side in _SIDES:
            defaults["spec", side, "kubernetes_resources", ITEM, "verbs"] = ["*"]
    for name, value in (("type", "ssh"), ("mode", "extension")):
        defaults[*_OPTIONS, "cert_extensions", ITEM, name] = value
    return defaults


def _join_method(body: Body) -> str:
    method = body.get("spec", {}).get("join_method")
    return method if isinstance(method, str) else ""


def _token_defaults(join_method: str) -> Mapping[Path, Plain]:
    return _JOIN_DEFAULTS.get(join_method, {})


def _role_normal() -> Mapping[Path, Normaliser]:
    sides: dict[Path, Normaliser] = {
        ("spec", side, name): _selector for side in _SIDES for name in _ROLE_SELECTORS
    }
    tools: dict[Path, Normaliser] = {("spec", side, "mcp", "tools"): _set for side in _SIDES}
    durations: dict[Path, Normaliser] = {
        (*_OPTIONS, name): _role_duration for name in _ROLE_DURATIONS
    }
    lists: dict[Path, Normaliser] = {(*_OPTIONS, "enhanced_recording"): _set}
    return {**sides, **tools, **durations, **lists, **_METADATA}


_METADATA: Final[Mapping[Path, Normaliser]] = {
    ("metadata", "expires"): _time,
    ("metadata", "labels"): _labels,
}
_OPTIONS: Final = ("spec", "options")
_SIDES: Final = ("allow", "deny")
_BOOKKEEPING: Final = frozenset(
    {("metadata", "revision"), ("metadata", "id"), ("metadata", "namespace"), ("status",)}
)
_ROLE_SELECTORS: Final = (
    "app_labels",
    "cluster_labels",
    "db_labels",
    "db_service_labels",
    "group_labels",
    "kubernetes_labels",
    "node_labels",
    "windows_desktop_labels",
    "workload_identity_labels",
)
_ROLE_DURATIONS: Final = ("max_session_ttl", "client_idle_timeout")
_ROLE_OPTIONS: Final[Mapping[str, Plain]] = {
    "cert_format": "standard",
    "max_session_ttl": "30h0m0s",
    "enhanced_recording": ["command", "network"],
    "record_session": {"default": "best_effort"},
    "desktop_clipboard": True,
    "desktop_directory_sharing": True,
    "create_desktop_user": False,
    "create_db_user": False,
    "ssh_file_copy": True,
    "forward_agent": False,
    "pin_source_ip": False,
}
_ROLE_OPTIONS_WITHOUT_DEFAULT: Final = frozenset(
    {
        "cert_extensions",
        "client_idle_timeout",
        "create_db_user_mode",
        "create_host_user",
        "create_host_user_default_shell",
        "create_host_user_mode",
        "device_trust_mode",
        "disconnect_expired_cert",
        "idp",
        "lock",
        "max_connections",
        "max_kubernetes_connections",
        "max_sessions",
        "mfa_verification_interval",
        "permit_x11_forwarding",
        "port_forwarding",
        "request_access",
        "request_prompt",
        "require_session_mfa",
        "ssh_port_forwarding",
    }
)
_ANY: Final[Mapping[str, Plain]] = {"name": "*", "namespace": "*"}
_KUBERNETES_RESOURCES: Final[Mapping[str, Plain]] = {
    **{version: {**_ANY, "kind": "pod"} for version in ("v3", "v4", "v5")},
    "v7": {**_ANY, "kind": "*", "verbs": ["*"]},
    "v8": {**_ANY, "kind": "*", "verbs": ["*"], "api_group": "*"},
}

_WITHOUT_VERBS: Final = ("v3", "v4", "v5", "v6")
_WITH_KUBERNETES: Final = " with Kubernetes labels"
_JOIN_DEFAULTS: Final[Mapping[str, Mapping[Path, Plain]]] = {
    "gitlab": {("spec", "gitlab", "domain"): "gitlab.com"},
    "kubernetes": {("spec", "kubernetes", "type"): "in_cluster"},
    "bound_keypair": {
        ("spec", "bound_keypair", "recovery", "limit"): 1,
        ("spec", "bound_keypair", "recovery", "mode"): "standard",
    },
}

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            name="role",
            collection="roles",
            level=0,
            template="teleport/role.yaml.j2",
            ignored=_BOOKKEEPING
            | {("spec", "allow", "namespaces"), ("spec", "deny", "namespaces")},
            variant=_role_variant,
            defaults=_role_defaults,
            normal=_role_normal(),
            options=_ROLE_OPTIONS_WITHOUT_DEFAULT | frozenset(_ROLE_OPTIONS),
        ),
        Kind(
            name="app",
            collection="mcp_servers",
            level=1,
            template="teleport/app.yaml.j2",
            ignored=_BOOKKEEPING | {("sub_kind",)},
            variant=lambda body: "stdio" if body.get("spec", {}).get("mcp") else "",
            defaults=lambda variant: {("spec", "uri"): "mcp+stdio://"} if variant else {},
            normal=_METADATA,
        ),
        Kind(
            name="bot",
            collection="bots",
            level=2,
            template="teleport/bot.yaml.j2",
            ignored=_BOOKKEEPING,
            defaults=lambda _variant: {("spec", "max_session_ttl"): "12h0m0s"},
            normal={
                ("spec", "roles"): _set,
                ("spec", "traits"): _traits,
                ("spec", "max_session_ttl"): _of_protobuf(_duration, units.proto_duration),
                **_METADATA,
                ("metadata", "expires"): _of_protobuf(_time, units.rfc3339),
            },
        ),
        Kind(
            name="token",
            collection="bots",
            level=3,
            template="teleport/token.yaml.j2",
            ignored=_BOOKKEEPING,
            variant=_join_method,
            defaults=_token_defaults,
            normal=_METADATA,
        ),
    )
}


def is_set(kind: str, path: Path) -> bool:
    """Whether the canonical value at `path` is a list in which order means nothing."""
    normal = KINDS[kind].normal
    return normal.get(path) is _set or normal.get(path[:-1]) in (_selector, _traits)
