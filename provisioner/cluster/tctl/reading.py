"""Reading: which cluster it is, and what lives in it, in a constant number of calls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Final, NoReturn

from provisioner.change import ClusterInfo
from provisioner.cluster.port import Scope
from provisioner.cluster.tctl._base import Tool
from provisioner.cluster.teleport import Shapes, check_types, concealed
from provisioner.errors import ClusterError, Denied, Garbled, Missing
from provisioner.system.process import Result, strip_ansi
from provisioner.text.terminal import visible
from provisioner.text.units import YEAR_10000, proto_duration, rfc3339
from provisioner.values import Body, Plain, freeze

_WIDTH: Final = 4
_DIRECT: Final = 20
_TCTL_VERSION: Final = re.compile(r"\bTeleport\b.*?\bv?(\d+\.\d+\S*)")
_CLUSTER: Final = re.compile(r"^\s*Cluster:?\s+(\S+)", re.MULTILINE)
_VERSION: Final = re.compile(r"^\s*Version:?\s+v?(\d+\.\d+\S*)", re.MULTILINE)


def info(tool: Tool) -> ClusterInfo:
    """Return names and versions from `tctl version` and `tctl status`. Raises ClusterError."""
    calls = [tool.command("version"), tool.command("status")]
    version, status = (_answer(answer) for answer in tool.ask(calls, _WIDTH))
    return ClusterInfo(
        name=_find(_CLUSTER, status, "the name of the cluster"),
        version=_find(_VERSION, status, "the version of the cluster"),
        client=_find(_TCTL_VERSION, version, "the version of tctl"),
        via=tool.via,
    )


def read(tool: Tool, scope: Scope) -> tuple[Body, ...]:
    """Return every live document of the scope, one call a kind. Raises ClusterError.

    To a caller without all rights, Teleport lists what it may see and says nothing of the rest.
    So each role that a live bot names and the listing lacks is asked for by name: one call each,
    since a call for several fails as a whole when one is missing. To keep the number of calls
    from growing with the site, at most 20 are asked for; they stand for the rest, and when one of
    them is there after all, the listing is not to be trusted.
    """
    bodies = listing(tool, scope)
    if {"role", "bot"} <= set(scope.kinds):
        bodies += _unlisted(tool, bodies, scope)
    return bodies


def listing(tool: Tool, scope: Scope) -> tuple[Body, ...]:
    """Return what the cluster lists of the scope, without a second look. Raises ClusterError."""
    kinds = tuple(dict.fromkeys(scope.kinds))
    calls = [tool.command("get", kind, "--format=json") for kind in kinds]
    answers = tool.ask(calls, _WIDTH)
    return tuple(
        body
        for kind, answer in zip(kinds, answers, strict=True)
        for body in _bodies(_answer(answer), kind, scope)
    )


def _unlisted(tool: Tool, bodies: Iterable[Body], scope: Scope) -> tuple[Body, ...]:
    """Return the roles that bots name, that exist, and that were not listed."""
    holders: dict[str, str] = {}
    listed: set[str] = set()
    for body in bodies:
        if body["kind"] == "role":
            listed.add(body["metadata"]["name"])
        if body["kind"] == "bot":
            roles = body.get("spec", {}).get("roles") or ()
            holders |= dict.fromkeys(roles, body["metadata"]["name"])
    # A blank or a slash would end the name in a reference; Teleport has no role with one.
    names = sorted(name for name in set(holders) - listed if not re.search(r"[\s/]", name))
    references = ["role/" + name.replace(",", "\\,") for name in names[:_DIRECT]]
    calls = [tool.command("get", reference, "--format=json") for reference in references]
    found: list[Body] = []
    for name, answer in zip(names, tool.ask(calls, _WIDTH), strict=False):
        if isinstance(answer, Denied):
            message = f"could not look at role {name}, which bot {holders[name]} holds: {answer}"
            raise Denied(message, hint=answer.hint) from answer
        if not isinstance(answer, Missing):
            found += _bodies(_answer(answer), "role", scope)
    if found and len(names) > _DIRECT:
        raise Denied(
            f"could not look at all roles: {len(names)} that bots hold are not in the listing, "
            f"and some of them exist, such as {found[0]['metadata']['name']}",
            hint="let the identity in use have a role whose rules allow list and read on role",
        )
    return tuple(found)


def _answer(answer: Result | ClusterError) -> Result:
    if isinstance(answer, ClusterError):
        raise answer
    return answer


def _find(pattern: re.Pattern[str], result: Result, what: str) -> str:
    match = pattern.search(strip_ansi(result.stdout))
    if match is None:
        _garbled(result, f"does not say {what}", shown=result.stdout)
    return match[1]


def _bodies(result: Result, kind: str, scope: Scope) -> Iterable[Body]:
    """Read the JSON array that `tctl get` prints; yield what the scope shows of it."""
    # Among tokens there are other people's secrets, also in an answer that makes no sense.
    shown = "" if kind == "token" else result.stdout
    try:
        documents = json.loads(result.stdout, parse_constant=_no_number, parse_float=_finite)
        if re.search(r"\\u[dD][89a-fA-F]", result.stdout):
            json.dumps(documents, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        _garbled(result, "is not JSON", shown=shown)
    if not isinstance(documents, list) or not all(_is_body(each, kind) for each in documents):
        _garbled(result, f"is not a list of documents of kind {kind}", shown=shown)
    shapes = Shapes(check_types)
    for document in documents:
        if scope.shows(document):
            _spell(document)
            _require_types(document, shapes, result)
            body: Body = freeze(concealed(document))
            yield body


def _require_types(document: dict[str, Plain], shapes: Shapes, result: Result) -> None:
    """Raise Garbled for a document whose fields are not of the types that Teleport gives them."""
    try:
        shapes.check(document)
    except (ValueError, ClusterError) as error:
        # The name of a token can be its secret.
        name = "" if document["kind"] == "token" else f" {visible(document['metadata']['name'])}"
        _garbled(result, f"has a {document['kind']}{name} that cannot be: {error}", shown="")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(word: str) -> float:
    return number if isfinite(number := float(word)) else _no_number(word)


def _garbled(result: Result, what: str, *, shown: str) -> NoReturn:
    beginning = f"; it begins: {visible(shown[:200])}" if shown else ""
    raise Garbled(
        f"the answer of `{' '.join(result.argv)}` {what}{beginning}",
        hint="run the command by hand, and check that nothing between wraps or changes its output",
    )


def _is_body(value: Plain, kind: str) -> bool:
    if not isinstance(value, dict) or value.get("kind") != kind:
        return False
    metadata, spec = value.get("metadata"), value.get("spec", {})
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        return False
    labels, roles = metadata.get("labels") or {}, spec.get("roles") or []
    return (
        isinstance(metadata.get("name"), str)
        and isinstance(labels, dict)
        and (kind != "bot" or (isinstance(roles, list) and all(isinstance(r, str) for r in roles)))
    )


def _spell(document: dict[str, Plain]) -> None:
    """Bring two spellings of one value to one; changes `document`."""
    if document["kind"] == "bot":
        # Before 18.2.3 tctl printed the Go structs of protobuf instead of their JSON.
        _respell(document.get("spec", {}), "max_session_ttl", proto_duration)
        _respell(document["metadata"], "expires", rfc3339)


def _respell(parent: dict[str, Plain], name: str, spell: Callable[[int], str]) -> None:
    value = parent.get(name)
    if isinstance(value, dict):
        seconds, nanos = value.get("seconds", 0), value.get("nanos", 0)
        if isinstance(seconds, int) and isinstance(nanos, int) and 0 <= seconds < YEAR_10000:
            parent[name] = spell(seconds * 10**9 + nanos)
