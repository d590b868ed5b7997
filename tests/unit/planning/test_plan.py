from __future__ import annotations

from typing import Any

import pytest

from provisioner.change import Op, Plan
from provisioner.cluster.resource import Resource, applied_hash, resource, with_label
from provisioner.errors import Place, WrongVersion
from provisioner.planning.compare import carried
from provisioner.planning.desired import Declared, Desired, Excepting
from provisioner.planning.plan import plan, stage
from tests.bodies import CLUSTER, app, bot, desired, filled, live, role, token


def made(wanted: Desired, *existing: dict[str, Any], prune: bool = False) -> Plan:
    return plan(wanted, live(*existing), CLUSTER, prune=prune)


def ops(result: Plan) -> list[str]:
    """Return a plan as a reader sees it: symbol and key of each line."""
    return [f"{line.op.symbol} {line.key}" for line in (*result.changes, *result.notes)]


def applied(body: dict[str, Any]) -> dict[str, Any]:
    stamped = with_label(body, "provisioner/applied", applied_hash(resource(body).form))
    return dict(stamped)


def test_nothing_live_means_create() -> None:
    """What does not exist is created, roles before the bots that hold them."""
    assert ops(made(desired(bot(roles=["dev"]), role()))) == ["+ role/dev", "+ bot/ci"]


def test_equal_means_nothing() -> None:
    """A cluster that is as the site says gives an empty plan, server defaults and all."""
    result = made(desired(role(), bot(roles=["dev"])), filled(role()), bot(roles=["dev"]))
    assert (ops(result), result.unchanged) == ([], 2)


def test_a_removed_block_is_an_update() -> None:
    """What is live and no longer in the site is taken away."""
    result = made(desired(role()), filled(role(deny={"mcp": {"tools": ["x"]}})))
    (change,) = result.changes
    assert [(field.path, field.removed) for field in change.fields] == [
        ("spec.deny.mcp.tools", ("x",))
    ]


def test_lists_of_patterns_differ_as_sets() -> None:
    """A change of tools says which were added and which were removed."""
    result = made(
        desired(role(allow={"mcp": {"tools": ["b", "c"]}})),
        role(allow={"mcp": {"tools": ["a", "b"]}}),
    )
    (field,) = result.changes[0].fields
    assert (field.path, field.added, field.removed) == ("spec.allow.mcp.tools", ("c",), ("a",))


def test_unknown_live_options_are_carried() -> None:
    """An update keeps an option that neither the site nor this tool knows: -f replaces wholesale."""
    existing = filled(role(allow={"mcp": {"tools": ["x"]}}, options={"brand_new": 7}))
    (change,) = made(desired(role()), existing).changes
    assert change.write["spec"]["options"] == {"brand_new": 7}
    assert change.after["spec"]["options"] == {"brand_new": 7}


def test_carried_options_stand_beside_those_of_the_site() -> None:
    """What the site says of an option counts, whatever is carried over beside it."""
    existing = filled(role(options={"brand_new": 7, "max_session_ttl": "1h0m0s"}))
    (change,) = made(desired(role(options={"max_session_ttl": "8h"})), existing).changes
    assert change.write["spec"]["options"] == {"brand_new": 7, "max_session_ttl": "8h"}


def test_an_option_that_only_the_site_knows_is_the_sites() -> None:
    """An option that this tool does not know is not carried over where the site says it itself."""
    wanted, existing = role(options={"brand_new": 9}), filled(role(options={"brand_new": 7}))
    (change,) = made(desired(wanted), existing).changes
    assert change.write["spec"]["options"] == {"brand_new": 9}
    assert carried(resource(wanted), resource(existing)) == {}


@pytest.mark.parametrize("body", [bot(), {**role(), "spec": None}])
def test_without_options_nothing_is_carried(body: dict[str, Any]) -> None:
    """A kind that has no options, and a role of which Go writes null, carry nothing."""
    assert carried(resource(body), resource(body)) == {}


def test_unlabelled_and_equal_is_left_alone() -> None:
    """An equal role without our label is a note, not a change."""
    assert ops(made(desired(role()), filled(role(labels={})))) == ["= role/dev"]


def test_unlabelled_and_different_is_a_conflict() -> None:
    """A different role without our label is somebody else's."""
    result = made(desired(role()), filled(role(labels={}, allow={"logins": ["root"]})))
    (note,) = result.notes
    assert (note.op, note.hint) == (Op.CONFLICT, "provision adopt role/dev")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"provisioner/site": "other"}, "it belongs to site other"),
        ({"teleport.internal/resource-type": "preset"}, "it is a preset of Teleport itself"),
        ({"teleport.dev/origin": "kubernetes"}, "Teleport's Kubernetes operator manages it"),
    ],
)
def test_a_conflict_says_whose_it_is(labels: dict[str, str], reason: str) -> None:
    """The owner of what stands in the way is named, where it can be known."""
    (note,) = made(desired(role()), role(labels=labels, allow={"logins": ["x"]})).notes
    assert note.reason == reason


