"""What somebody who approves a plan approves, as a hash.

Timestamps, revisions and places are in none of it: the same inputs and the same live state give the
same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provisioner.change import Plan
from provisioner.values import Plain, sha256

FORMAT_VERSION: Final = "1.1"
"""Of plan files, MAJOR.MINOR: within a major, digests cover what they always did."""


def approval(plan: Plan) -> str:
    """Return the hash of all that is approved with a plan: cluster, mode, changes, access, tests."""
    return approval_of(
        plan.site,
        plan.cluster.name,
        mode_of(plan.mode, [str(key) for key in plan.only]),
        [change.approved for change in plan.changes],
        plan.access.rows,
        [[test.name, test.state] for test in plan.tests],
        *([plan.access.other_apps] if plan.access.other_apps else []),
    )


def approval_of(*whole: Plain) -> str:
    """Return the same from plain values.

    `whole` are site, cluster, mode, what each change calls approved, the access rows as lists, name
    and state of each test, and where there are any, other apps newly reached.
    """
    return sha256([1, *whole])[:32]


def mode_of(mode: str, only: Sequence[str]) -> Plain:
    """Return what an approval says of the mode of a plan, and of the part that it is of."""
    plain: Plain = mode if mode == "adopt" else mode == "prune"
    return [plain, list(only)] if only else plain
