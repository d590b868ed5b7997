"""Rules about what goes to Teleport as it is: raw specs, and the options of roles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from provisioner.checks.rules._base import Finding, Path, Rule
from provisioner.cluster.resource import equal, resource
from provisioner.cluster.teleport import Fault, faults, kept
from provisioner.errors import Rejected
from provisioner.site import raw
from provisioner.site.model import Site
from provisioner.text import units
from provisioner.values import EMPTY, SEQUENCES, Body, Plain, canonical_json, is_mapping

_NEWEST: Final = (99, 0, 0)
_DURATIONS: Final = ("max_session_ttl", "client_idle_timeout")  # which have a rule of their own
_GO: Final[Mapping[str, str]] = {
    "string": "text",
    "bool": "true or false",
    "int64": "a whole number",
    "[]string": "text or a list of texts",
    "slice": "a list",
    "struct": "a mapping",
    "map[string]string": "a mapping of texts",
    "Labels": "a mapping of texts or lists",
}
_WRITERS: Final = frozenset(
    {
        "*",
        "access_list",
        "auth_connector",
        "bot",
        "cert_authority",
        "cluster_auth_preference",
        "github",
        "oidc",
        "role",
        "saml",
        "token",
        "trusted_cluster",
        "user",
        "user_group",
    }
)
_WRITES: Final = frozenset(("*", "create", "update"))


def _said_twice(site: Site) -> Iterator[Finding]:
    for kind, where, label, spec in _specs(site):
        for path, word in raw.said_twice(kind, spec):
            yield Finding(
                (*where, *path),
                f"{label}: {_dotted(('spec', *path))} is said with the word `{_dotted(word)}`, not raw",
                f"write it as {_dotted((*where[:-1], *word))}: the rules understand it there",
                on_key=True,
            )


def _refused(site: Site) -> Iterator[Finding]:
    for kind, where, label, spec in _specs(site):
        yield from _with_nulls(where, label, spec)
        verdict = _verdict(site, kind, _version(site, where), spec)
        for fault in verdict.faults:
            if not fault.known:
                yield _finding((*where, *fault.path[1:]), label, fault)
        for moved in verdict.moved:
            yield _moving((*where, *moved.path[1:]), label, moved)


def _unknown(site: Site) -> Iterator[Finding]:
    for kind, where, label, spec in _specs(site):
        for fault in _verdict(site, kind, _version(site, where), spec).faults:
            if fault.known:
                yield Finding(
                    (*where, *fault.path[1:]),
                    f"{label}: Teleport {site.teleport.version or 18} has no field "
                    f"{_dotted(fault.path)}, as far as is known here",
                    "leave it out, or use a Teleport that knows it: tctl below 18.8 drops it silently",
                    on_key=True,
                    word=str(fault.path[-1]),
                    known=fault.known,
                )


def _bad_option(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        yield from _with_nulls(("roles", name, "options"), f"role {name}", role.options)
        options = {key: value for key, value in role.options.items() if key not in _DURATIONS}
        if not options:
            continue
        # Of the versions, v7 takes every option.
        verdict = _verdict(site, "role", "v7", {"options": options})
        for fault in verdict.faults:
            if fault.path[2:] and not fault.known:
                yield _finding(("roles", name, *fault.path[1:]), f"role {name}", fault)
        for moved in verdict.moved:
            yield _moving(("roles", name, *moved.path[1:]), f"role {name}", moved)


def _rewrites_access(site: Site) -> Iterator[Finding]:
    for name, role in site.roles.items():
        rules = raw.at(role.spec, ("allow",)).get("rules")
        for number, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
            resources, verbs = _chosen(rule, "resources", _WRITERS), _chosen(rule, "verbs", _WRITES)
            if resources and verbs:
                yield Finding(
                    ("roles", name, "spec", "allow", "rules", number),
                    f"role {name}: whoever holds it may {' and '.join(verbs)} {', '.join(resources)}, "
                    "and so give itself any access: what ACCESS says of it is no limit",
                    "keep such rules in a role that no MCP client's bot holds",
                )


def _dynamic_labels(site: Site) -> Iterator[Finding]:
    for name, server in site.mcp_servers.items():
        if server.app is not None and server.app.spec.get("dynamic_labels"):
            yield Finding(
                ("mcp_servers", name, "app", "spec", "dynamic_labels"),
                f"MCP server {name}: roles match dynamic labels too, and nobody knows them here: "
                "more roles may reach it than ACCESS says",
                "use labels, which are the same everywhere",
                on_key=True,
            )


def _specs(site: Site) -> Iterator[tuple[str, Path, str, Body]]:
    """Yield every raw spec: kind, path in the site, what to call its entry, and the spec."""
    for name, role in site.roles.items():
        if role.spec:
            yield "role", ("roles", name, "spec"), f"role {name}", role.spec
    for name, server in site.mcp_servers.items():
        if server.app is not None and server.app.spec:
            path = ("mcp_servers", name, "app", "spec")
            yield "app", path, f"MCP server {name}", server.app.spec


def _version(site: Site, where: Path) -> str:
    return site.roles[str(where[1])].version if where[0] == "roles" else "v3"


class _Moved(Struct, frozen=True):
    """A field of which Teleport keeps something else than it is given, None for nothing."""

    path: Path
    value: Plain


class _Verdict(Struct, frozen=True):
    """What Teleport has against a spec, and what would differ in each plan after it was applied."""

    faults: tuple[Fault, ...]
    moved: tuple[_Moved, ...]


def _verdict(site: Site, kind: str, version: str, spec: Body) -> _Verdict:
    """Return what Teleport of the site's release makes of a spec."""
    release = units.version(site.teleport.version) if site.teleport.version else _NEWEST
    return _judged(release, kind, version, canonical_json(_without_nulls(spec)))


