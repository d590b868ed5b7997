"""What must not happen to a join token, whatever the site says."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from provisioner.change import Change, Key, Op
from provisioner.cluster.resource import Resource


def allowed(change: Change, known: Mapping[Key, Resource], site: str) -> Change:
    """Return a change of a token as it is, or as the conflict that it would be.

    A bot of somebody else gets no way in from us. A bound_keypair token remembers the key that it
    is bound to, and writing it again forgets the key: the bot could not join any more.
    """
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
    if change.op in (Op.UPDATE, Op.ADOPT) and spec.get("join_method") == "bound_keypair":
        return _conflict(
            change,
            "writing a bound_keypair token again drops the key it is bound to",
            f"give the join another name, or once it may be dropped: tctl rm {change.key}",
        )
    return change


def _conflict(change: Change, reason: str, hint: str) -> Change:
    return replace(change, op=Op.CONFLICT, reason=reason, hint=hint)
