"""Taking over what already lives in a cluster: it is marked as ours, and nothing else about it changes.

What is written is the live document with the label of the site, whatever the site says of it;
differences are for the next plan. So an adoption can be made before the site is right in every
detail, and makes nobody lose anything.

What Teleport itself, its operator or Terraform looks after is left alone unless it is named: it
would be changed back, or changed under us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from provisioner.change import Adoption, Change, ClusterInfo, Key, Op, Plan
from provisioner.cluster.kinds import SITE_LABEL
from provisioner.cluster.resource import Resource, resource, with_label
from provisioner.cluster.teleport import writable
from provisioner.errors import Missing
from provisioner.planning.compare import compare, differences, manager
from provisioner.planning.desired import Desired
from provisioner.planning.plan import finished, frame, require_whole
from provisioner.planning.state import State, outcome, state
from provisioner.planning.tokens import allowed
from provisioner.values import Body, freeze

_SHOWN: Final = 5
_IN_THE_SITE: Final = "write it into the site first"


def adoption(
    desired: Desired, live: Iterable[Resource], cluster: ClusterInfo, wish: Adoption
) -> Plan:
    """Return the plan that marks what `wish` names as belonging to the site.

    What the site takes for granted of the cluster is not asked for, for nothing of it is changed.
    Raises Missing for a name that is not live, and WrongVersion for a copy that was downgraded for
    an older tctl.
    """
    before = state(live)
    known = before.known
    wanted = {each.key: each for each in desired.resources}
    keys = wish.keys or tuple(key for key in sorted(wanted) if _is_meant(known.get(key), wish))
    _require_live(keys, before, wanted)
    require_whole(keys, known)
    tokens = [key for key in keys if key.kind == "token"]
    found: list[Change] = []
    for key in keys:
        if key.kind != "token":
            found += _adopted(key, wanted.get(key), known, desired.site, wish)
    # Whether a token may be ours hangs on its bot, which may have become so.
    after = outcome(before, [change for change in found if change.op is Op.ADOPT])
    for key in tokens:
        found += _adopted(key, wanted.get(key), after.known, desired.site, wish)
    bare = replace(desired, tests=(), external_roles={}, servers={}, exceptions={})
    begun = replace(frame(desired, cluster), adoption=wish)
    return replace(finished(begun, bare, before, found), unchanged=len(keys) - len(found))


def _is_meant(live: Resource | None, wish: Adoption) -> bool:
    """Whether a resource that nobody named is to be taken over: that of a site, or of nobody."""
    return live is not None and live.owner == wish.from_site


def _require_live(keys: Iterable[Key], live: State, wanted: Collection[Key]) -> None:
    for key in keys:
        if key in live.known:
            continue
        if key.kind == "app" and key.name in live.served:
            reason = "it stands in its agent's own configuration, and is no resource of the cluster"
            raise Missing(f"{key} cannot be adopted: {reason}", hint="leave `app:` out of the site")
        bot = key.name.removeprefix("bot-")
        hint = "see `tctl get` for what there is"
        if Key("bot", bot) in live.known:
            hint = f"it goes with bot/{bot}"
        elif key in wanted:
            hint = "`apply` creates it"
        raise Missing(f"{key} cannot be adopted: it is not in the cluster", hint=hint)


def _adopted(
    key: Key, wanted: Resource | None, known: Mapping[Key, Resource], site: str, wish: Adoption
) -> Iterator[Change]:
    """Yield the adoption of one live resource, or the note why not; nothing if it is ours."""
    live = known[key]
    if live.owner == site:
        return
    if wanted is None:
        reason = "the site does not name it: it would be ours, and gone with the next --prune"
        yield Change(Op.CONFLICT, key, before=live.form, reason=reason, hint=_IN_THE_SITE)
    elif live.owner != wish.from_site:
        yield _of_another(wanted, live, wish)
    elif (other := manager(live)) and not wish.keys:
        hint = f"if it shall be yours all the same: provision adopt {key}"
        yield Change(Op.UNOWNED, key, at=wanted.at, reason=f"{other}: left alone", hint=hint)
    else:
        change = _adopt(wanted, live, site, other)
        if key.kind == "token":
            change = allowed(change, known, site)
        if change.op is Op.CONFLICT and not wish.keys:  # nobody asked for this one
            change = replace(change, op=Op.UNOWNED)
        yield change


def _of_another(wanted: Resource, live: Resource, wish: Adoption) -> Change:
    if live.owner is None:
        reason, hint = (
            f"it does not belong to site {wish.from_site}",
            "adopt it without --from-site",
        )
    else:
        reason, hint = f"it belongs to site {live.owner}", f"--from-site {live.owner}"
    return Change(Op.CONFLICT, live.key, before=live.form, at=wanted.at, reason=reason, hint=hint)


def _adopt(wanted: Resource, live: Resource, site: str, other: str) -> Change:
    ours = resource(with_label(live.body, SITE_LABEL, site))
    written = with_label(_writable(live.as_read), SITE_LABEL, site)
    said = [f"although {other}"] if other else []
    return Change(
        Op.ADOPT,
        live.key,
        before=live.form,
        after=ours.form,
        write=written,
        live=live.as_read,
        fields=differences(live.key.kind, live.form, ours.form),
        at=wanted.at,
        cause="site",
        reason="; ".join([*said, _next(compare(wanted, ours, site))]),
    )


def _next(change: Change | None) -> str:
    """Say what the site will change about a resource once it is ours."""
    if change is None:
        return "stays as it is: the site says the same"
    paths = [field.path for field in change.fields]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"stays as it is; the next plan changes {', '.join(paths[:_SHOWN])}{more}"


def _writable(body: Body) -> Body:
    """Return a live document without what the server writes by itself, as it can be written."""
    body = writable(body) if body["kind"] == "bot" else body
    metadata = {
        name: value for name, value in body["metadata"].items() if name not in ("revision", "id")
    }
    kept = {name: value for name, value in body.items() if name != "status"}
    result: Body = freeze({**kept, "metadata": metadata})
    return result
