"""Snapshots: a cluster's live documents in one JSON file, without secrets, read-only.

    {"format_version": 1,
     "cluster": {"name": "example.teleport.sh", "version": "18.8.3"},
     "taken": "2026-06-30T12:00:00Z",
     "documents": {"role": [...], "bot": [...], "app": [...], "app_server": [...], "token": [...]}}

One that is reduced to what the plan of a site needs also has the name of that site, and of what was
cut or left out, the names:

     "site": "acme", "left_out": {"role": ["auditor"], "app": ["grafana"]}

A snapshot comes from a file that anybody may have written, so `parse` believes nothing: what it
returns can be planned against without another look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NoReturn

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.port import Cluster, Scope, is_presented
from provisioner.cluster.teleport import Shapes, check_types, concealed
from provisioner.errors import ClusterError, Garbled, Missing
from provisioner.text import jsonfile, units
from provisioner.values import EMPTY, Body, Plain, Secret, canonical_json, freeze

FORMAT_VERSION: Final = 1
KINDS: Final = ("role", "bot", "app", "app_server", "token")
MASK: Final = "<secret>"
WHOLE: Final = Scope(("role", "bot", "app", "app_server"), whole=True)
"""What a snapshot holds that is not taken for a site."""

_LARGEST: Final = 256 * 1024 * 1024  # bytes; 10,000 bots take about 8 MB
_HINT: Final = "take it again with `provision snapshot`"
_AGAIN: Final = "take it again for this site: provision snapshot SITE -o FILE"
_TOP: Final = {
    "format_version": int,
    "cluster": MappingProxyType,
    "taken": str,
    "documents": MappingProxyType,
}
_PARTIAL: Final = {"site": "", "left_out": EMPTY}


class SnapshotCluster:
    """A cluster as it was when the snapshot was taken; it has no verb that writes.

    `site` is whose plan it was reduced for, if it was, and `left_out` what is not in it as it was.
    """

    def __init__(
        self,
        info: ClusterInfo,
        documents: Mapping[str, Sequence[Body]],
        site: str = "",
        left_out: frozenset[Key] = frozenset(),
    ) -> None:
        self._info = info
        self.documents: Mapping[str, Sequence[Body]] = freeze(documents)
        self.site = site
        self._left_out = left_out

    def info(self) -> ClusterInfo:
        """Name the cluster and its version."""
        return self._info

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return every recorded document of the scope. Raises Missing for what was not recorded."""
        self.require(scope)
        for kind in scope.kinds:
            if kind not in self.documents:
                raise Missing(
                    f"{self._info.via}: the snapshot holds no documents of kind {kind}",
                    hint=_AGAIN,
                )
        found = (body for kind in scope.kinds for body in self.documents[kind])
        return tuple(body for body in found if scope.shows(body))

    def require(self, scope: Scope) -> None:
        """Raise Missing where not all of the scope was recorded as it was."""
        if self.site and scope.site not in ("", self.site):
            raise Missing(f"{self._info.via}: recorded for site {self.site} alone", hint=_AGAIN)
        if self.site and scope.whole:
            raise Missing(
                f"{self._info.via}: recorded in part, for site {self.site}, and all is needed now",
                hint="take it again without a site: provision snapshot -o FILE",
            )
        if missing := sorted(map(str, scope.needs & self._left_out)):
            raise Missing(
                f"{self._info.via}: recorded without {', '.join(missing)}, which is needed now",
                hint=_AGAIN,
            )


def take(cluster: Cluster, *, now: datetime, scope: Scope = WHOLE) -> dict[str, Any]:
    """Return the snapshot of a cluster as plain JSON values, ready to be written.

    It has no tokens but those of `scope`. Tokens whose name is their secret, registration secrets
    and literal header values are never in it. What was taken of a snapshot is as old as that.
    Raises ClusterError.
    """
    info = cluster.info()
    live = cluster.read(scope)
    documents: dict[str, list[Any]] = {kind: [] for kind in scope.kinds}
    for body in sorted(live, key=lambda body: str(body["metadata"]["name"])):
        if body["kind"] != "token" or not is_presented(body):
            documents[body["kind"]].append(_masked(concealed(body)))
    return {
        "format_version": FORMAT_VERSION,
        "cluster": {"name": info.name, "version": info.version},
        "taken": info.taken
        or now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "documents": documents,
    }


