"""What Teleport accepts in silence and nobody means: each rule with a code, a harm and a cure.

Sources: lib/services/role.go, lib/utils/replace.go, api/types/role.go and
lib/auth/machineid/machineidv1 in github.com/gravitational/teleport.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provisioner.model import Site
from provisioner.rules import bots, exceptions, machines, matching, roles, servers, tests
from provisioner.rules._base import Finding, Rule

RULES: Final[tuple[Rule, ...]] = (
    *roles.RULES,
    *matching.RULES,
    *exceptions.RULES,
    *bots.RULES,
    *servers.RULES,
    *machines.RULES,
    *tests.RULES,
)


def findings(site: Site) -> Iterator[tuple[Rule, Finding]]:
    """Yield everything that the rules have to say about `site`."""
    for rule in RULES:
        for finding in rule.find(site):
            yield rule, finding


__all__ = ["RULES", "Finding", "Rule", "findings"]
