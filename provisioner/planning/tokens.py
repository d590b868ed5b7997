"""What must not happen to a join token, whatever the site says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from provisioner.change import Change, Key, Op
from provisioner.cluster.resource import Resource
from provisioner.values import EMPTY, Body

_DROPPED: Final = "give the join another name, or once it may be dropped: tctl rm {}"


def allowed(change: Change, known: Mapping[Key, Resource], site: str) -> Change:
    """Return a change of a token as it is, or as the conflict that it would be.

    A bot of somebody else gets no way in from us. A bound_keypair token remembers the key that it
    is bound to, and writing it again forgets the key: the bot could not join any more.
    """
    if change.op is Op.UNOWNED and _is_bound(change.after or change.before):
        return replace(change, hint=_DROPPED.format(change.key))
    if change.op.is_note:
        return change
    spec = change.after["spec"]
    bot = known.get(Key("bot", spec.get("bot_name", "")))
    if bot is not None and bot.owner != site:
        return _conflict(
            change,
            f"{bot.key} is not ours, and a token lets a machine join as it",
            f"provision adopt {bot.key}, or remove join from it",
        )
    if change.op in (Op.UPDATE, Op.ADOPT) and _is_bound(change.after):
        return _conflict(
            change,
            "writing a bound_keypair token again drops the key it is bound to",
            _DROPPED.format(change.key),
        )
    return change


def _is_bound(body: Body) -> bool:
    return bool((body.get("spec") or EMPTY).get("join_method") == "bound_keypair")


def _conflict(change: Change, reason: str, hint: str) -> Change:
    return replace(change, op=Op.CONFLICT, reason=reason, hint=hint)
