from __future__ import annotations

from typing import Any

import pytest

from provisioner.applying.apply import apply
from provisioner.change import Adoption, Change, Key, Op, Plan
from provisioner.cluster.kinds import APPLIED_LABEL, SITE_LABEL
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.port import Scope, Verb, Write
from provisioner.cluster.resource import resource
from provisioner.errors import Missing, Place, WrongVersion
from provisioner.events import Done
from provisioner.planning.adoption import adoption
from provisioner.planning.desired import Desired
from provisioner.planning.plan import plan
from provisioner.values import Body, thaw
from tests.bodies import CLUSTER, OURS, bot, desired, filled, live, role

KINDS = ("role", "app", "bot", "token")
OLD = {SITE_LABEL: "old"}
OPERATOR = {"teleport.dev/origin": "kubernetes"}
PRESET = {"teleport.internal/resource-type": "preset"}


def site(*bodies: Any) -> Desired:
    return desired(*bodies, kinds=KINDS)


def made(
    *wanted: Any, existing: tuple[Any, ...], names: str = "", from_site: str | None = None
) -> Plan:
    wish = Adoption(tuple(map(Key.of, names.split())), from_site)
    return adoption(site(*wanted), live(*existing), CLUSTER, wish)


def ops(result: Plan) -> list[str]:
    return [f"{line.op.symbol} {line.key}" for line in (*result.changes, *result.notes)]


def only(result: Plan) -> Change:
    (line,) = (*result.changes, *result.notes)
    return line


def token(name: str, its_bot: str, labels: Any = OURS, method: str = "gcp") -> dict[str, Any]:
    block = {"gcp": {"allow": [{"project_ids": ["p"]}]}, "bound_keypair": {}}[method]
    spec = {"roles": ["Bot"], "bot_name": its_bot, "join_method": method, method: block}
    metadata = {"name": name, "labels": dict(labels)}
    return {"kind": "token", "version": "v2", "metadata": metadata, "spec": spec}


# --- what is adopted -------------------------------------------------------------------------


def test_a_role() -> None:
    """A named role is marked as ours, and the label is all that changes."""
    result = made(role(), existing=(filled(role(labels={"team": "x"})),), names="role/dev")
    change = only(result)
    assert (change.op, [field.path for field in change.fields]) == (
        Op.ADOPT,
        ['metadata.labels["provisioner/site"]'],
    )
    assert change.write["metadata"] == {"name": "dev", "labels": {"team": "x", **OURS}}
    assert (result.mode, result.access.rows, result.tests) == ("adopt", (), ())


def test_an_adoption_is_no_pruning() -> None:
    """An adoption deletes nothing, and its report does not say that it prunes."""
    assert made(role(), existing=(role(labels={}), role("gone")), names="role/dev").prune is False


def test_what_differs_is_for_the_next_plan() -> None:
    """Whatever the site says, the live body stays; what will change later is told."""
    existing = role(labels={}, allow={"logins": ["root"], "mcp": {"tools": ["x"]}})
    change = only(made(role(), existing=(existing,), names="role/dev"))
    assert change.write["spec"] == resource(existing).body["spec"]
    assert (
        change.reason
        == "stays as it is; the next plan changes spec.allow.logins, spec.allow.mcp.tools"
    )
    same = only(made(role(), existing=(role(labels={}),), names="role/dev"))
    assert same.reason == "stays as it is: the site says the same"


def test_a_long_list_of_differences() -> None:
    """Of many differences the first few are named."""
    existing = role(labels={}, allow={name: ["x"] for name in ("logins", "a", "b", "c", "d", "e")})
    assert only(made(role(), existing=(existing,), names="role/dev")).reason.endswith("and 1 more")


def test_ours_already() -> None:
    """What is ours needs no adoption, and is counted."""
    result = made(role(), existing=(role(),), names="role/dev")
    assert (ops(result), result.unchanged) == ([], 1)


def test_all_that_the_site_names() -> None:
    """Without names, all of nobody's that the site names is adopted, and nothing else."""
    existing = (
        role("a", labels={}),
        role("b", labels=OLD),
        role("c"),
        role("stranger", labels={}),
        bot("ci", labels={}),
    )
    result = made(role("a"), role("b"), role("c"), role("d"), bot("ci"), existing=existing)
    assert ops(result) == ["@ role/a", "@ bot/ci"]


def test_what_is_refused_is_no_part_of_what_comes_after() -> None:
    """A note about one resource is nothing that is written, whatever is adopted after it."""
    existing = (role(labels=OLD), role("other", labels={}), token("t", "ci", {}), bot(labels={}))
    wanted = (role(), role("other"), bot(), token("t", "ci"))
    result = made(*wanted, existing=existing, names="role/dev role/other bot/ci token/t")
    assert ops(result) == ["@ role/other", "@ bot/ci", "@ token/t", "! role/dev"]