def test_ours_and_not_in_the_site_is_an_orphan() -> None:
    """Without --prune an orphan is a note; with it, it is deleted."""
    assert ops(made(desired(), role())) == ["? role/dev"]
    assert ops(made(desired(), role(), prune=True)) == ["- role/dev"]


def test_what_is_out_of_scope_is_no_orphan() -> None:
    """A collection that the site leaves out is not looked at."""
    assert ops(made(desired(kinds=("bot",)), role(), prune=True)) == []


def test_other_sites_are_left_alone() -> None:
    """What belongs to another site is never an orphan of ours."""
    assert ops(made(desired(), role(labels={"provisioner/site": "other"}), prune=True)) == []


def test_a_foreign_bot_is_granted_roles() -> None:
    """Of a bot that is not ours only the roles are applied, added to those it has."""
    result = made(
        desired(role(), bot(roles=["dev"])), bot(roles=["old"], labels={}), role("old", labels={})
    )
    assert ops(result) == ["+ role/dev", "> bot/ci"]
    assert result.changes[1].fields[0].added == ("dev",)


def test_a_foreign_bot_with_the_roles_needs_nothing() -> None:
    """A foreign bot that holds its roles already is unchanged, whatever else it has."""
    existing = bot(roles=["dev", "old"], labels={"team": "x"}, max_session_ttl="60s")
    result = made(desired(role(), bot(roles=["dev"])), existing, role(), role("old", labels={}))
    assert (ops(result), result.unchanged) == ([], 2)


def test_more_than_roles_of_a_foreign_bot_is_a_conflict() -> None:
    """Traits that the site states for a bot of somebody else cannot be applied, so it says so."""
    wanted = bot(traits=[{"name": "mcp_tools", "values": ["a"]}])
    (note,) = made(desired(wanted), bot(labels={})).notes
    assert note.op is Op.CONFLICT
    assert "spec.traits.mcp_tools" in note.reason


def test_an_orphaned_grant() -> None:
    """A role of ours on a foreign bot that the site does not grant is noted, and pruned on request."""
    existing = (role(), bot(roles=["dev", "old"], labels={}), role("old", labels={}))
    assert ops(made(desired(role()), *existing)) == ["? bot/ci"]
    pruned = made(desired(role()), *existing, prune=True)
    assert ops(pruned) == ["< bot/ci"]
    assert pruned.changes[0].after["spec"]["roles"] == ("old",)


def test_a_foreign_bot_is_written_once() -> None:
    """A grant and a revocation on one bot are one change."""
    existing = (role(), role("new"), bot(roles=["dev"], labels={}))
    result = made(desired(role(), role("new"), bot(roles=["new"])), *existing, prune=True)
    assert ops(result) == ["< bot/ci"]
    assert result.changes[0].after["spec"]["roles"] == ("new",)


def test_bots_of_other_sites_keep_their_roles() -> None:
    """A role of ours on a bot of another site was given there: it is not ours to take."""
    theirs = bot(roles=["dev"], labels={"provisioner/site": "other"})
    assert ops(made(desired(role()), role(), theirs, prune=True)) == []


def test_a_grant_to_a_bot_of_another_site_is_a_conflict() -> None:
    """The other site holds the whole set of its bot's roles and would take the grant away again."""
    theirs = bot(labels={"provisioner/site": "other"})
    (note,) = made(desired(role(), bot(roles=["dev"])), role(), theirs).notes
    assert (note.op, "site other" in note.reason) == (Op.CONFLICT, True)


def test_an_owned_bot_holds_exactly_its_roles() -> None:
    """The roles of our own bot are the whole set: others are taken away, after all else."""
    result = made(
        desired(role(), bot(roles=["dev"])), bot(roles=["dev", "x"]), role("x", labels={}), role()
    )
    assert ops(result) == ["~ bot/ci"]
    assert stage(result.changes[0]) == 4


def test_a_held_role_is_not_deleted() -> None:
    """A role that a bot still names cannot go: one missing role fails all of its certificates."""
    existing = (role(), bot(roles=["dev"], labels={}))
    result = made(desired(kinds=("role",)), *existing, prune=True)
    assert "bot ci still names it" in result.notes[0].reason


def test_deletes_come_last_and_backwards() -> None:
    """Bots lose roles before the roles go; bots go before their roles."""
    existing = (role("gone"), role(), bot("gone", roles=["gone"]), bot(roles=["dev", "gone"]))
    result = made(desired(role(), bot(roles=["dev"])), *existing, prune=True)
    assert ops(result) == ["~ bot/ci", "- bot/gone", "- role/gone"]


