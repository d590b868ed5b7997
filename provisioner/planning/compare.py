"""One desired resource against its live counterpart: what it takes to make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from provisioner.change import Cause, Change, Field, Op
from provisioner.cluster.kinds import APPLIED_LABEL, KINDS, Path, is_set
from provisioner.cluster.references import trusted
from provisioner.cluster.resource import Resource, applied_hash, equal, without_labels
from provisioner.planning.state import ORIGIN_LABEL, is_dynamic, served_app
from provisioner.values import EMPTY, Body, Plain, freeze

_PRESET: Final = "teleport.internal/resource-type"
_NAMED_ORIGINS: Final[Mapping[str, str]] = {
    "kubernetes": "Teleport's Kubernetes operator manages it",
    "config-file": "it comes from an agent's configuration file",
    "okta": "the Okta integration manages it",
    "scim": "the SCIM integration manages it",
    "entra-id": "the Entra ID integration manages it",
    "terraform": "Terraform manages it",
}
# Teleport's Terraform provider leaves no mark of its own; these labels people use everywhere.
_MANAGED_BY: Final = ("managed-by", "managed_by", "app.kubernetes.io/managed-by")


def create(wanted: Resource) -> Change:
    """Return the creation of a resource that does not exist."""
    return Change(
        Op.CREATE,
        wanted.key,
        after=wanted.form,
        write=wanted.body,
        fields=differences(wanted.key.kind, EMPTY, wanted.form),
        at=wanted.at,
        cause="site",
    )


def served(wanted: Resource, agents: Iterable[Resource]) -> Change | None:
    """Return the conflict of a new app with what an agent serves by its name, if it is another app.

    Two apps of one name would both be matched by roles, each by labels of its own. What is served
    dynamically was registered; it can be seen for a while after it is deleted.
    """
    if all(is_dynamic(served_app(agent)) for agent in agents):
        return None
    return Change(
        Op.CONFLICT,
        wanted.key,
        after=wanted.form,
        fields=differences(wanted.key.kind, EMPTY, wanted.form),
        at=wanted.at,
        reason="an agent serves an app of this name from its own configuration",
        hint="take `app:` out of the site, or the app out of the agent's configuration",
    )


def delete(live: Resource) -> Change:
    """Return the deletion of a live resource that the site no longer names."""
    return Change(Op.DELETE, live.key, before=live.form, live=live.as_read, cause="site")


def compare(wanted: Resource, live: Resource, site: str) -> Change | None:
    """Return what makes `live` equal to `wanted`, a note where it is not ours, or None if equal.

    Not for bots that belong to somebody else: of those only the roles are compared.
    """
    if live.owner == site:
        return _update(wanted, live)
    if live.owner is None and equal(anybodys(wanted), anybodys(live)):
        return Change(
            Op.UNOWNED,
            wanted.key,
            at=wanted.at,
            cause=_cause_of_loss(live),
            reason="equal to the site, but not marked as ours: left alone",
            hint=f"provision adopt {wanted.key}",
        )
    reason, hint = _whose(live)
    return conflict(wanted, live, reason, hint)


def conflict(wanted: Resource, live: Resource, reason: str, hint: str) -> Change:
    """Return the note that `live` stands in the way of `wanted`, with what differs."""
    return Change(
        Op.CONFLICT,
        wanted.key,
        before=live.form,
        after=wanted.form,
        fields=differences(wanted.key.kind, live.form, wanted.form),
        at=wanted.at,
        cause=_cause_of_loss(live),
        reason=reason,
        hint=hint,
    )


def differences(kind: str, before: Body, after: Body) -> tuple[Field, ...]:
    """Return the leaves in which two canonical bodies of one kind differ, sorted by path."""
    return tuple(_differences(kind, (), before, after))


def is_preset(live: Resource) -> bool:
    """Whether Teleport made a live resource for itself."""
    return live.labels.get(_PRESET) == "preset"


def manager(live: Resource) -> str:
    """Return who looks after a live resource, as far as its labels tell, or nothing."""
    if is_preset(live):
        return "it is a preset of Teleport itself"
    if said := _NAMED_ORIGINS.get(live.labels.get(ORIGIN_LABEL, "")):
        return said
    managers = (live.labels.get(label, "").lower() for label in _MANAGED_BY)
    return "Terraform manages it" if any("terraform" in each for each in managers) else ""


def anybodys(resource: Resource) -> Body:
    """Return the canonical body without the labels of this tool."""
    return without_labels(resource.form, "provisioner/")


def _update(wanted: Resource, live: Resource) -> Change | None:
    written = _carrying(wanted, live)
    if live.text == written.text:
        return None
    return Change(
        Op.UPDATE,
        wanted.key,
        before=live.form,
        after=written.form,
        write=written.body,
        live=live.as_read,
        fields=differences(wanted.key.kind, live.form, written.form),
        at=wanted.at,
        cause=_cause(written, live),
    )


def _whose(live: Resource) -> tuple[str, str]:
    """Return why a live resource is not ours, and what can be done about it."""
    adopt = f"provision adopt {live.key}"
    if live.owner is not None:
        return f"it belongs to site {live.owner}", f"{adopt} --from-site {live.owner}"
    if is_preset(live):
        return manager(live), "choose another name"
    if other := manager(live):
        return other, f"manage it there, or: {adopt}"
    return "it exists, differs, and is not marked as ours", adopt


def carried(wanted: Resource, live: Resource) -> Mapping[str, Plain]:
    """Return the live role options that neither this tool nor the site knows.

    An update replaces the whole document, so what it does not mention would be lost.
    """
    if not (known := KINDS[wanted.key.kind].options):
        return EMPTY
    said = _options(wanted)
    there = _options(live).items()
    return {name: value for name, value in there if name not in known and name not in said}


def _options(resource: Resource) -> Body:
    spec = resource.body.get("spec") or EMPTY  # Go writes null, too
    found: Body = spec.get("options") or EMPTY
    return found


def _carrying(wanted: Resource, live: Resource) -> Resource:
    if not (more := carried(wanted, live)):
        return wanted
    spec = {**wanted.body["spec"], "options": {**_options(wanted), **more}}
    return Resource(wanted.key, freeze({**wanted.body, "spec": spec}), wanted.place)


def _cause(written: Resource, live: Resource) -> Cause:
    """Say who moved since the last apply, by the hash that it left behind.

    Where all that differs is a value that the site only refers to, either may have moved.
    """
    applied = live.labels.get(APPLIED_LABEL)
    if applied is None:
        return "unknown"
    cluster_moved = applied != applied_hash(trusted(live, written).form)
    site_moved = applied != applied_hash(written.form)
    if cluster_moved and site_moved:
        return "both"
    if not cluster_moved and not site_moved:
        return "unknown"
    return "cluster" if cluster_moved else "site"


def _cause_of_loss(live: Resource) -> Cause:
    """Say who moved where a resource is nobody's: what we applied once has lost its owner since."""
    return "cluster" if live.owner is None and APPLIED_LABEL in live.labels else "unknown"


def _differences(kind: str, path: Path, before: Plain, after: Plain) -> Iterator[Field]:
    if isinstance(before, Mapping | None) and isinstance(after, Mapping | None):
        one, two = before or {}, after or {}
        for name in sorted(one.keys() | two.keys()):
            yield from _differences(kind, (*path, name), one.get(name), two.get(name))
    elif not equal(before, after):
        yield _field(kind, path, before, after)


def _field(kind: str, path: Path, before: Plain, after: Plain) -> Field:
    if not is_set(kind, path):
        return Field(_written(path), before, after)
    one, two = set(before or ()), set(after or ())
    return Field(
        _written(path),
        before,
        after,
        added=tuple(sorted(two - one)),
        removed=tuple(sorted(one - two)),
    )


def _written(path: Path) -> str:
    """Return a path in dots, names that hold dots or slashes in brackets."""
    text = ""
    for name in path:
        plain = name.replace("_", "").replace("-", "").isalnum()
        text += f".{name}" if plain and text else name if plain else f'["{name}"]'
    return text