def parse(data: bytes, file: str) -> SnapshotCluster:
    """Return the snapshot in the bytes of `file`. Raises Garbled, naming file and JSON path."""
    if len(data) > _LARGEST:
        raise Garbled(f"{file}: larger than a snapshot can be ({_LARGEST // 2**20} MB)")
    try:
        value = jsonfile.load(data, file)
    except ValueError as error:
        raise Garbled(str(error), hint=_HINT) from error
    check = _Checker(file)
    check.top(value)
    cluster = value["cluster"]
    info = ClusterInfo(
        cluster["name"], cluster["version"], via=f"file:{file}", taken=value["taken"]
    )
    left_out = frozenset(
        Key(kind, name) for kind, names in value.get("left_out", {}).items() for name in names
    )
    return SnapshotCluster(info, value["documents"], value.get("site", ""), left_out)


def _masked(value: Plain) -> Plain:
    """Return `value` as plain JSON, every `Secret` in it as `MASK`."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


class _Checker:
    """Holds a loaded value against what a snapshot may say."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._shapes = Shapes(check_types)

    def top(self, value: Plain) -> None:
        """Check the whole value."""
        self._is(value, MappingProxyType, "$")
        if value.get("format_version") != FORMAT_VERSION:
            self._fail(
                "$.format_version",
                f"{canonical_json(value.get('format_version'))} is not {FORMAT_VERSION}, the only format known",
            )
        for name, kind in _TOP.items():
            self._is(value.get(name), kind, f"$.{name}")
        for name in ("name", "version"):
            self._is(value["cluster"].get(name), str, f"$.cluster.{name}")
        self._try(lambda: units.version(value["cluster"]["version"]), "$.cluster.version")
        self._try(lambda: units.moment(value["taken"]), "$.taken")
        for name, none in _PARTIAL.items():
            self._is(value.get(name, none), type(none), f"$.{name}")
        for kind, names in value.get("left_out", {}).items():
            self._names(names, f"$.left_out.{kind}")
        for kind, bodies in value["documents"].items():
            self._documents(kind, bodies, f"$.documents.{kind}")

    def _documents(self, kind: str, bodies: Plain, path: str) -> None:
        if kind not in KINDS:
            self._fail(path, f"not one of the kinds {', '.join(KINDS)}")
        self._is(bodies, tuple, path)
        numbers: dict[str, int] = {}
        for number, body in enumerate(bodies):
            self._document(kind, body, f"{path}[{number}]")
            first = numbers.setdefault(body["metadata"]["name"], number)
            if first < number and kind != "app_server":  # each agent has one
                self._fail(f"{path}[{number}].metadata.name", f"that of {path}[{first}] as well")

    def _names(self, names: Plain, path: str) -> None:
        self._is(names, tuple, path)
        for number, name in enumerate(names):
            self._is(name, str, f"{path}[{number}]")

    def _document(self, kind: str, body: Plain, path: str) -> None:
        self._is(body, MappingProxyType, path)
        if body.get("kind") != kind:
            self._fail(f"{path}.kind", f"expected {kind}")
        self._is(body.get("version"), str, f"{path}.version")
        self._is(body.get("metadata"), MappingProxyType, f"{path}.metadata")
        self._is(body["metadata"].get("name"), str, f"{path}.metadata.name")
        self._is(body.get("spec"), MappingProxyType, f"{path}.spec")
        self._try(lambda: self._shapes.check(body), path)

    def _is(self, value: Plain, wanted: type, path: str) -> None:
        if not isinstance(value, wanted) or isinstance(value, bool):
            self._fail(path, f"expected {_WORDS[wanted]}")

    def _try(self, check: Callable[[], object], path: str) -> None:
        try:
            check()
        except (ValueError, ClusterError) as error:
            self._fail(path, str(error))

    def _fail(self, path: str, message: str) -> NoReturn:
        raise Garbled(f"{self._file}: {path}: {message}", hint=_HINT)


_WORDS: Final = {
    MappingProxyType: "an object",
    tuple: "a list",
    str: "text",
    int: "a whole number",
}
