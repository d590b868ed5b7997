"""A cluster reached through Teleport's own command line, `tctl`."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence

from provisioner.change import ClusterInfo, Key
from provisioner.cluster.port import Outcome, Scope, Write
from provisioner.cluster.resource import Resource, resource
from provisioner.cluster.tctl import _guard, reading, writing
from provisioner.cluster.tctl._base import TctlOptions, Tool
from provisioner.events import Event
from provisioner.values import Body

__all__ = ["Tctl", "TctlOptions"]


class Tctl:
    """A writable cluster behind `tctl`, which must be 18.1 or later to know MCP.

    `notify` is told of each call that starts and of each wait; `sleep` does the waiting. Calls
    run side by side, at most 4 that read or that send documents, at most 8 others; none of them
    has a terminal, and ^C ends those that run before it goes on.
    """

    def __init__(
        self,
        options: TctlOptions | None = None,
        *,
        notify: Callable[[Event], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tool = Tool(options or TctlOptions(), notify or _ignore, sleep)
        self._info: ClusterInfo | None = None

    def info(self) -> ClusterInfo:
        """Name the cluster, its version and tctl's; it is asked once. Raises ClusterError."""
        if self._info is None:
            self._info = reading.info(self._tool)
        return self._info

    def read(self, scope: Scope) -> tuple[Body, ...]:
        """Return every live document of the scope. Raises ClusterError.

        The number of calls depends on the kinds, not on how much lives there. Roles that bots name
        and the listing lacks are asked for one by one, at most 20 of them.
        """
        return reading.read(self._tool, scope)

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out writes that do not depend on each other; yield each outcome once it is known.

        Raises ClusterError when the cluster cannot be reached or looked at; then writes without an
        outcome are unknown. Closing the iterator, or ^C, ends what still runs. What the writes
        expect is looked at before each part of at most 200.
        """
        for part in _guard.parts(batch):
            usable, refused = _guard.apart(self._tool, self._look, part)
            yield from refused
            yield from writing.write(self._tool, self._look, usable)

    def _look(self, writes: Sequence[Write]) -> Mapping[Key, Resource]:
        kinds = tuple(sorted({write.key.kind for write in writes}))
        tokens = frozenset(write.key.name for write in writes if write.key.kind == "token")
        live = map(resource, reading.listing(self._tool, Scope(kinds, tokens=tokens)))
        return {each.key: each for each in live}


def _ignore(_: Event) -> None:
    """Tell nobody."""
