from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from provisioner.applying.apply import apply
from provisioner.applying.approval import Approved, require_covered, require_current, uncovered
from provisioner.applying.saved_plan import parse
from provisioner.change import ClusterInfo, Inputs, Plan, TestResult
from provisioner.cluster.port import Scope
from provisioner.cluster.resource import resource
from provisioner.errors import Rejected, Stale
from provisioner.planning import digests
from provisioner.planning.plan import plan
from provisioner.report import plan_json
from tests.bodies import CLUSTER, bot, desired, live, role
from tests.clusters import FaultyCluster

MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
INPUTS = Inputs("a" * 64, "b" * 64, "c" * 64)


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), **how: Any) -> Plan:
    return replace(plan(desired(*wanted), live(*existing), CLUSTER, **how), inputs=INPUTS)


def approval(of: Plan) -> Approved:
    """Return a plan as an approval, by way of its file."""
    return parse(plan_json.as_json(of, MOMENT).encode(), "plan.json")


def app(name: str, uri: str = "mcp+https://h/mcp", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    return {"kind": "app", "version": "v3", "metadata": metadata, "spec": {"uri": uri}}


# --- what it was made of ---------------------------------------------------------------------


def current(site: str = "acme", inputs: Inputs = INPUTS, age: timedelta = DAY) -> None:
    require_current(approval(made(role())), site, inputs, MOMENT + age, DAY)


def test_the_same_inputs() -> None:
    """A plan of this site, as it is now and not older than allowed, is current."""
    current()


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ({"inputs": replace(INPUTS, site="d" * 64)}, "the site, or a file that it includes moved"),
        ({"inputs": replace(INPUTS, templates="d" * 64)}, "the templates moved: sha256 was bbbb"),
        ({"inputs": replace(INPUTS, lock=None)}, "the pinned tools moved: sha256 was cccccccccccc..., is none"),
        ({"site": "other"}, "the plan is for site acme, this is other"),
        ({"age": DAY + timedelta(minutes=61)}, "the plan is 25 h 1 min old, allowed are 24 h 0 min (--max-age)"),
        ({"age": -timedelta(minutes=7)}, "the plan was made 7 min from now: a clock is wrong"),
    ],
)  # fmt: skip
def test_other_inputs(moved: dict[str, Any], said: str) -> None:
    """What moved since the plan was made is named, one by one."""
    with pytest.raises(Stale) as caught:
        current(**moved)
    assert said in caught.value.message
    assert "provision plan -o FILE" in caught.value.hint


def test_everything_that_moved_is_told() -> None:
    """Site and templates and age are told together."""
    with pytest.raises(Stale) as caught:
        current(inputs=Inputs("d" * 64, "e" * 64, "c" * 64), age=2 * DAY)
    assert len(caught.value.message.split("\n")) == 4


def test_clocks_may_differ_a_little() -> None:
    """A runner whose clock is a minute behind is not refused."""
    current(age=-timedelta(minutes=1))


# --- what it would do ------------------------------------------------------------------------


def test_the_same_plan_is_covered() -> None:
    """A plan covers itself."""
    require_covered(made(role(), bot(roles=["dev"])), approval(made(role(), bot(roles=["dev"]))))


def test_less_is_covered() -> None:
    """What is done already need not be done again."""
    approved = approval(made(role(), bot(roles=["dev"])))
    require_covered(made(role(), bot(roles=["dev"]), existing=(role(),)), approved)
    require_covered(made(role(), existing=(role(),)), approved)


def test_a_failed_apply_can_be_run_again() -> None:
    """After an apply that failed half-way, the same approval covers what is left."""
    wanted = (role("a"), role("b"), bot(roles=["a", "b"]))
    first = made(*wanted)
    cluster = FaultyCluster(faults={"role/b": Rejected("not now")})
    list(apply(first, cluster))
    now = [resource(body) for body in cluster.read(Scope(("role", "bot")))]
    second = plan(desired(*wanted), now, CLUSTER)
    assert [str(change.key) for change in second.changes] == ["role/b", "bot/ci"]
    require_covered(second, approval(first))


def test_a_change_that_nobody_approved() -> None:
    """A change of something else is named, with what it would do."""
    approved = approval(made(role()))
    drifted = role("b", allow={"logins": ["x"]})
    now = made(role(), role("b"), role("new"), existing=(drifted,))
    assert uncovered(now, approved) == (
        "not approved: to update role/b (spec.allow.logins)",
        "not approved: to create role/new",
    )


def test_a_change_that_is_another_one_now() -> None:
    """Of a change that moved, both sides are told: what was live, and what is wanted."""
    approved = approval(made(role(allow={"logins": ["a"]}), existing=(role(),)))
    now = made(role(allow={"logins": ["b"]}), existing=(role(allow={"kubernetes_users": ["k"]}),))
    assert uncovered(now, approved) == (
        "role/dev: another change now",
        '    live spec.allow.kubernetes_users: was absent, is ["k"]',
        '    planned spec.allow.logins: was ["a"], is ["b"]',
    )


