"""Never saw off the branch one sits on: what would take the way in from whoever runs this.

A tool that deletes its own bot, or takes from the roles that let it write, cannot mend what it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from provisioner.change import Change, Op
from provisioner.planning.holdings import roles_of
from provisioner.values import Body


class RunsAs(Struct, frozen=True):
    """Whose credentials the cluster sees: a Teleport user, `bot-NAME` for a bot, and its roles."""

    user: str
    roles: frozenset[str] = frozenset()


def cut_off(changes: Iterable[Change], me: RunsAs) -> Iterator[tuple[Change, str]]:
    """Yield each change that takes something from `me` that it may need, and what that is."""
    for change in changes:
        if loss := _loss(change, me):
            yield change, loss


def _loss(change: Change, me: RunsAs) -> str:
    kind, name = change.key.kind, change.key.name
    if kind == "bot" and f"bot-{name}" == me.user:
        lost = sorted(set(roles_of(change.before)) - set(roles_of(change.after)))
        if change.op is Op.DELETE:
            return "the bot itself"
        return f"its role {', '.join(lost)}" if lost else ""
    if kind == "role" and name in me.roles:
        if change.op is Op.DELETE:
            return "one of its roles"
        return _narrowed(change)
    return ""


def _narrowed(change: Change) -> str:
    """Say what an update of a role takes away of the rules to read and write resources."""
    if _rules(change.before, "allow") - _rules(change.after, "allow"):
        return "rules of one of its roles"
    if _rules(change.after, "deny") - _rules(change.before, "deny"):
        return "what is newly denied by one of its roles"
    return ""


def _rules(form: Body, side: str) -> set[tuple[str, str, str]]:
    rules = form.get("spec", {}).get(side, {}).get("rules", ())
    return {
        (resource, verb, rule.get("where", ""))
        for rule in rules
        for resource in rule.get("resources", ())
        for verb in rule.get("verbs", ())
    }
