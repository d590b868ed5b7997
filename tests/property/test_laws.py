"""The laws that hold whatever the site and whatever the cluster."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from msgspec.structs import replace

from provisioner import workflow
from provisioner.applying.apply import apply
from provisioner.change import Op, Plan
from provisioner.cluster.memory import MemoryCluster
from provisioner.cluster.snapshot import parse, take
from provisioner.events import Done, Skipped
from provisioner.planning.holdings import roles_of
from provisioner.planning.plan import stage
from provisioner.planning.reduction import reduced
from provisioner.report import plan_json, plan_text
from provisioner.text import diagnostics
from provisioner.text.terminal import plain
from provisioner.workflow import Prepared
from tests.property.strategies import as_yaml, clusters, sites, spoiled, told
from tests.sites import HEAD, TEMPLATES

MOMENT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where each example writes its site."""
    return tmp_path_factory.mktemp("laws") / "site.yaml"


def prepare(path: Path, site: Any) -> Prepared:
    path.write_text(as_yaml(site))
    return workflow.prepare(path, TEMPLATES)


def planned(prepared: Prepared, cluster: MemoryCluster, *, prune: bool) -> Plan:
    return workflow.make_plan(prepared, cluster, prune=prune)


def conflicts(plan: Plan) -> bool:
    return any(note.op is Op.CONFLICT for note in plan.notes)


# --- snapshots ---------------------------------------------------------------------------------


@given(sites(), clusters(), st.booleans())
def test_a_reduced_snapshot_gives_the_same_plan(
    path: Path, site: Any, cluster: MemoryCluster, prune: bool
) -> None:
    """What is left of a cluster for a site gives the plan, word for word, that the cluster gives."""
    prepared = prepare(path, site)
    scope = workflow.scope(prepared, prune=prune)
    taken = reduced(take(cluster, now=MOMENT, scope=scope), scope)
    recorded = parse(json.dumps(taken).encode(), "live.json")
    one = planned(prepared, cluster, prune=prune)
    two = workflow.make_plan(prepared, recorded, prune=prune)
    event("changes" if one.changes else "no changes")
    assert plan_text.text(replace(two, cluster=one.cluster), plain) == plan_text.text(one, plain)
    assert two.digest == one.digest


# --- bad input ---------------------------------------------------------------------------------


def judged(path: Path) -> None:
    """Check a file in every format: no exception, no other file, and no silence."""
    checked = workflow.check(path)
    assert (checked.site is not None) is not any(p.severity == "error" for p in checked.problems)
    for said in (
        diagnostics.text(checked.problems, plain),
        diagnostics.as_json(checked.problems),
        diagnostics.github(checked.problems),
    ):
        said.encode()
    assert [each.name for each in path.parent.iterdir()] == ["site.yaml"]


@given(data=st.binary(max_size=200))
def test_any_bytes(path: Path, data: bytes) -> None:
    """Any bytes as a site are judged, raise nothing and write nothing."""
    path.write_bytes(data)
    judged(path)


@given(site=spoiled())
def test_any_value_anywhere(path: Path, site: Any) -> None:
    """A site with any value in any place is judged, raises nothing and writes nothing."""
    path.write_text(as_yaml(site))
    judged(path)


@given(site=sites(), at=st.floats(0, 1), cut=st.integers(0, 8), put=st.binary(max_size=4))
def test_any_slip_of_the_hand(path: Path, site: Any, at: float, cut: int, put: bytes) -> None:
    """A site with a few bytes lost and others in their place is judged like any other."""
    data = json.dumps(site, indent=1).encode()
    start = int(at * len(data))
    path.write_bytes(data[:start] + put + data[start + cut :])
    judged(path)


@given(site=sites())
def test_random_sites_are_sound(path: Path, site: Any) -> None:
    """The sites that these laws are tried with have no errors, so that the laws are tried."""
    path.write_text(as_yaml(site))
    assert workflow.check(path).site is not None


