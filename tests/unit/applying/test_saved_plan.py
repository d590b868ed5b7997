from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from provisioner.applying.approval import Approved
from provisioner.applying.saved_plan import parse
from provisioner.change import Inputs, Key, Op, Plan
from provisioner.errors import FileError
from provisioner.planning import digests, plan_format
from provisioner.planning.plan import plan
from provisioner.report import plan_json
from provisioner.values import Plain
from tests.bodies import CLUSTER, bot, desired, live, role
from tests.conftest import ROOT

MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
INPUTS = Inputs("a" * 64, "b" * 64, None)


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), **how: Any) -> Plan:
    return replace(plan(desired(*wanted), live(*existing), CLUSTER, **how), inputs=INPUTS)


def written(shown: Plan) -> dict[str, Any]:
    """Return a plan as its file has it."""
    document: dict[str, Any] = json.loads(plan_json.as_json(shown, MOMENT))
    return document


def read(document: Plain) -> Approved:
    return parse(json.dumps(document).encode(), "plan.json")


PLAN = made(
    role(),
    bot(roles=["dev"]),
    bot("theirs", roles=["dev"]),
    existing=(role(allow={"mcp": {"tools": ["x"]}}), bot("theirs", labels={}), role("gone")),
)
DOCUMENT = written(PLAN)


def with_change(**says: Plain) -> dict[str, Any]:
    return {**DOCUMENT, "changes": [{**DOCUMENT["changes"][0], **says}]}


def test_what_is_written_is_what_is_read() -> None:
    """A plan file approves the changes of the plan, by their digests, for its cluster and inputs."""
    approved = read(DOCUMENT)
    assert (approved.site, approved.file, approved.cluster) == ("acme", "site.yaml", "example")
    assert (approved.inputs, approved.created_at, approved.digest) == (INPUTS, MOMENT, PLAN.digest)
    assert {key: each.digest for key, each in approved.changes.items()} == {
        str(change.key): change.digest for change in PLAN.changes
    }
    assert approved.changes["role/dev"].before == PLAN.changes[0].before
    assert approved.gained == {row for row in PLAN.access.rows if row.gained}


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("only", [(), (Key("role", "dev"),)])
def test_the_mode_is_kept(prune: bool, only: tuple[Key, ...]) -> None:
    """Whether it prunes, and which part of the site it is of, is part of a plan."""
    approved = read(written(made(role(), existing=(role("b"),), prune=prune, only=only)))
    assert (approved.prune, approved.only) == (prune, only)


def test_a_later_minor_is_read() -> None:
    """Keys that a later release of the same major adds are no concern of this one."""
    later = {
        **DOCUMENT,
        "format_version": "1.9",
        "more": 1,
        "summary": {**DOCUMENT["summary"], "x": []},
    }
    assert read(later).digest == PLAN.digest


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.1"])
def test_another_major_is_refused(version: str) -> None:
    """What another major means, nobody here knows."""
    with pytest.raises(FileError, match="of another release") as caught:
        read({**DOCUMENT, "format_version": version})
    assert "with the release of provision that made it" in caught.value.hint


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in DOCUMENT.items() if key != name}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "not a plan: it has no format_version"),
        ({}, "not a plan: it has no format_version"),
        ({"format_version": 1}, "not a plan"),
        ({"format_version": "1.x"}, "$.format_version: this is no version"),
        (without("changes"), "$.changes: is missing"),
        ({**DOCUMENT, "inputs": None}, "$.inputs: expected a mapping"),
        ({**DOCUMENT, "changes": {}}, "$.changes: expected a list"),
        ({**DOCUMENT, "digest": "abc"}, "$.digest: this is no digest of a plan"),
        ({**DOCUMENT, "site": 5}, "$.site: expected text"),
        ({**DOCUMENT, "mode": "destroy"}, "$.mode: expected 'apply'"),
        ({**DOCUMENT, "created_at": "yesterday"}, "'yesterday' is not a time"),
        ({**DOCUMENT, "created_at": "2026-99-99T00:00:00Z"}, "plan.json: month must be in 1..12"),
        (with_change(action="conflict"), "$.changes[0].action: expected 'create'"),
        (with_change(before=["x"]), "$.changes[0].before: expected a mapping"),
        (with_change(digest="../.."), "$.changes[0].digest: this is no digest of a change"),
        ({**DOCUMENT, "tests": [5] * 9}, "plan.json: and 4 more"),
    ],
)
def test_what_is_no_plan(document: Plain, problem: str) -> None:
    """Whatever is wrong is named by its path in the file, with the cure."""
    with pytest.raises(FileError) as caught:
        read(document)
    assert problem in caught.value.message
    assert caught.value.message.startswith("plan.json: ")
    assert caught.value.hint == "make it again: provision plan -o FILE"