def test_dangling_roles_are_always_shown() -> None:
    """A live bot that names a missing role is in every plan, ours or not."""
    result = made(desired(), bot("x", roles=["nowhere"], labels={}))
    assert ops(result) == ["! bot/x"]
    assert result.notes[0].op is Op.DANGLING


def test_a_role_of_this_plan_is_not_dangling() -> None:
    """A bot that names a role which the plan creates is mended by it."""
    result = made(desired(role(), bot(roles=["dev"])), bot(roles=["dev"], labels={}))
    assert ops(result) == ["+ role/dev"]


def test_a_grant_that_tctl_would_refuse_is_a_conflict() -> None:
    """tctl refuses to update a bot with any missing role, so the plan does not promise it."""
    result = made(desired(role(), bot(roles=["dev"])), bot(roles=["nowhere"], labels={}))
    assert [note.op for note in result.notes] == [Op.CONFLICT, Op.DANGLING]


@pytest.mark.parametrize(
    ("site_moved", "cluster_moved", "cause"),
    [(True, False, "site"), (False, True, "cluster"), (True, True, "both")],
)
def test_who_moved(site_moved: bool, cluster_moved: bool, cause: str) -> None:
    """The applied hash tells a change of the site from drift of the cluster."""
    base = applied(role())
    existing = (
        {**base, "spec": {**base["spec"], "deny": {"logins": ["x"]}}} if cluster_moved else base
    )
    wanted = role(allow={"mcp": {"tools": ["new"]}}) if site_moved else role()
    (change,) = made(desired(wanted), existing).changes
    assert change.cause == cause


def test_external_roles_must_be_live() -> None:
    """A role that the site takes for granted and that is not there is an error at its place."""
    at = Place("site.yaml", 7)
    (problem,) = made(desired(external_roles={"tf-audit": at})).problems
    assert (problem.code, problem.at) == ("PV201", at)