@given(
    secret=st.text("abcdef0123456789", min_size=8, max_size=20),
    shape=st.sampled_from(
        (
            "[{name: A, value: %s}]",
            "[{value: %s}]",
            "{A: %s}",
            "%s",
            "[%s]",
            "[{name: A, vale: %s}]",
            "[{name: A, value: [%s, x]}]",
            "[{name: A, value: {b: %s}}]",
        )
    ),
    other=st.sampled_from(("", ", tool: 1", ", labels: 5", ", labels: {provisioner/x: y}")),
)
def test_no_secret_in_any_message(path: Path, secret: str, shape: str, other: str) -> None:
    """Whatever is wrong with a header, and beside it, its value is told to nobody."""
    headers = shape % f"Bearer s{secret}"
    rest = f"mcp_servers: {{a: {{app: {{uri: 'mcp+https://x/', headers: {headers}}}{other}}}}}"
    path.write_text(HEAD + rest)
    found = workflow.check(path).problems
    assert found
    assert secret not in diagnostics.text(found, plain) + diagnostics.as_json(found)


# --- rendering ---------------------------------------------------------------------------------


def said(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from said(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from said(item)


@given(site=sites())
def test_rendering_loses_nothing(path: Path, site: Any) -> None:
    """Descriptions, labels, tools and traits come back from the templates as they were written."""
    bodies = {
        (each.key.kind, each.key.name): each.body for each in prepare(path, site).rendered.resources
    }
    for name, role in site.get("roles", {}).items():
        body = bodies["role", name]
        assert list(body["spec"].get("allow", {}).get("mcp", {}).get("tools", ())) == (
            role.get("tools", [])
        )
        assert body["metadata"].get("description", "") == role.get("description", "")
        assert role.get("labels", {}).items() <= body["metadata"]["labels"].items()
    for name, bot in site.get("bots", {}).items():
        traits = {
            each["name"]: list(each["values"])
            for each in bodies["bot", name]["spec"].get("traits", ())
        }
        assert traits == bot.get("traits", {})


# --- planning and applying ---------------------------------------------------------------------


@given(site=sites())
def test_equal_is_equal(path: Path, site: Any) -> None:
    """A cluster that holds exactly what the site renders needs nothing: plan(x, x) is empty."""
    prepared = prepare(path, site)
    cluster = MemoryCluster()
    made = planned(prepared, cluster, prune=False)
    assert len(made.changes) == len(prepared.rendered.resources)
    for happened in apply(made, cluster):
        assert not isinstance(happened, Skipped)
        assert not isinstance(happened, Done) or happened.error is None
    assert told(planned(prepared, cluster, prune=True)) == []


@given(site=sites(), cluster=clusters(), prune=st.booleans())
def test_applying_a_plan_is_enough(
    path: Path, site: Any, cluster: MemoryCluster, prune: bool
) -> None:
    """plan(d, apply(plan(d, l), l)) has no changes, and what it promised the cluster took."""
    prepared = prepare(path, site)
    made = planned(prepared, cluster, prune=prune)
    assume(not conflicts(made))
    event("changes" if made.changes else "nothing")
    outcomes = list(apply(made, cluster))
    assert [each.error for each in outcomes if isinstance(each, Done)] == [None] * len(made.changes)
    again = planned(prepared, cluster, prune=prune)
    assert again.changes == ()
    assert not conflicts(again)


@given(first=sites(), second=sites(), cluster=clusters())
def test_one_site_after_the_other(
    path: Path, first: Any, second: Any, cluster: MemoryCluster
) -> None:
    """A site that replaces another leaves, with --prune, nothing of ours that it does not name."""
    for site in (first, {"roles": {}, "bots": {}, "mcp_servers": {}, **second}):
        prepared = prepare(path, site)
        made = planned(prepared, cluster, prune=True)
        assume(not conflicts(made))
        assert all(each.error is None for each in apply(made, cluster) if isinstance(each, Done))
    assert not {note.op for note in planned(prepared, cluster, prune=False).notes} & {Op.ORPHAN}


@given(site=sites(), cluster=clusters(), prune=st.booleans())
def test_others_are_left_alone(path: Path, site: Any, cluster: MemoryCluster, prune: bool) -> None:
    """Only what carries our label is updated or deleted; of other bots only roles of ours move."""
    prepared = prepare(path, site)
    for change in planned(prepared, cluster, prune=prune).changes:
        owner = change.before.get("metadata", {}).get("labels", {}).get("provisioner/site")
        if change.op in (Op.UPDATE, Op.DELETE):
            assert owner == "acme"
        elif change.op in (Op.GRANT, Op.REVOKE):
            assert owner is None
            assert {field.path for field in change.fields} == {"spec.roles"}
        else:
            assert not change.before
        assert prune or change.op not in (Op.DELETE, Op.REVOKE)


@given(site=sites(), cluster=clusters())
def test_nothing_comes_before_what_it_needs(path: Path, site: Any, cluster: MemoryCluster) -> None:
    """Roles come before the bots that gain them, bots before tokens; what is held goes last."""
    changes = planned(prepare(path, site), cluster, prune=True).changes
    order = {(change.op is Op.DELETE, str(change.key)): n for n, change in enumerate(changes)}
    born = {c.key.name for c in changes if c.op is Op.CREATE and c.key.kind == "bot"}
    for at, change in enumerate(changes):
        if change.key.kind == "bot":
            before, after = (set(roles_of(form)) for form in (change.before, change.after))
            for name in after - before:
                assert order.get((False, f"role/{name}"), -1) < at
            for name in before - after:
                assert order.get((True, f"role/{name}"), len(changes)) > at
        if change.key.kind == "token" and change.op is not Op.DELETE:
            owner = change.after["spec"]["bot_name"]
            assert owner not in born or order[False, f"bot/{owner}"] < at


@given(site=sites())
def test_deleting_runs_backwards(path: Path, site: Any) -> None:
    """Kinds are deleted in the reverse of the order in which they are created."""
    prepared, cluster = prepare(path, site), MemoryCluster()
    created = planned(prepared, cluster, prune=True).changes
    list(apply(planned(prepared, cluster, prune=True), cluster))
    empty = {**site, "roles": {}, "bots": {}, "mcp_servers": {}}
    deleted = planned(prepare(path, empty), cluster, prune=True).changes
    assert {change.op for change in deleted} <= {Op.DELETE}
    kinds = [list(dict.fromkeys(change.key.kind for change in each)) for each in (created, deleted)]
    assert kinds[0] == kinds[1][::-1]
    assert sorted(map(stage, deleted)) == [stage(change) for change in deleted]


# --- digests and reports -----------------------------------------------------------------------


def content(plan: Plan) -> Any:
    """Return what an approval of a plan approves."""
    rows = [(change.op, change.key, change.before, change.after) for change in plan.changes]
    return plan.site, plan.cluster.name, plan.prune, rows, plan.access.rows


@given(
    site=sites(),
    cluster=clusters(),
    other=clusters(),
    prunes=st.tuples(st.booleans(), st.booleans()),
)
def test_digests_are_equal_iff_plans_are(
    path: Path, site: Any, cluster: MemoryCluster, other: MemoryCluster, prunes: tuple[bool, bool]
) -> None:
    """The last part of two digests is equal exactly when the plans do the same."""
    prepared = prepare(path, site)
    one = planned(prepared, cluster, prune=prunes[0])
    two = planned(prepared, other, prune=prunes[1])
    same = content(one) == content(two)
    assert (one.digest.split("-")[2] == two.digest.split("-")[2]) is same
    assert one.digest == planned(prepared, cluster, prune=prunes[0]).digest


@given(site=sites(), cluster=clusters(), prune=st.booleans(), random=st.randoms())
def test_the_order_of_documents_does_not_count(
    path: Path, site: Any, cluster: MemoryCluster, prune: bool, random: Random
) -> None:
    """A cluster lists its documents in no order: in any, the plan is the same, word for word."""
    prepared = prepare(path, site)
    taken = take(cluster, now=MOMENT, scope=workflow.scope(prepared, prune=prune))
    plans = []
    for _ in range(2):
        recorded = parse(json.dumps(taken).encode(), "live.json")
        plans.append(workflow.make_plan(prepared, recorded, prune=prune))
        for bodies in taken["documents"].values():
            random.shuffle(bodies)
    assert plans[0].digest == plans[1].digest
    assert plan_text.text(plans[0], plain) == plan_text.text(plans[1], plain)


@given(site=sites(), cluster=clusters(), prune=st.booleans())
def test_every_change_once(path: Path, site: Any, cluster: MemoryCluster, prune: bool) -> None:
    """Each change and each note stands exactly once in every report, and is counted once."""
    plan = planned(prepare(path, site), cluster, prune=prune)
    lines = plan_text.text(plan, plain).splitlines()
    heads = Counter(
        " ".join(line.split()[:2]) for line in lines if line[:1] in set("+~-><!?=") and "/" in line
    )
    assert heads == Counter(told(plan))
    document = json.loads(plan_json.as_json(plan, MOMENT))
    entries = [*document["changes"], *document["notes"]]
    assert [entry["id"] for entry in entries] == [line.split()[1] for line in told(plan)]
    counted = {name: n for name, n in document["summary"].items() if name in set(Op)}
    assert counted == Counter(entry["action"] for entry in entries)
