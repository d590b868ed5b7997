"""Rules that a site alone cannot be held against: what plans and access tests find.

Who finds it tells it; here is what it is called and how much it matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provisioner.checks.rules._base import Finding, Rule


def _elsewhere(_subject: object) -> Iterator[Finding]:
    return iter(())


EXTERNAL_ROLE: Final[Rule[object]] = Rule(
    "PV201", "error", "external role that does not exist", _elsewhere
)
UNSERVED: Final[Rule[object]] = Rule(
    "PV202", "error", "MCP server that no agent serves", _elsewhere
)
OTHER_LABELS: Final[Rule[object]] = Rule(
    "PV203", "error", "MCP server with other labels", _elsewhere
)
UNPINNED: Final[Rule[object]] = Rule(
    "PV204",
    "error",
    "exception over a live server with unknown tools",
    _elsewhere,
    firm=True,
    because="the role would allow what it excepts",
)
UNCOMPARED: Final[Rule[object]] = Rule(
    "PV205", "warning", "value that cannot be compared", _elsewhere
)
UNWRITABLE: Final[Rule[object]] = Rule(
    "PV206", "warning", "value that cannot be written from here", _elsewhere
)
SPLIT: Final[Rule[object]] = Rule(
    "PV207", "warning", "MCP server served with different labels", _elsewhere
)
FAILED: Final[Rule[object]] = Rule(
    "PV300",
    "error",
    "access test that fails",
    _elsewhere,
    firm=True,
    because="a test that may fail says nothing; a test that does not hold can be changed or removed",
)
UNDECIDED: Final[Rule[object]] = Rule(
    "PV301", "warning", "access test that cannot be decided", _elsewhere
)

RULES: Final = (
    EXTERNAL_ROLE,
    UNSERVED,
    OTHER_LABELS,
    UNPINNED,
    UNCOMPARED,
    UNWRITABLE,
    SPLIT,
    FAILED,
    UNDECIDED,
)
