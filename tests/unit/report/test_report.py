from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from provisioner.change import Change, ClusterInfo, Key, Op, Plan
from provisioner.cluster.kinds import PROTECTED_LABEL
from provisioner.errors import Place, Problem, Rejected
from provisioner.events import Done, Event, Note, Progress, Skipped, Started
from provisioner.planning.plan import plan
from provisioner.report import outcome, plan_json, plan_text
from provisioner.text.terminal import ansi, plain
from provisioner.values import Secret
from tests.bodies import CLUSTER, OURS, app, bot, desired, live, role

WILD = "\x1b[31m\u202e\n"
MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), **how: Any) -> Plan:
    return plan(desired(*wanted), live(*existing), CLUSTER, **how)


def text(shown: Plan) -> str:
    return plan_text.text(shown, plain)


def data(shown: Plan) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(plan_json.as_json(shown, MOMENT))
    return document


EVERYTHING = made(
    role(),
    role("eq"),
    role("conflict"),
    bot(roles=["dev"]),
    bot("theirs", roles=["dev"]),
    existing=(
        role(allow={"mcp": {"tools": ["x"]}}),
        role("eq", labels={}),
        role("conflict", labels={}, allow={"logins": ["a"]}),
        role("gone"),
        bot("theirs", labels={}),
        bot("lost", roles=["nowhere"], labels={}),
    ),
)


def test_the_whole_of_a_small_plan() -> None:
    """Title, changes with their places and fields, counts, digest, and the command that applies it."""
    shown = made(role(), existing=(role(allow={"mcp": {"tools": ["a", "read_*"]}}),))
    assert text(shown) == (
        "Plan for site.yaml -> example (Teleport 18.8.3, test)\n"
        "\n"
        "~ role/dev                            site.yaml:1:1\n"
        "    spec.allow.mcp.tools  - a\n"
        "\n"
        "Plan: 1 to update, 0 unchanged.\n"
        f"Digest: {shown.digest}\n"
        f"Apply exactly this: provision apply site.yaml --expect {shown.digest}\n"
    )


def test_no_changes() -> None:
    """A plan without changes says so in two words, and counts its notes."""
    assert text(made(role(), existing=(role(),))).endswith("\n\nNo changes.\n")
    assert "No changes. (1 not ours, 0 unchanged)" in text(
        made(role(), existing=(role(labels={}),))
    )


def test_every_symbol() -> None:
    """Each change and note has the line of its operation, once."""
    lines = text(EVERYTHING).splitlines()
    heads = [" ".join(line.split()[:2]) for line in lines if line[:1] in set("+~-><!?=")]
    assert heads == [
        "~ role/dev",
        "+ bot/ci",
        "> bot/theirs",
        "! role/conflict",
        "! bot/lost",
        "? role/gone",
        "= role/eq",
    ]


def test_conflicts_and_errors_are_the_last_word() -> None:
    """A plan that cannot be applied prints no digest to approve, and says why not."""
    assert "Conflicts: nothing of this can be applied." in text(EVERYTHING)
    wrong = replace(made(role()), problems=(Problem("PV201", "error", "no such role"),))
    assert "error PV201: no such role" in text(wrong)
    assert "Errors: nothing of this can be applied." in text(wrong)
    assert "--expect" not in text(EVERYTHING) + text(wrong)


def test_the_command_repeats_what_matters() -> None:
    """Mode and options that a plan depends on are in the command that applies it, quoted."""
    shown = replace(made(existing=(role(),), prune=True), file="my site.yaml")
    options = ["--cluster", "local:a b"]
    assert (
        f"provision apply 'my site.yaml' --prune --cluster 'local:a b' --expect {shown.digest}"
        in plan_text.text(shown, plain, options)
    )
    assert ", pruning" in text(shown)


def test_what_goes_without_saying() -> None:
    """Kind, name and the mark of the site are not repeated as fields; a protection is."""
    shown = text(made(role(labels={**OURS, PROTECTED_LABEL: "true", "team": "ml"})))
    assert "provisioner/site" not in shown
    assert "metadata.name" not in shown
    assert 'metadata.labels["provisioner/protected"]  + true' in shown


def test_lifted_protection_is_shown() -> None:
    """A change of the protection alone is a change of something."""
    protected = role(labels={**OURS, PROTECTED_LABEL: "true"})
    assert '["provisioner/protected"]  - true' in text(made(role(), existing=(protected,)))


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({}, {"description": ""}, []),
        ({"description": "a"}, {"description": "b"}, ["- a", "+ b"]),
        ({"description": "a"}, {}, ["- a"]),
        ({}, {"description": "a\nb\x1b"}, ["+ a\\x0ab\\x1b"]),
    ],
)
def test_fields(before: dict[str, str], after: dict[str, str], lines: list[str]) -> None:
    """A field shows what it was and what it will be, on one line each."""

    def described(more: dict[str, str]) -> dict[str, Any]:
        base = role(allow={"logins": ["x"]})
        return {**base, "metadata": {**base["metadata"], **more}}

    shown = text(made(described(after), existing=(described(before),)))
    found = [part for part in lines if f" {part}\n" in shown]
    assert found == lines
    assert ("metadata.description" in shown) == bool(lines)


def test_what_runs_on_agents_is_told_apart() -> None:
    """New or changed commands stand in a section of their own, before the changes."""
    mcp = {"command": "docker", "args": ["run", "x\n"], "run_as_host_user": "u"}
    shown = text(made(app(mcp=mcp)))
    section = shown[shown.index("RUNS ON YOUR AGENTS") : shown.index("+ app/files")]
    assert section.splitlines()[1:4] == [
        '  files  mcp.args: ["run","x\\n"]',
        "  files  mcp.command: docker",
        "  files  mcp.run_as_host_user: u",
    ]
    assert "RUNS ON YOUR AGENTS" not in text(made(app(mcp=mcp), existing=(app(mcp=mcp),)))