@lru_cache(maxsize=1024)
def _judged(release: tuple[int, int, int], kind: str, version: str, spec: str) -> _Verdict:
    """Return the same for a spec as JSON: in a large site, many are alike."""
    whole = {**({"uri": "mcp+https://x/mcp"} if kind == "app" else {}), **json.loads(spec)}
    body = {"kind": kind, "version": version, "metadata": {"name": "x"}, "spec": whole}
    found = tuple(faults(release, body))
    try:
        stored = kept(release, body)
    except Rejected:
        return _Verdict(found, ())
    # What is not known here goes lost here, and may well be kept by a newer Teleport.
    unknown = [fault.path for fault in found if fault.known]
    said, seen = (resource(each).form.get("spec", EMPTY) for each in (body, stored))
    moved = _differing(said, seen, stored["spec"], ("spec",))
    return _Verdict(found, tuple(m for m in moved if not any(_meet(m.path, u) for u in unknown)))


def _differing(said: Body, seen: Body, stored: Body, path: Path) -> Iterator[_Moved]:
    """Yield the fields in which the form of what was said is not that of what is stored."""
    for name, item in said.items():
        other, value = seen.get(name), stored.get(name)
        if is_mapping(item) and is_mapping(other) and is_mapping(value):
            yield from _differing(item, other, value, (*path, name))
        elif not equal(item, other):
            yield _Moved((*path, name), value)


def _meet(one: Path, other: Path) -> bool:
    """Whether one of two paths leads to the other."""
    return all(left == right for left, right in zip(one, other, strict=False))


def _moving(where: Path, label: str, moved: _Moved) -> Finding:
    what = "nothing" if moved.value is None else canonical_json(moved.value)
    spot = _dotted(moved.path)
    message = f"{label}: Teleport makes {what} of {spot}, so that each plan would show it"
    return Finding(where, message, "remove it" if moved.value is None else f"write {what}")


def _with_nulls(where: Path, label: str, value: Plain) -> Iterator[Finding]:
    for path in _nulls(value):
        spot = _dotted((where[-1], *path))
        message = f"{label}: null at {spot}, of which Teleport makes something else"
        yield Finding((*where, *path), message, "write what is meant, or remove it")


def _nulls(value: Plain, *, in_labels: bool = False) -> Iterator[Path]:
    """Yield the paths of nulls that Teleport stores as something else, so that no plan is ever empty."""
    if is_mapping(value):
        for name, item in value.items():
            if item is None and in_labels:
                yield (name,)
            yield from ((name, *path) for path in _nulls(item, in_labels=name.endswith("_labels")))
    elif isinstance(value, SEQUENCES):
        for index, item in enumerate(value):
            yield from ((index, *path) for path in (_nulls(item) if item is not None else ((),)))


def _without_nulls(value: Plain) -> Plain:
    """Return a value without what stands in its lists and is null."""
    if is_mapping(value):
        return {name: _without_nulls(item) for name, item in value.items()}
    if isinstance(value, SEQUENCES):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _finding(path: Path, label: str, fault: Fault) -> Finding:
    where = _dotted(fault.path)
    if not fault.wanted:
        cure = "correct it, or leave it out"
        return Finding(path, f"{label}: Teleport refuses {where}: {fault.message}", cure)
    wanted = _GO.get(fault.wanted, fault.wanted)
    cure = "quote numbers and booleans" if wanted.startswith("text") else f"write {wanted}"
    return Finding(path, f"{label}: Teleport wants {wanted} for {where}", cure)


def _chosen(rule: Plain, key: str, words: frozenset[str]) -> list[str]:
    found = rule.get(key) if is_mapping(rule) else None
    listed = found if isinstance(found, SEQUENCES) else ()
    return sorted(words.intersection(word for word in listed if isinstance(word, str)))


def _dotted(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


RULES: Final = (
    Rule("PV119", "error", "role option of another type", _bad_option, firm=True),
    Rule("PV190", "error", "raw spec of what has a word", _said_twice, firm=True),
    Rule("PV191", "error", "raw spec that Teleport refuses", _refused, firm=True),
    Rule("PV192", "warning", "raw spec that Teleport does not know", _unknown),
    Rule("PV193", "warning", "role that can rewrite access", _rewrites_access),
    Rule("PV194", "warning", "dynamic labels", _dynamic_labels),
)