def test_from_another_site() -> None:
    """With --from-site, what that site owns and this one names changes its owner."""
    existing = (role("a", labels=OLD), role("b", labels={}), role("c", labels=OLD))
    result = made(role("a"), role("b"), existing=existing, from_site="old")
    assert ops(result) == ["@ role/a"]
    (field,) = result.changes[0].fields
    assert (field.before, field.after) == ("old", "acme")


def test_adoptions_in_order() -> None:
    """Bots come before the tokens that let machines join as them, whatever is named first."""
    wanted = (token("t", "ci"), bot("ci"), role())
    existing = (role(labels={}), bot("ci", labels={}), token("t", "ci", {}))
    result = made(*wanted, existing=existing, names="token/t bot/ci role/dev")
    assert ops(result) == ["@ role/dev", "@ bot/ci", "@ token/t"]


# --- what is not -----------------------------------------------------------------------------


def test_what_the_site_does_not_name() -> None:
    """A resource that the site does not name would be ours and an orphan: not without naming it."""
    note = only(made(existing=(role(labels={}),), names="role/dev"))
    assert (note.op, note.reason.startswith("the site does not name it")) == (Op.CONFLICT, True)


@pytest.mark.parametrize(
    ("labels", "from_site", "reason"),
    [
        (OLD, None, "it belongs to site old"),
        (OLD, "other", "it belongs to site old"),
        ({}, "old", "it does not belong to site old"),
    ],
)
def test_whose_it_is(labels: dict[str, str], from_site: str | None, reason: str) -> None:
    """What another site owns goes only with its name, and nobody's only without one."""
    result = made(role(), existing=(role(labels=labels),), names="role/dev", from_site=from_site)
    assert (only(result).op, only(result).reason) == (Op.CONFLICT, reason)
    assert "--from-site" in only(result).hint


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (PRESET, "it is a preset of Teleport itself"),
        (OPERATOR, "Teleport's Kubernetes operator manages it"),
        ({"managed-by": "Terraform"}, "Terraform manages it"),
    ],
)
def test_what_others_look_after(labels: dict[str, str], said: str) -> None:
    """What others look after is left alone unless it is named, and then it is said."""
    existing = (role(labels=labels),)
    note = only(made(role(), existing=existing))
    assert (note.op, note.reason) == (Op.UNOWNED, f"{said}: left alone")
    assert note.hint.endswith("provision adopt role/dev")
    change = only(made(role(), existing=existing, names="role/dev"))
    assert (change.op, change.reason.startswith(f"although {said}; ")) == (Op.ADOPT, True)


def app_server(name: str) -> dict[str, Any]:
    app = {"kind": "app", "metadata": {"name": name}}
    return {"kind": "app_server", "version": "v3", "metadata": {"name": name}, "spec": {"app": app}}


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("role/dev", "it is not in the cluster", "`apply` creates it"),
        ("role/gone", "it is not in the cluster", "see `tctl get`"),
        ("role/bot-ci", "it is not in the cluster", "it goes with bot/ci"),
        ("app/static", "it stands in its agent's own configuration", "leave `app:` out"),
    ],
)
def test_what_is_not_there(name: str, said: str, hint: str) -> None:
    """A name that nothing live has is an error, with what can be done."""
    with pytest.raises(Missing, match=said) as caught:
        made(role(), existing=(bot("ci", labels={}), app_server("static")), names=name)
    assert hint in caught.value.hint


def test_tokens_that_remember_a_key() -> None:
    """Writing a bound_keypair token drops the key that it is bound to, so it is not adopted."""
    bound = token("t", "ci", {}, "bound_keypair")
    wanted = (bot("ci"), token("t", "ci", method="bound_keypair"))
    note = only(made(*wanted, existing=(bot("ci"), bound), names="token/t"))
    assert (note.op, "drops the key" in note.reason) == (Op.CONFLICT, True)
    lines = made(*wanted, existing=(bot("ci", labels={}), bound))
    assert [(line.op, str(line.key)) for line in (*lines.changes, *lines.notes)] == [
        (Op.ADOPT, "bot/ci"),
        (Op.UNOWNED, "token/t"),
    ]


def test_a_token_of_a_bot_of_others() -> None:
    """A way in to somebody else's bot is not taken over without the bot."""
    existing = (bot("ci", labels={}), token("t", "ci", {}))
    wanted = (bot("ci"), token("t", "ci"))
    assert only(made(*wanted, existing=existing, names="token/t")).op is Op.CONFLICT


def test_a_copy_that_was_cut_down() -> None:
    """What the cluster shows without all of it cannot be written back whole."""
    existing = role(labels={"teleport.internal/downgraded": "v8"})
    with pytest.raises(WrongVersion):
        made(role(), existing=(existing,), names="role/dev")


# --- on a cluster ----------------------------------------------------------------------------

