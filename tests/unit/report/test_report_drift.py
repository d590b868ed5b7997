from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import ClusterInfo, Plan
from provisioner.cluster.kinds import APPLIED_LABEL, SITE_LABEL
from provisioner.cluster.resource import applied_hash, resource, with_label
from provisioner.errors import Place, Problem
from provisioner.planning.plan import plan
from provisioner.report import drift, plan_json
from provisioner.text.terminal import plain
from provisioner.values import thaw
from tests.bodies import CLUSTER, bot, desired, live, role

MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
WILD = "\x1b[31m`\u202e\n@team #1 <img>"


def applied(body: dict[str, Any], **moved: Any) -> dict[str, Any]:
    """Return a role as an apply left it, and as somebody changed it since."""
    stamped = with_label(body, APPLIED_LABEL, applied_hash(resource(body).form))
    return {**stamped, "spec": {**stamped["spec"], **moved}}


def made(*wanted: dict[str, Any], existing: tuple[Any, ...] = ()) -> Plan:
    return plan(desired(*wanted), live(*existing), CLUSTER)


MOVED = {"deny": {"logins": ["x"]}}
NEW = role("both", allow={"mcp": {"tools": ["new"]}})
DRIFTED = made(
    role("drifted"), NEW, role("later"), role("same"), bot("ci", roles=["same"]),
    existing=(
        applied(role("drifted"), **MOVED),
        applied(role("both"), **MOVED),
        applied(role("later", allow={"mcp": {"tools": ["old"]}})),
        applied(role("same")),
    ),
)  # fmt: skip
PENDING = made(role())
IN_SYNC = made(role(), existing=(applied(role()),))


def test_text() -> None:
    """What drifted is shown in full, with what an apply would put back; the rest is counted."""
    assert drift.text(DRIFTED, plain) == (
        "Drift of example (Teleport 18.8.3, test) from site.yaml\n"
        "\n"
        "~ role/both                           site.yaml:2:1\n"
        "    site and cluster moved\n"
        "    spec.allow.mcp.tools  - read_*\n"
        "                          + new\n"
        '    spec.deny.logins      - ["x"]\n'
        "~ role/drifted                        site.yaml:1:1\n"
        "    the cluster moved\n"
        '    spec.deny.logins  - ["x"]\n'
        "\n"
        "Drift in 2 resources, 2 changes pending.\n"
    )


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (DRIFTED, "acme on example: drift in 2 resources (role/both, role/drifted), 2 changes pending"),
        (PENDING, "acme on example: no drift, 1 change pending"),
        (IN_SYNC, "acme on example: no drift"),
    ],
)  # fmt: skip
def test_line(shown: Plan, line: str) -> None:
    """One line says whether there is drift, in what, and how much is pending."""
    assert drift.line(shown) == line


def test_a_long_line_is_cut() -> None:
    """A notification names a few of many, and counts all."""
    roles = [role(f"r{n}") for n in range(9)]
    shown = made(*roles, existing=tuple(applied(body, **MOVED) for body in roles))
    assert drift.line(shown).endswith(
        "drift in 9 resources (role/r0, role/r1, role/r2, role/r3, role/r4 and 4 more)"
    )


def test_json() -> None:
    """Drift and what is pending stand apart, each entry as in a plan, each counted."""
    document = plan_json.drift_document(DRIFTED, MOMENT)
    assert [each["id"] for each in document["drift"]] == ["role/both", "role/drifted"]
    assert [each["cause"] for each in document["drift"]] == ["both", "cluster"]
    assert [each["id"] for each in document["pending"]] == ["role/later", "bot/ci"]
    assert document["summary"] == {
        "drift": 2,
        "pending": 2,
        "conflicts": 0,
        "unchanged": 1,
        "owned": 4,
    }
    assert document["created_at"] == "2026-11-22T12:30:00+00:00"
    whole = json.loads(plan_json.as_json(DRIFTED, MOMENT))
    assert (whole["summary"]["drift"], whole["summary"]["pending"]) == (2, 2)
    assert whole["changes"][0].items() >= document["drift"][0].items()


def test_markdown() -> None:
    """A comment has the verdict as its title, names what drifted, and collapses the differences."""
    shown = drift.markdown(DRIFTED)
    assert shown.startswith("### `acme` on `example` \N{MIDDLE DOT} drift in 2 resources\n\n")
    assert "\n- `role/both` the site moved as well\n- `role/drifted`\n\n" in shown
    assert "\nDrift in 2 resources, 2 changes pending.\n" in shown
    assert "<details><summary>differences</summary>" in shown
    assert drift.markdown(IN_SYNC) == (
        "### `acme` on `example` \N{MIDDLE DOT} no drift\n\nNo drift.\n"
    )


def test_markdown_has_its_limit() -> None:
    """What a forge would not take is cut, and it says so; counts and names come first."""
    roles = [role(f"r{n}") for n in range(2000)]
    long = made(*roles, existing=tuple(applied(body, **MOVED) for body in roles))
    shown = drift.markdown(long)
    assert len(shown) < 61_000
    assert "drift in 2000 resources" in shown
    assert "The differences are left out" in shown
    huge = [role(f"{n:>0200}") for n in range(1000)]
    cut = drift.markdown(made(*huge, existing=tuple(applied(body, **MOVED) for body in huge)))
    assert len(cut) < 61_000
    assert cut.endswith("\n\nCut here.\n")


@pytest.mark.parametrize("kept", [role(), role(allow={"logins": ["x"]})])
def test_a_lost_label_is_drift(kept: dict[str, Any]) -> None:
    """What we applied once, and what is nobody's now, somebody has taken from us."""
    lost = applied(kept)
    labels = {APPLIED_LABEL: lost["metadata"]["labels"][APPLIED_LABEL]}
    existing = {**lost, "metadata": {**lost["metadata"], "labels": labels}}
    shown = made(role(), existing=(existing,))
    assert drift.line(shown) == "acme on example: drift in 1 resource (role/dev)"
    never_ours = {**existing, "metadata": {"name": "dev"}}
    assert drift.line(made(role(), existing=(never_ours,))).startswith("acme on example: no drift")


def test_what_is_another_sites_now_is_counted() -> None:
    """Where another site took a resource over, no drift is not all that is said."""
    theirs = thaw(with_label(applied(role()), SITE_LABEL, "platform"))
    shown = made(role(), existing=(theirs,))
    assert drift.line(shown) == "acme on example: no drift, 1 in conflict"
    assert drift.text(shown, plain).endswith("\nNo drift, 1 in conflict.\n")
    assert drift.markdown(shown).endswith("\nNo drift, 1 in conflict.\n")
    assert plan_json.drift_document(shown, MOMENT)["summary"]["conflicts"] == 1


def test_nothing_of_the_cluster_is_believed() -> None:
    """Whatever anything is called, it stays on its line, and neither links nor mentions anybody."""
    body = role(f"r{WILD}")
    shown = replace(
        made(body, existing=(applied(body, **MOVED),)),
        cluster=ClusterInfo(WILD, WILD, via=WILD),
        site=WILD,
        file=WILD,
        problems=(Problem("PV1", "warning", WILD, WILD, Place(WILD)),),
    )
    for told in (drift.text(shown, plain), drift.line(shown), drift.markdown(shown)):
        assert not {"\x1b", "\u202e"} & set(told)
    assert "\n" not in drift.line(shown)
    outside = drift.markdown(shown).split("<details>")[0]
    assert all(line.count("``") for line in outside.splitlines() if "@team" in line)
