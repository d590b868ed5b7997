"""Looking once more, just before a write, whether what it was planned for is still there.

tctl overwrites without a question. So the writes that expect something are made in parts, and
before each part what lives is listed again: one call a kind, whatever the size of the part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from provisioner.change import Key
from provisioner.cluster.port import Outcome, Verb, Write
from provisioner.cluster.resource import Resource
from provisioner.cluster.tctl._base import Tool
from provisioner.cluster.unmoved import moved
from provisioner.errors import Moved

Look = Callable[[Sequence[Write]], Mapping[Key, Resource]]
"""Returns what is live of the kinds that the writes concern. Raises ClusterError."""

_PART: Final = 200  # writes: some seconds of work, and a tenth of that for the look
# Seconds before a second look: two auth servers can lag behind each other by one
# (lib/backend/defaults.go, DefaultPollStreamPeriod).
_LAG: Final = 1.5


def parts(batch: Sequence[Write]) -> Iterator[tuple[Write, ...]]:
    """Yield the writes in parts, each to be looked at on its own: what expects nothing first."""
    free = tuple(each for each in batch if not each.expected)
    if free:
        yield free
    bound = [each for each in batch if each.expected]
    for start in range(0, len(bound), _PART):
        yield tuple(bound[start : start + _PART])


def apart(tool: Tool, look: Look, part: Sequence[Write]) -> tuple[list[Write], list[Outcome]]:
    """Return the writes that may be made, expecting what lives now, and the refusal of the others.

    Raises ClusterError when nobody can look.
    """
    bound = [each for each in part if each.expected]
    live = look(bound) if bound else {}
    if bound and any(_moved(each, live) for each in bound):
        tool.sleep(_LAG)
        live = look(bound)
    refused = {each.key: error for each in bound if (error := _moved(each, live))}
    usable = [_bound_to(live, each) for each in part if each.key not in refused]
    return usable, [Outcome(key, error) for key, error in refused.items()]


def _moved(write: Write, live: Mapping[Key, Resource]) -> Moved | None:
    found = live.get(write.key)
    return moved(write, found.body if found else None)


def _bound_to(live: Mapping[Key, Resource], write: Write) -> Write:
    """Return a write that expects the very revision that was seen, which says the same."""
    found = live.get(write.key)
    if found is None or not write.expected or write.verb is Verb.DELETE:
        return write
    return replace(write, expected=found.body)
