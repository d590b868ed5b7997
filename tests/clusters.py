"""A cluster that goes wrong where a test wants it to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence

from provisioner.change import Key
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Outcome, Write
from provisioner.errors import ClusterError
from provisioner.values import Body


class FaultyCluster(MemoryCluster):
    """A cluster in memory; a write to a key of `faults` fails with, or is ended by, its fault.

    A ClusterError is the outcome of that write alone; anything else is raised before it is made.
    `lost` are keys whose writes it says to have made, and has not. `asked` are all writes, in order.
    """

    def __init__(
        self,
        documents: Iterable[Body] = (),
        *,
        faults: Mapping[str, BaseException] | None = None,
        lost: Iterable[str] = (),
    ) -> None:
        super().__init__(documents)
        self.faults = dict(faults or {})
        self.lost = frozenset(lost)
        self.asked: list[Write] = []

    @property
    def keys(self) -> list[str]:
        """The keys of the writes that were asked for, in order."""
        return [str(write.key) for write in self.asked]

    def write(self, batch: Sequence[Write]) -> Generator[Outcome, None, None]:
        """Carry out the writes that no fault keeps from being made."""
        for each in batch:
            self.asked.append(each)
            fault = self.faults.get(str(each.key))
            if isinstance(fault, ClusterError):
                yield Outcome(each.key, fault)
            elif fault is not None:
                raise fault
            elif str(each.key) in self.lost:
                yield Outcome(each.key)
            else:
                yield from super().write([each])


def key(text: str) -> Key:
    """Return `role/dev` as a key."""
    kind, _, name = text.partition("/")
    return Key(kind, name)
