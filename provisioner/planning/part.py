"""A part of a plan: what somebody asked for by name, and what that needs to be made.

A bot needs the roles that it gains, a token its bot, and a role goes only after the bots that let go
of it. Nothing else comes along: a role that is changed does not take the bots that hold it with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

from msgspec.structs import replace

from provisioner.change import Change, Key, Op
from provisioner.errors import Missing
from provisioner.planning.holdings import roles_of


def part(found: Iterable[Change], only: Collection[Key]) -> list[Change]:
    """Return the changes and notes that `only` asks for, and the changes that they need.

    What came along says for whom.
    """
    lines = tuple(found)
    changes = {change.key: change for change in lines if not change.op.is_note}
    reached: dict[Key, Key | None] = dict.fromkeys(only)
    queue = [key for key in only if key in changes]
    while queue:
        key = queue.pop()
        for need in _needs(changes[key], changes):
            if need not in reached:
                reached[need] = key
                queue.append(need)
    return [_for(line, reached[line.key]) for line in lines if line.key in reached]


def require_known(only: Iterable[Key], known: Collection[Key]) -> None:
    """Raise Missing for a name that is neither in the site nor in the cluster."""
    for key in only:
        if key not in known:
            close = get_close_matches(str(key), map(str, known), 1)
            raise Missing(
                f"--only {key}: there is nothing of this name, in the site or in the cluster",
                hint=f"did you mean {close[0]}?"
                if close
                else "name it as the plan does: KIND/NAME",
            )


def _needs(change: Change, changes: Mapping[Key, Change]) -> Iterator[Key]:
    kind = change.key.kind
    if kind == "bot" and change.op is not Op.DELETE:
        yield from _created([Key("role", name) for name in roles_of(change.after)], changes)
    if kind == "token" and change.op is not Op.DELETE:
        yield from _created([Key("bot", change.after.get("spec", {}).get("bot_name", ""))], changes)
    if kind == "role" and change.op is Op.DELETE:
        for key, other in changes.items():
            let_go = set(roles_of(other.before)) - set(roles_of(other.after))
            if key.kind == "bot" and change.key.name in let_go:
                yield key


def _created(keys: Iterable[Key], changes: Mapping[Key, Change]) -> Iterator[Key]:
    return (key for key in keys if key in changes and changes[key].op is Op.CREATE)


def _for(change: Change, other: Key | None) -> Change:
    return replace(change, reason=change.reason or f"needed by {other}") if other else change
