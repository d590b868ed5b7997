from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from provisioner.tools.lock import diff, read, text
from tests.pins import lock, pin, tool


def codes(content: str) -> list[tuple[str, int, int]]:
    found, problems = read(content.encode(), "tools.lock.yaml")
    assert found is None
    return [(problem.code, p.line, p.column) for problem in problems if (p := problem.at)]


def test_a_lock_comes_back_as_it_was_written() -> None:
    """Every part of a definition, of every server, is read as it was pinned."""
    whole = tool(title="T", outputSchema={"type": "null"}, annotations={"readOnlyHint": True})
    pinned = lock(files=pin(whole, "b"), empty=pin(complete=False))
    again, problems = read(text(pinned).encode(), "tools.lock.yaml")
    assert not problems
    assert again
    assert again.pins == pinned.pins


def test_the_text_depends_on_nothing_but_the_pins() -> None:
    """Neither the order of servers, nor that of tools or keys, is in the file."""
    one, other = tool("a"), tool("b", inputSchema={"properties": {}, "type": "object"})
    turned = tool("b", inputSchema={"type": "object", "properties": {}})
    first = lock(x=pin(one, other), y=pin())
    assert text(first) == text(lock(y=pin(), x=pin(turned, one)))


def test_a_reviewer_sees_what_a_tool_says() -> None:
    """What is invisible or moves the cursor is written as an escape, other scripts are not."""
    says = "Лист \x1b[31m\u202e\u200b\U000e0041\u3164 ok"
    written = text(lock(s=pin(tool(description=says, inputSchema={says: 1}))))
    assert written.count("Лист") == 2
    assert not set(written) & set("\x1b\u202e\u200b\U000e0041\u3164")
    found, _ = read(written.encode(), "lock")
    assert found is not None
    assert found.pins["s"].tools["read_file"].definition["inputSchema"] == {says: 1}


def test_no_number_of_a_schema_is_lost() -> None:
    """Numbers that YAML readers would round, and depths that they refuse, are kept."""
    deep: dict[str, Any] = {"maximum": 2**63 - 1, "default": 1e300, "minimum": -0.5}
    for _ in range(100):
        deep = {"properties": deep}
    pinned = lock(s=pin(tool(inputSchema=deep)))
    again, problems = read(text(pinned).encode(), "lock")
    assert not problems
    assert again
    assert again.pins == pinned.pins


def test_a_hash_is_of_the_whole_definition() -> None:
    """The hash is of the canonical JSON of what MCP says, so that other programs find the same."""
    says = '{"description":"Read.","inputSchema":{"a":1,"b":"é"},"name":"read_file"}'
    known = hashlib.sha256(says.encode()).hexdigest()
    assert tool(inputSchema={"b": "é", "a": 1}).sha256 == known
    assert tool(inputSchema={"b": "é", "a": 1}, annotations={"title": "x"}).sha256 != known


def test_what_is_no_lock_is_refused_where_it_is_not() -> None:
    """Missing and unknown keys and wrong kinds are all told, each at its place."""
    head = "version: 1\nservers:\n  s:\n    complete: 1\n    pinned_at: x\n    more: y\n    tools: {}\n"
    assert codes(head) == [("PV060", 3, 3), ("PV060", 4, 5), ("PV060", 6, 5)]
    assert codes("") == [("PV060", 1, 1)]
    assert codes("version: true\nservers: {}\n") == [("PV060", 1, 1)]
    assert codes("version: 2\nservers: {}\n") == [("PV061", 1, 1)]
    assert codes("version: 1\nversion: 1\nservers: {}\n") == [("PV007", 2, 1)]


def test_an_edited_definition_is_found() -> None:
    """A description changed in the file alone does not have its hash, at the place of the tool."""
    written = text(lock(s=pin("read_file")))
    assert codes(written.replace("Read.", "Delete.")) == [("PV062", 10, 7)]


@pytest.mark.parametrize("schema", ["{", "NaN", "[" * 100_000, "{}\n          {}"])
def test_a_schema_is_json(schema: str) -> None:
    """What is no JSON, or too deep to be read, is refused and nothing is raised."""
    tools = f"{{t: {{sha256: x, input_schema: {json.dumps(schema)}}}}}"
    pinned = f"{{complete: true, source: x, pinned_at: x, tools: {tools}}}"
    found = codes(f"version: 1\nservers: {{s: {pinned}}}\n")
    assert [code for code, *_ in found] == ["PV063"]


def test_drift_says_what_came_went_and_changed() -> None:
    """Tools are compared by name, and of each that differs the parts that do."""
    old = pin("a", "b", "c")
    new = pin(
        tool("b", description="Delete."), tool("c", annotations={}, inputSchema={}), tool("d")
    )
    drift = diff(old, new)
    assert [each.name for each in drift.added] == ["d"]
    assert [each.name for each in drift.removed] == ["a"]
    assert [(each.after.name, each.parts) for each in drift.changed] == [
        ("b", ("description",)),
        ("c", ("input_schema", "annotations")),
    ]
    assert drift
    assert not diff(old, old)


def test_json_tells_apart_what_python_does_not() -> None:
    """1, 1.0 and true are three values of a schema."""
    values = (1, 1.0, True)
    pins = [pin(tool(inputSchema={"default": value})) for value in values]
    drifts = [diff(one, other) for one in pins for other in pins if one is not other]
    assert [[each.parts for each in drift.changed] for drift in drifts] == [[("input_schema",)]] * 6


def test_an_incomplete_reading_proves_no_removal() -> None:
    """What an identity is not shown may be there all the same: that is no drift."""
    drift = diff(pin("a", "b"), pin("a", complete=False))
    assert not drift
    assert [each.name for each in drift.unseen] == ["b"]