FOREIGN: tuple[dict[str, Any], ...] = (
    role("v6", labels={}, allow={"kubernetes_labels": {"*": "*"}, "logins": ["root"]}) | {"version": "v6"},
    role("odd", labels={"team": "x"}, options={"max_session_ttl": "1d", "record_session": {"default": "strict"}}),
    bot("ci", ["v6", "odd"], labels={"team": "x"}, max_session_ttl="3600s",
        traits=[{"name": "logins", "values": ["a", "b"]}]),
    {"kind": "app", "version": "v3", "metadata": {"name": "files"},
     "spec": {"uri": "mcp+https://h/mcp", "rewrite": {"headers": [{"name": "k", "value": "hunter2"}]}}},
    token("t", "ci", {}),
)  # fmt: skip
WEB = {
    "uri": "mcp+https://h/mcp",
    "rewrite": {"headers": [{"name": "k", "value": "{{internal.jwt}}"}]},
}
WANTED = (
    role("v6"), role("odd"), bot("ci", ["odd"]), token("t", "ci"),
    {"kind": "app", "version": "v3", "metadata": {"name": "files", "labels": dict(OURS)}, "spec": WEB},
)  # fmt: skip
SCOPE = Scope(KINDS, tokens=frozenset({"t"}))


def populated() -> MemoryCluster:
    """Return a cluster to which somebody gave the foreign resources, filled in and normalised."""
    cluster = MemoryCluster()
    keys = (Key(body["kind"], body["metadata"]["name"]) for body in FOREIGN)
    batch = [Write(Verb.CREATE, key, body) for key, body in zip(keys, FOREIGN, strict=True)]
    assert [outcome.error for outcome in cluster.write(batch)] == [None] * 5
    return cluster


def bodies(cluster: MemoryCluster) -> dict[str, Body]:
    return {str(Key(body["kind"], body["metadata"]["name"])): body for body in cluster.read(SCOPE)}


def unlabelled(body: Body) -> Any:
    """Return a body without our labels, and without what every write makes anew."""
    plain = thaw(body)
    plain["metadata"].pop("revision", None)
    labels = plain["metadata"].pop("labels", {})
    kept = {name: value for name, value in labels.items() if not name.startswith("provisioner/")}
    return plain, kept


def test_nothing_else_changes() -> None:
    """On a cluster that fills in and normalises, adopted resources read back as before but for labels."""
    cluster = populated()
    old = bodies(cluster)
    result = adoption(site(*WANTED), map(resource, old.values()), CLUSTER, Adoption())
    assert ops(result) == ["@ role/odd", "@ role/v6", "@ app/files", "@ bot/ci", "@ token/t"]
    events = [event for event in apply(result, cluster) if isinstance(event, Done)]
    assert [event.error for event in events] == [None] * 5
    new = bodies(cluster)
    assert {key: unlabelled(body) for key, body in new.items()} == {
        key: unlabelled(body) for key, body in old.items()
    }
    for body in new.values():
        assert set(body["metadata"]["labels"]) >= {SITE_LABEL, APPLIED_LABEL}


def test_then_they_plan_as_ours() -> None:
    """After an adoption, what differs is an update of ours that the site, and not the cluster, made."""
    cluster = populated()
    result = adoption(site(*WANTED), map(resource, cluster.read(SCOPE)), CLUSTER, Adoption())
    list(apply(result, cluster))
    found = plan(site(*WANTED), map(resource, cluster.read(SCOPE)), CLUSTER)
    assert all(change.op is Op.UPDATE and change.cause == "site" for change in found.changes)
    assert {str(change.key) for change in found.changes} == {
        "role/v6",
        "role/odd",
        "app/files",
        "bot/ci",
    }
    list(apply(found, cluster))
    assert plan(site(*WANTED), map(resource, cluster.read(SCOPE)), CLUSTER).changes == ()


def test_what_the_site_expects_does_not_matter() -> None:
    """Neither missing external roles nor servers elsewhere keep anybody from adopting."""
    at = Place("site.yaml", 7)
    wanted = desired(role(), external_roles={"gone": at})
    result = adoption(wanted, live(role(labels={})), CLUSTER, Adoption())
    assert (result.problems, ops(result)) == ((), ["@ role/dev"])


def test_digests() -> None:
    """An adoption is another plan than an apply, and than an adoption of something else."""
    existing = (role("a", labels={}), role("b", labels={}))
    wanted = (role("a"), role("b"))
    digests = {
        made(*wanted, existing=existing).digest,
        made(*wanted, existing=existing, names="role/a").digest,
        made(*wanted, existing=existing, names="role/b").digest,
        plan(site(*wanted), live(*existing), CLUSTER).digest,
    }
    assert len(digests) == 4


def test_a_bot_in_the_older_spelling() -> None:
    """What tctl before 18.2.3 prints cannot be written as it is: it is written as it must be."""
    existing = bot("ci", labels={}, max_session_ttl={"seconds": 5400})
    change = only(made(bot("ci"), existing=(existing,), names="bot/ci"))
    assert change.write["spec"]["max_session_ttl"] == "5400s"