def app_server(name: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {"uri": "mcp+stdio://"}
    app = {"kind": "app", "metadata": {"name": name, "labels": labels}, "spec": spec}
    return {"kind": "app_server", "metadata": {"name": name}, "spec": {"app": app}}


@pytest.mark.parametrize(
    ("existing", "codes"),
    [
        ([], ["PV202"]),
        ([app_server("files", {"env": "prod"})], ["PV203"]),
        ([{**app_server("files", {}), "spec": {"app": {}}}], ["PV203"]),
        ([app_server("files", {"env": "dev", "teleport.dev/origin": "dynamic"})], []),
    ],
)
def test_declared_servers_must_be_live(existing: list[dict[str, Any]], codes: list[str]) -> None:
    """A server that nobody serves, or that has other labels than declared, is an error."""
    servers = {"files": Declared({"env": "dev"}, Place("site.yaml", 3))}
    result = made(desired(servers=servers), *existing)
    assert [problem.code for problem in result.problems] == codes


def test_servers_with_different_labels() -> None:
    """Agents that serve one name differently are a warning, whoever registers it, in any order."""
    servers = {"files": Declared(None, Place("site.yaml", 3))}
    split = app_server("files", {"env": "dev"}), app_server("files", {"env": "prod"})
    alike = app_server("files", {"env": "dev"}), app_server("files", {"env": "dev"})
    (problem,) = made(desired(servers=servers), *split).problems
    assert (problem.code, problem.severity, problem.at) == (
        "PV207",
        "warning",
        Place("site.yaml", 3),
    )
    assert problem.message.endswith("different labels: env: dev; or env: prod")
    assert made(desired(servers=servers), *alike).problems == ()
    assert made(desired(servers={}), *split).problems == ()
    assert (
        made(desired(servers=servers), *split).digest
        == made(desired(servers=servers), *split[::-1]).digest
    )
    many = [app_server("files", {"host": f"h{number}"}) for number in range(9)]
    (problem,) = made(desired(servers=servers), *many).problems
    assert problem.message.endswith("host: h0; or host: h1; or host: h2; and 6 more")
    ours = app("files", labels={"env": "dev"})
    (problem,) = made(desired(ours), ours, app_server("files", {"env": "prod"})).problems
    assert problem.code == "PV207"


@pytest.mark.parametrize(
    ("labels", "codes"), [({"env": "dev"}, ["PV207"]), ({"env": "x"}, ["PV203", "PV207"])]
)
def test_declared_labels_of_one_agent(labels: dict[str, str], codes: list[str]) -> None:
    """Where one of several agents has the labels that the site declares, these are not wrong."""
    servers = {"files": Declared(labels, Place("site.yaml", 3))}
    web = app_server("files", {"env": "web"})
    web["spec"]["app"]["spec"] = {"uri": "http://web"}
    for some in ([{"env": "dev"}, {"env": "prod"}], [{"env": "prod"}, {"env": "dev"}]):
        found = made(desired(servers=servers), web, *(app_server("files", each) for each in some))
        assert [problem.code for problem in found.problems] == codes
    alone = made(desired(servers=servers), web, app_server("files", labels))
    assert alone.problems == ()


def test_unknown_tools_are_told_once() -> None:
    """A role with exceptions that reaches a server of unknown tools is told of it once."""
    everywhere = {"dev": Excepting(lambda _labels: True, Place("site.yaml", 5))}
    servers = (app_server("files", {"env": env}) for env in ("dev", "prod"))
    (problem,) = made(desired(exceptions=everywhere), *servers).problems
    assert problem.code == "PV204"


def test_access_counts_traits() -> None:
    """A role that takes its tools from a trait gives a bot those that it has."""
    wanted = desired(
        role("dev", allow={"mcp": {"tools": ["{{internal.mcp_tools}}"]}}),
        bot("ci", roles=["dev"], traits={"mcp_tools": ["read_*"]}),
        tools={"files": ("read_x", "drop")},
    )
    rows = made(wanted, app_server("files", {"env": "dev"})).access.rows
    assert [row.name for row in rows if row.kind == "tool"] == ["read_x"]


def test_access_counts_what_any_agent_lets_through() -> None:
    """Where agents serve one name with different labels, a tool that one of them opens is gained."""
    wanted = desired(role("dev"), bot("ci", roles=["dev"]), tools={"files": ("read_x",)})
    servers = app_server("files", {"env": "dev"}), app_server("files", {"env": "none"})
    for some in (servers, servers[::-1]):
        rows = made(wanted, *some).access.rows
        assert [(row.server, row.name) for row in rows if row.kind == "tool"] == [
            ("files", "read_x")
        ]


def test_a_foreign_bot_ends_no_plan() -> None:
    """What the site says after a bot of somebody else is planned as what it says before."""
    wanted = desired(role(), bot("first", roles=["dev"]), bot("second", roles=["dev"]))
    result = made(wanted, role(), bot("first", roles=["dev"], labels={}))
    assert ops(result) == ["+ bot/second"]


def test_what_an_agent_serves_already_is_not_registered() -> None:
    """A server that an agent serves from its own file is a conflict, not a second one of its name."""
    result = made(desired(app("files")), app_server("files", {"env": "dev"}))
    (note,) = result.notes
    assert (result.changes, note.op, str(note.key)) == ((), Op.CONFLICT, "app/files")
    assert made(desired(role("files")), app_server("files", {})).notes == ()


def test_a_token_for_a_bot_of_somebody_else_is_a_conflict() -> None:
    """No machine is let in as a bot that is not ours."""
    wanted = desired(bot(roles=[]), token("t", "ci"), kinds=("bot", "token"))
    (note,) = made(wanted, bot(labels={})).notes
    assert (note.op, str(note.key)) == (Op.CONFLICT, "token/t")


def test_downgraded_copies_stop_the_plan() -> None:
    """Writing back a copy made for an older tctl would lose what it does not show."""
    with pytest.raises(WrongVersion, match="role/dev"):
        made(desired(role()), role(labels={"teleport.internal/downgraded": "v8"}))


def test_same_inputs_same_digest() -> None:
    """The digest depends on what is desired and live, not on order or revisions."""
    one = made(desired(role(), role("b")), filled(role("b", allow={"logins": ["x"]})))
    two = made(desired(role("b"), role()), role("b", allow={"logins": ["x"]}))
    assert one.digest == two.digest


@pytest.mark.parametrize(
    ("wanted", "existing", "moved"),
    [
        (role(allow={"mcp": {"tools": ["y"]}}), role(allow={"logins": ["a"]}), [True, False, True]),
        (role(), role(allow={"logins": ["b"]}), [False, True, True]),
    ],
)
def test_the_digest_says_who_moved(
    wanted: dict[str, Any], existing: dict[str, Any], moved: list[bool]
) -> None:
    """The parts of a digest change with the site, with the cluster, and with the plan."""
    approved = made(desired(role()), role(allow={"logins": ["a"]})).digest.split("-")
    now = made(desired(wanted), existing).digest.split("-")
    assert [one != two for one, two in zip(approved, now, strict=True)] == moved


def test_pruning_is_in_the_digest() -> None:
    """An approval of a plan that deletes nothing never approves one that does."""
    assert made(desired()).digest != made(desired(), prune=True).digest


def test_resources_compute_their_form_once() -> None:
    """The canonical form is a property of the resource, not work for each who asks."""
    one = Resource(resource(role()).key, resource(role()).body)
    assert one.form is one.form
