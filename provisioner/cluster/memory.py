"""A cluster in memory that behaves as Teleport does: for tests, and to try what a write would do."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.port import Outcome, Scope, Write
from provisioner.cluster.teleport import Server, Teleport, concealed
from provisioner.cluster.unmoved import moved
from provisioner.errors import ClusterError
from provisioner.text import units
from provisioner.values import Body


class MemoryCluster:
    """A writable cluster whose documents live as long as it does.

    `documents` are what it holds at first, as a listing shows them: roles, bots, apps, app
    servers, tokens, and users where they matter; they are taken as they stand. `version` is the
    Teleport release it behaves as, `server` (clock and revisions) is for tests, `acting` are the
    roles that bound what may be done. Raises ValueError for what is no version, Rejected for a bot
    that cannot be, and Missing for a role that is not there.
    """

    def __init__(
        self,
        documents: Iterable[Body] = (),
        *,
        name: str = "memory",
        version: str = "18.8.3",
        server: Server | None = None,
        acting: tuple[str, ...] | None = None,
    ) -> None:
        self._info = ClusterInfo(name=name, version=version, via="memory")
        store, server = _Documents(), server or Server(units.version(version))
        self._teleport = Teleport(store, server)
        for body in documents:
            self._teleport.restore(body)
        if acting is not None:
            self._teleport = Teleport(store, server, acting)

    def info(self) -> ClusterInfo:
        """Name the cluster and its version."""
        return self._info

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return every live document of the scope."""
        found = (body for kind in scope.kinds for body in self._teleport.listing(kind))
        return tuple(concealed(body) for body in found if scope.shows(body))

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out the writes one after the other; yield the outcome of each."""
        for each in batch:
            yield Outcome(each.key, self._carry_out(each))

    def _carry_out(self, write: Write) -> ClusterError | None:
        if error := moved(write, self._teleport.show(write.key)):
            return error
        try:
            self._teleport.perform(write.verb, write.key, write.body, write.roles)
        except ClusterError as error:
            return error
        return None


class _Documents:
    """A `teleport.Store` in a dict."""

    def __init__(self) -> None:
        self._bodies: dict[Key, Body] = {}

    def get(self, key: Key) -> Body | None:
        return self._bodies.get(key)

    def put(self, key: Key, body: Body) -> None:
        self._bodies[key] = body

    def remove(self, key: Key) -> None:
        del self._bodies[key]

    def of_kind(self, kind: str) -> Iterable[Body]:
        return [self._bodies[key] for key in sorted(self._bodies) if key.kind == kind]
