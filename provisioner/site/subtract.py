"""`except_tools`: a safe exception, worked out to a list of literal names.

Teleport's own deny is global: it takes a tool away on every server. So the exception is made where
the role is written: what `tools` matches on the servers that the role reaches, less the exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from provisioner.rbac.patterns import LabelSelector, PatternError, compile_pattern
from provisioner.site.model import Role, Server


def reached(role: Role, servers: Mapping[str, Server]) -> tuple[str, ...]:
    """Return the servers of the site whose labels the role matches."""
    matches = matcher(role)
    return tuple(name for name, server in servers.items() if matches(server.labels))


def matcher(role: Role) -> Callable[[Mapping[str, str]], bool]:
    """Return what says whether the role's app_labels match; a broken value matches nothing."""
    try:
        selector = LabelSelector.of(role.app_labels)
    except PatternError:
        return lambda _: False
    return partial(_matches, selector)


def _matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    try:
        return selector.match(labels).matched
    except PatternError:
        return False


def remaining(role: Role, servers: Mapping[str, Server]) -> tuple[str, ...]:
    """Return the literal tools that the role allows, sorted; without exceptions, as written."""
    if not role.except_tools:
        return role.tools
    known = {tool for name in reached(role, servers) for tool in servers[name].tools or ()}
    return tuple(sorted(_matched(known, role.tools) - _matched(known, role.except_tools)))


def _matched(names: Iterable[str], texts: Iterable[str]) -> set[str]:
    patterns = [compile_pattern(text) for text in texts]
    return {name for name in names if any(pattern.matches(name) for pattern in patterns)}