def edited() -> Iterator[Any]:
    """Yield plan files that somebody has changed by hand where a digest covers it."""
    row = DOCUMENT["access"]
    yield {**DOCUMENT, "cluster": {**DOCUMENT["cluster"], "name": "other"}}
    yield {**DOCUMENT, "site": "other"}
    yield {**DOCUMENT, "mode": "prune"}
    yield {**DOCUMENT, "changes": DOCUMENT["changes"][1:]}
    yield {**DOCUMENT, "changes": [*DOCUMENT["changes"], DOCUMENT["changes"][0]]}
    first, *others = DOCUMENT["changes"]
    yield {**DOCUMENT, "changes": [{**first, "digest": "0" * 32}, *others]}
    yield {**DOCUMENT, "changes": [{**first, "after": {}}, *others]}
    yield {**DOCUMENT, "changes": [{**first, "action": "delete"}, *others]}
    yield {**DOCUMENT, "changes": [{**first, "id": "role/other"}, *others]}
    gained = {"bot": "b", "server": "s", "kind": "tool", "name": "t", "role": "", "pattern": "", "why": ""}  # fmt: skip
    yield {**DOCUMENT, "access": {**row, "gained": [*row["gained"], gained]}}
    yield {**DOCUMENT, "access": {**row, "other_apps": [{"bot": "b", "app": "a"}]}}
    yield {**DOCUMENT, "tests": [{"name": "n", "state": "failed", "reasons": [], "was_failing": True, "source": None}]}  # fmt: skip


@pytest.mark.parametrize("document", list(edited()))
def test_an_edited_plan(document: Plain) -> None:
    """What a reviewer reads in the file is what its digest approves, or it is refused."""
    with pytest.raises(FileError, match="the file was edited"):
        read(document)


def test_one_change_twice() -> None:
    """Not even a digest made for it lets one resource be changed twice."""
    twice = replace(PLAN, changes=(PLAN.changes[0], PLAN.changes[0]))
    with pytest.raises(FileError, match="'role/dev' is there twice"):
        read(written(replace(twice, digest=f"{'0' * 8}-{'0' * 8}-{digests.approval(twice)}")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(sorted(DOCUMENT)), json_values)
def test_any_value_anywhere(name: str, value: Plain) -> None:
    """Whatever stands at a key, the plan is read or refused with the name of its file."""
    said = "plan.json"
    try:
        read({**DOCUMENT, name: value})
    except FileError as error:
        said = error.message
    assert said.startswith("plan.json")


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """No bytes lead to anything but an error that names the file."""
    with pytest.raises(FileError, match=r"^plan\.json"):
        parse(data, "plan.json")


# --- the schema ------------------------------------------------------------------------------


def closed(part: Plain) -> Plain:
    """Return a schema that allows no key but those it names, to find what it forgets to name."""
    if isinstance(part, dict):
        more = {"additionalProperties": False} if "properties" in part else {}
        return {**{key: closed(value) for key, value in part.items()}, **more}
    return [closed(item) for item in part] if isinstance(part, list) else part


SCHEMA = plan_format.schema()
CHECKER = jsonschema.Draft202012Validator(SCHEMA)
EXACT = jsonschema.Draft202012Validator(closed(SCHEMA))
GOLDEN = sorted((ROOT / "tests" / "golden").rglob("plan.json"))


def test_the_schema_is_one() -> None:
    """The schema of plan files is a schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert CHECKER.is_valid(DOCUMENT)
    assert not CHECKER.is_valid({**DOCUMENT, "format_version": "2.0"})
    assert len(GOLDEN) >= 5


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: str(path.parent.name))
def test_golden_plans(path: Any) -> None:
    """Each recorded plan is what the schema says, key by key, and can be read as an approval."""
    document = json.loads(path.read_text())
    EXACT.validate(document)
    assert len(read(document).changes) == len(document["changes"])


def test_every_operation_is_in_the_schema() -> None:
    """An operation that a plan can hold is one that its format names."""
    line = "Note", "Change"
    named = {
        each for name in line for each in SCHEMA["$defs"][name]["properties"]["action"]["enum"]
    }
    assert named == {op.value for op in Op}
    assert set(SCHEMA["$defs"]["Summary"]["properties"]) == named | {
        "drift",
        "pending",
        "unchanged",
        "owned",
    }
