"""Live documents as entries of a site: in its words where it has some, and the rest raw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from msgspec import Struct

from provisioner.change import Key
from provisioner.cluster.kinds import PROTECTED_LABEL
from provisioner.cluster.references import is_concealed
from provisioner.cluster.resource import Resource, labels
from provisioner.errors import ProvisionError
from provisioner.planning.state import served_app
from provisioner.rbac.labels import written
from provisioner.site.raw import WORDS
from provisioner.text import units
from provisioner.values import Plain, is_mapping, thaw

COLLECTIONS: Final[Mapping[str, str]] = {"role": "roles", "app": "mcp_servers", "bot": "bots"}
_SPOKEN_FOR: Final = ("LD_", "PROVISION_", "TELEPORT_")
"""Variables that begin so are read by others: the loader of programs, this tool, Teleport's."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VERSIONS: Final = ("v6", "v7", "v8")
_DEFAULT_VERSION: Final = "v8"
_DURATIONS: Final = ("max_session_ttl", "client_idle_timeout")


class Inexpressible(ProvisionError):
    """A site cannot say this."""


class Entry(Struct, frozen=True):
    """One entry of a site: what live resource it is of, and what it says."""

    live: Resource
    says: Mapping[str, Plain]

    @property
    def key(self) -> Key:
        """What the resource is called in a site."""
        return called(self.live.key)

    @property
    def path(self) -> tuple[str, str]:
        """Where the entry stands in a site."""
        return COLLECTIONS[self.key.kind], self.key.name

    @property
    def referred(self) -> tuple[tuple[str, str], ...]:
        """The headers whose values a site cannot hold: name of the header, and of the variable."""
        headers = (self.says.get("app") or {}).get("headers", ())
        values = ((each["name"], each["value"]) for each in headers)
        return tuple((name, value["env"]) for name, value in values if is_mapping(value))


def called(key: Key) -> Key:
    """Return what a resource is called in a site: what only an agent has is an app as such."""
    return Key("app", key.name) if key.kind == "app_server" else key


def entry_of(live: Resource, taken: set[str]) -> Entry:
    """Return a live resource as an entry. Raises Inexpressible where it is plain that there is none.

    `taken` are the names of variables that values of headers are read from; new ones are added.
    """
    if not _NAME.fullmatch(live.key.name):
        raise Inexpressible(
            "its name cannot stand in a site",
            hint="names there are lower case letters, digits and hyphens, at most 63; "
            "roles of other names can be named in external_roles",
        )
    if live.key.kind == "app_server":
        return Entry(live, {"labels": written(labels(served_app(live)))})
    form = thaw(live.form)
    says = _metadata(form["metadata"])
    spec = form.get("spec", {})
    if live.key.kind == "app":
        return Entry(live, {**says, **_app(form, spec, taken)})
    return Entry(live, {**says, **(_role if live.key.kind == "role" else _bot)(form, spec)})


def _metadata(metadata: dict[str, Any]) -> dict[str, Plain]:
    """Return what every kind of entry can say of itself."""
    labels = metadata.get("labels", {})
    said = {
        "description": metadata.get("description"),
        "labels": written(labels),
        "expires": metadata.get("expires"),
        "protected": labels.get(PROTECTED_LABEL) == "true",
    }
    return {name: value for name, value in said.items() if value}


def _role(form: dict[str, Any], spec: dict[str, Any]) -> dict[str, Plain]:
    version = form.get("version")
    if version not in _VERSIONS:
        raise Inexpressible(
            f"a site has no roles of version {version}",
            hint=f"write it anew as {_DEFAULT_VERSION}, by hand: versions mean different things",
        )
    entry = _in_words("role", spec)
    raw = entry.get("spec", {})
    for side in (entry, entry.get("deny", {}), raw.get("allow", {}), raw.get("deny", {})):
        for name in [name for name in side if name.endswith("_labels")]:
            side[name] = {key: _one(many) for key, many in side[name].items()}
    options = entry.get("options", {})
    for name in _DURATIONS:
        if name in options:
            options[name] = _short(options[name])
    own_version = {} if version == _DEFAULT_VERSION else {"version": version}
    return {**own_version, **_sorted_below(entry)}


def _app(form: dict[str, Any], spec: dict[str, Any], taken: set[str]) -> dict[str, Plain]:
    app = _in_words("app", spec)
    for header in app.get("headers", ()):
        if is_concealed(header.get("value")):
            header["value"] = {"env": _variable(form["metadata"]["name"], header["name"], taken)}
    return {"app": _sorted_below(app)}


def _variable(app: str, header: str, taken: set[str]) -> str:
    """Return the name of an environment variable for the value of a header, another one each time."""
    base = re.sub(r"[^A-Z0-9]+", "_", f"{app}_{header}".upper()).strip("_")
    base = f"MCP_{base}" if base[0].isdigit() or base.startswith(_SPOKEN_FOR) else base
    name = next(each for n in count(1) if (each := base if n == 1 else f"{base}_{n}") not in taken)
    taken.add(name)
    return name


def _bot(_form: dict[str, Any], spec: dict[str, Any]) -> dict[str, Plain]:
    entry: dict[str, Plain] = dict(spec)
    if "max_session_ttl" in entry:
        entry["max_session_ttl"] = _short(entry["max_session_ttl"])
    return _sorted_below(entry)


def _in_words(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec in the words of the site, what has none under `spec`."""
    entry: dict[str, Any] = {}
    rest = spec
    for path, word in WORDS[kind].items():
        value = _take(rest, path)
        if value is not None:
            _put(entry, word, value)
    return {**entry, "spec": rest} if rest else entry


def _take(value: dict[str, Any], path: tuple[str, ...]) -> Plain:
    """Take out what stands at `path`, and what is left empty by that."""
    name, *below = path
    if not below:
        return value.pop(name, None)
    inner = value.get(name)
    if not isinstance(inner, dict):
        return None
    taken = _take(inner, tuple(below))
    if not inner:
        del value[name]
    return taken


def _put(value: dict[str, Any], path: tuple[str, ...], item: Plain) -> None:
    for name in path[:-1]:
        value = value.setdefault(name, {})
    value[path[-1]] = item


def _sorted_below(entry: dict[str, Plain]) -> dict[str, Plain]:
    """Return an entry whose words keep their order, and in which all below is in that of names."""
    return {word: _sorted(value) for word, value in entry.items()}


def _sorted(value: Plain) -> Plain:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _one(many: Plain) -> Plain:
    """Return the text in a list of one, as people write it."""
    return many[0] if isinstance(many, list) and len(many) == 1 else many


def _short(duration: Plain) -> Plain:
    """Return Go's `8h0m0s` as `8h`, if that is what it is."""
    try:
        length = units.nanoseconds(duration)
    except (TypeError, ValueError):
        return duration
    written = units.go_duration(length)
    return re.sub(r"(?<=[hm])0[ms]", "", written)
