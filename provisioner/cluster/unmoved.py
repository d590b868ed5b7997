"""Whether a live document is still the one that a write was planned for.

Of two documents with the same revision nothing needs to be compared: Teleport makes a new one with
each write. With another revision, or none (bots have none), the canonical forms decide: somebody
may write the same again without moving anything.
"""

from __future__ import annotations

from typing import Final

from provisioner.cluster.canonical import canonical
from provisioner.cluster.port import Verb, Write
from provisioner.errors import Moved
from provisioner.text.terminal import visible
from provisioner.values import Body, differing, secrets

_SHOWN: Final = 5
_AGAIN: Final = "plan again, and look at what somebody else has done"


def moved(write: Write, live: Body | None) -> Moved | None:
    """Return why a write must not be made, None where it may.

    Nothing is asked of a write that expects nothing. To delete what is gone is for the cluster to
    refuse; to update it would create it anew.
    """
    if not write.expected:
        return None
    if live is None:
        gone = Moved(f"{write.key} is gone since the plan was made", hint=_AGAIN)
        return None if write.verb is Verb.DELETE else gone
    if is_same(write.expected, live):
        return None
    paths = [path for path, _, _ in differing(canonical(write.expected), canonical(live))]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    told = visible(", ".join(paths[:_SHOWN]))
    return Moved(f"{write.key} moved since the plan was made: {told}{more}", hint=_AGAIN)


def is_same(one: Body, two: Body) -> bool:
    """Whether two live documents of one name say the same."""
    if (revision := revision_of(one)) and revision == revision_of(two):
        return True
    if any(True for _ in differing(canonical(one), canonical(two))):
        return False
    return tuple(secrets(one)) == tuple(secrets(two))  # whose canonical forms are all the same


def revision_of(body: Body) -> str:
    """Return the revision of a live document, "" where it has none."""
    return str(body.get("metadata", {}).get("revision") or "")
