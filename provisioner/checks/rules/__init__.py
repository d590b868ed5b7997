"""What Teleport accepts in silence and nobody means: each rule with a code, a harm and a cure.

Sources: lib/services/role.go, lib/utils/replace.go, api/types/role.go and
lib/auth/machineid/machineidv1 in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from provisioner.checks.rules import (
    bots,
    elsewhere,
    exceptions,
    joins,
    machines,
    matching,
    raw,
    reach,
    roles,
    servers,
    tests,
)
from provisioner.checks.rules._base import Finding, Rule
from provisioner.checks.rules._ground import Ground, Writers, ground, writers
from provisioner.site.model import Site

Found = tuple[Rule[Any], Finding]

RULES: Final[tuple[Rule[Site], ...]] = (
    *roles.RULES,
    *matching.RULES,
    *exceptions.RULES,
    *bots.RULES,
    *servers.RULES,
    *machines.RULES,
    *joins.RULES,
    *raw.RULES,
    *tests.RULES,
)
"""What can be said of a site as it is read."""

REACH: Final[tuple[Rule[Ground], ...]] = reach.RULES
"""What can be said of a site without errors, once it is rendered."""

ELSEWHERE: Final[tuple[Rule[object], ...]] = elsewhere.RULES
"""What plans say of a site and a cluster, and access tests of a world."""


def findings(site: Site) -> Iterator[Found]:
    """Yield everything that the rules have to say about `site`."""
    for rule in RULES:
        for finding in rule.find(site):
            yield rule, finding


def reach_findings(on: Ground) -> Iterator[Found]:
    """Yield everything that the rules have to say about where roles and bots get to."""
    for rule in REACH:
        for finding in rule.find(on):
            yield rule, finding


__all__ = [
    "ELSEWHERE",
    "REACH",
    "RULES",
    "Finding",
    "Found",
    "Ground",
    "Rule",
    "Writers",
    "findings",
    "ground",
    "reach_findings",
    "writers",
]
