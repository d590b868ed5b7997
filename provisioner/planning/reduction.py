"""A snapshot reduced to what the plan of one site needs, so that the rest stays out of a repository.

In full are what the site names or owns, its tokens, and all bots: their roles and traits decide who
may call what. Of roles of others that a bot holds stays what is about apps; of other apps the name,
the labels and whether they are MCP servers. Of all else, and of what is cut, stay the names: a plan
that comes to need one of them is refused instead of going wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provisioner.change import Key
from provisioner.cluster.kinds import SITE_LABEL
from provisioner.cluster.port import Scope
from provisioner.cluster.resource import labels
from provisioner.planning.state import is_mcp
from provisioner.values import EMPTY, Plain

_GATES: Final = ("device_trust_mode", "require_session_mfa")
_HALVES: Final = ("app_labels", "app_labels_expression", "mcp")
_IN_FULL: Final = ("bot", "token")


def reduced(taken: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a snapshot, as plain JSON values, with what the plan of `scope` needs and no more."""
    documents = taken["documents"]
    held = {role for bot in documents.get("bot", ()) for role in bot["spec"].get("roles") or ()}
    kept: dict[str, list[Plain]] = {}
    cut: defaultdict[str, list[str]] = defaultdict(list)
    for kind, bodies in documents.items():
        kept[kind] = []
        for body in bodies:
            part = body if _is_needed(body, scope) else next(_parts(body, held), None)
            if part is not None:
                kept[kind].append(part)
            if part is not body and kind != "app_server":
                cut[kind].append(body["metadata"]["name"])
    return {**taken, "site": scope.site, "left_out": dict(cut), "documents": kept}


def _is_needed(body: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a document is in the snapshot as it is."""
    kind = "app" if body["kind"] == "app_server" else body["kind"]
    is_ours = labels(body).get(SITE_LABEL) == scope.site
    return kind in _IN_FULL or is_ours or Key(kind, body["metadata"]["name"]) in scope.needs


def _parts(body: Mapping[str, Any], held: set[str]) -> Iterator[dict[str, Any]]:
    """Yield what stays of a document of somebody else, if anything does."""
    if body["kind"] == "app":
        yield _app(body)
    elif body["kind"] == "app_server":
        app = (body["spec"] or EMPTY).get("app")
        inner = {"app": _app(app)} if app else {}
        yield {**_named(body), "spec": inner}
    elif body["metadata"]["name"] in held:
        yield _role(body)


def _named(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without anything but its name and its labels."""
    metadata = body.get("metadata") or EMPTY
    kept = {key: metadata[key] for key in ("name", "labels") if metadata.get(key)}
    return {"kind": body["kind"], "version": body.get("version", ""), "metadata": kept}


def _app(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**_named(body), "spec": {"uri": "mcp+stdio://"} if is_mcp(body) else {}}


def _role(body: Mapping[str, Any]) -> dict[str, Any]:
    spec = body["spec"]
    halves = {
        half: {key: value[key] for key in _HALVES if key in value}
        for half in ("allow", "deny")
        if isinstance(value := spec.get(half), Mapping)
    }
    options = spec.get("options") or {}
    gates = {key: options[key] for key in _GATES if key in options}
    return {**_named(body), "spec": {**({"options": gates} if gates else {}), **halves}}