def test_drift_is_named() -> None:
    """Where an applied hash tells who moved, the reader is told."""
    (change,) = made(role(), existing=(role(allow={"logins": ["x"]}),)).changes
    drifted = replace(made(role()), changes=(replace(change, cause="cluster"),))
    assert "    the cluster moved\n" in text(drifted)


def test_nothing_of_the_cluster_is_believed() -> None:
    """Whatever a cluster or a site is called, no control character reaches the reader."""
    body = role(labels={**OURS, "a": WILD}, allow={"mcp": {"tools": [WILD]}})
    shown = replace(
        made(body),
        cluster=ClusterInfo(WILD, WILD, via=WILD),
        file=WILD,
        problems=(Problem("PV1", "warning", WILD, WILD, Place(WILD)),),
    )
    assert not {"\x1b", "\u202e"} & set(text(shown))
    assert "\x1b[1mPlan\x1b[0m" in plan_text.text(made(role()), ansi)


def test_json() -> None:
    """The JSON plan is versioned and says who made it, of what, when and with what result."""
    document = data(EVERYTHING)
    assert document["format_version"] == "1.1"
    assert document["created_at"] == "2026-11-22T12:30:00+00:00"
    assert document["cluster"] == {
        "name": "example",
        "version": "18.8.3",
        "client": None,
        "taken": None,
        "via": "test",
    }
    assert (document["site"], document["mode"]) == ("acme", "apply")
    assert document["digest"] == EVERYTHING.digest
    assert document["summary"] == {
        "create": 1,
        "update": 1,
        "grant": 1,
        "conflict": 1,
        "dangling": 1,
        "orphan": 1,
        "unowned": 1,
        "drift": 0,
        "pending": 3,
        "unchanged": 0,
        "owned": 2,
    }


def test_a_change_in_json() -> None:
    """A change has its id, action, fields, whole bodies, place and a digest of its own."""
    change = data(EVERYTHING)["changes"][0]
    assert (change["id"], change["action"], change["cause"]) == ("role/dev", "update", "unknown")
    assert change["fields"] == [
        {
            "path": "spec.allow.mcp.tools",
            "before": ["x"],
            "after": ["read_*"],
            "added": ["read_*"],
            "removed": ["x"],
        }
    ]
    assert change["before"]["spec"]["allow"]["mcp"]["tools"] == ["x"]
    assert change["source"] == {"file": "site.yaml", "line": 1, "column": 1}
    assert len(change["digest"]) == 32


def test_digests_of_changes_are_their_own() -> None:
    """Two changes never share a digest, and the same change always has the same."""
    changes = [change["digest"] for change in data(EVERYTHING)["changes"]]
    assert len(set(changes)) == len(changes)
    assert changes == [change["digest"] for change in data(EVERYTHING)["changes"]]


def test_secrets_are_not_in_it() -> None:
    """What a live document holds as a secret is told as one, in text and in JSON."""
    headers = [{"name": "Authorization", "value": Secret("hunter2")}]
    shown = made(app(uri="mcp+https://x/"), existing=(app(rewrite={"headers": headers}),))
    for said in (text(shown), plan_json.as_json(shown, MOMENT)):
        assert "hunter2" not in said
        assert "<secret>" in said


# --- outcomes ------------------------------------------------------------------------------------

CHANGE = made(role()).changes[0]
OTHER = replace(CHANGE, key=Key("role", "b"))
GRANT = made(role(), bot(roles=["dev"]), existing=(role(), bot(labels={}))).changes[0]
REVOKE = made(
    role(),
    bot(roles=["dev"]),
    existing=(role(), role("x"), bot(roles=["x"], labels={})),
    prune=True,
).changes[0]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Done(CHANGE), "+ role/dev  created"),
        (Done(replace(CHANGE, op=Op.UPDATE)), "~ role/dev  updated"),
        (Done(replace(CHANGE, op=Op.DELETE)), "- role/dev  deleted"),
        (Done(GRANT), "> bot/ci  granted dev"),
        (Done(REVOKE), "< bot/ci  granted dev, revoked x"),
        (
            Done(CHANGE, Rejected("no\x1b", hint="mend it")),
            "x role/dev  not created: no\\x1b\n    = mend it",
        ),
        (Skipped(CHANGE, Key("role", "b")), ". role/dev  skipped: role/b was not done"),
        (Note("by the way\x1b"), "by the way\\x1b"),
        (Progress("reading"), None),
        (Started((CHANGE,)), None),
    ],
)
def test_outcomes(event: Event, line: str | None) -> None:
    """Each event is told on a line when it has happened, and not before."""
    assert outcome.line(event, plain) == line


def test_what_an_interrupt_left() -> None:
    """After an interrupt, what was begun is unknown and what was not is not done."""
    third: Change = replace(CHANGE, key=Key("role", "c"))
    events: list[Event] = [Started((CHANGE, OTHER)), Done(CHANGE)]
    assert list(outcome.unfinished((CHANGE, OTHER, third), events)) == [
        ". role/b  unknown: begun, and no answer",
        ". role/c  not done",
    ]


def test_the_summary_counts_every_change() -> None:
    """Made, failed and skipped are counted; what is zero is not said."""
    events: list[Event] = [Done(CHANGE), Done(OTHER, Rejected("no")), Skipped(GRANT, OTHER.key)]
    assert outcome.summary((CHANGE, OTHER, GRANT), events) == (
        "1 of 3 changes made, 1 failed, 1 skipped"
    )
    assert outcome.summary((CHANGE,), events[:1]) == "1 of 1 change made"