def test_another_operation_on_the_same() -> None:
    """An approved update is no approval to create."""
    approved = approval(made(role(), existing=(role(allow={"logins": ["a"]}),)))
    assert uncovered(made(role()), approved)[0] == (
        "role/dev: approved was to update it, now it is to create"
    )


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        (role(labels={}, allow={"logins": ["x"]}), "it exists, differs, and is not marked as ours"),
        (role(labels={}), "equal to the site, but not marked as ours"),
    ],
)
def test_what_somebody_else_took(existing: dict[str, Any], said: str) -> None:
    """A resource that is not ours any more is not at its target."""
    (line,) = uncovered(made(role(), existing=(existing,)), approval(made(role())))
    assert line.startswith("role/dev: approved was to create it, now: ")
    assert said in line


def test_another_cluster() -> None:
    """An approval for one cluster is none for another."""
    other = replace(made(role()), cluster=ClusterInfo("prod", "18.8.3"))
    assert uncovered(other, approval(made(role()))) == (
        "the plan is for cluster example, this is prod",
    )


def test_pruning_is_not_covered() -> None:
    """An approval of a plan without pruning is none for one with it, even if it deletes nothing."""
    assert uncovered(made(role(), prune=True), approval(made(role()))) == (
        "the plan is one without pruning, this is one with pruning",
    )


def test_more_access_by_the_same_changes() -> None:
    """A server that appeared since, and that the approved role reaches, is nobody's approval."""
    wanted = (role(), bot(roles=["dev"]))
    approved = approval(made(*wanted, existing=(app("files", env="dev"),)))
    grown = (app("files", env="dev"), app("more", env="dev"), app("web", "https://h", env="dev"))
    lines = uncovered(made(*wanted, existing=grown), approved)
    assert lines == (
        "bot ci would gain more/read_* by role dev, which nobody approved",
        "bot ci would gain more by role dev, which nobody approved",
        "bot ci would also reach app web, which nobody approved",
    )


@pytest.mark.parametrize(
    ("was", "now", "covered"),
    [
        ("passed", "passed", True),
        ("failed", "failed", True),
        ("failed", "passed", True),
        ("passed", "failed", False),
        ("passed", "undecided", False),
        (None, "failed", False),
    ],
)
def test_access_tests(was: Any, now: Any, covered: bool) -> None:
    """A test that passed when the plan was approved, or was not there, has to pass now."""
    then = replace(made(role()), tests=(TestResult("t", was),) if was else ())
    then = replace(then, digest=f"{then.digest[:18]}{digests.approval(then)}")
    lines = uncovered(replace(made(role()), tests=(TestResult("t", now),)), approval(then))
    assert (not lines) is covered
    assert all(line.startswith(f"access test `t` {now}; when approved: ") for line in lines)


def test_long_lists_are_cut() -> None:
    """A plan that has nothing in common with the approved one does not fill the screen."""
    with pytest.raises(Stale) as caught:
        require_covered(made(*(role(f"r{n}") for n in range(100))), approval(made(role())))
    lines = caught.value.message.split("\n")
    assert len(lines) == 42
    assert lines[-1] == "and 60 more lines"


def test_names_stay_on_their_lines() -> None:
    """A name with a line break in it does not look like a line of ours."""
    with pytest.raises(Stale) as caught:
        require_covered(made(role("a\nb")), approval(made(role())))
    assert caught.value.message.split("\n")[1:] == ["not approved: to create role/a\\x0ab"]


# --- the law ---------------------------------------------------------------------------------

tools = st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True)
bodies = st.lists(
    st.builds(
        lambda name, tools: role(name, allow={"mcp": {"tools": tools}}),
        st.sampled_from(["r", "s", "t"]),
        tools,
    ),
    max_size=3,
    unique_by=lambda body: body["metadata"]["name"],
).map(tuple)


@given(bodies, bodies, bodies, bodies, st.booleans(), st.booleans())
def test_an_older_approval_never_approves_a_newer_plan(
    wanted: tuple[Any, ...], existing: tuple[Any, ...], later: tuple[Any, ...],
    found: tuple[Any, ...], pruned: bool, prune: bool,
) -> None:  # fmt: skip
    """Covered is a plan exactly when it is of the same mode and does nothing but what was approved."""
    old, new = (
        made(*wanted, existing=existing, prune=pruned),
        made(*later, existing=found, prune=prune),
    )
    said = [json.dumps([c.op, str(c.key), c.digest]) for c in old.changes]
    covered = all(json.dumps([c.op, str(c.key), c.digest]) in said for c in new.changes)
    assert (not uncovered(new, approval(old))) is (covered and prune is pruned)
