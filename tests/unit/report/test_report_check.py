from __future__ import annotations

import json
from typing import Any, Final
from xml.etree.ElementTree import Element, XMLPullParser

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from provisioner.change import TestResult
from provisioner.errors import Place, Problem
from provisioner.report import check_junit, check_sarif
from tests.published import published

AT = Place("sites/a b.yaml", 3, 5, 8)
ERROR = Problem("PV130", "error", "bot ci names role x", "add it", AT, (Place("b.yaml", 1, 2, 4),))
WARNING = Problem("PV102", "warning", "role dev opens every app", at=Place("/srv/site.yaml", 1, 1))
MORE = Problem("PV323", "info", "and 3 more like the last of these")
PASSED = TestResult("reads", "passed", at=AT)
FAILED = TestResult("nobody <deletes>", "failed", ("bot a: x", "bot b: y"), AT)
UNDECIDED = TestResult("unknown", "undecided", ("the server's tools are not known",))


SARIF: Final = published("sarif-2.1.0.json")
"""The schema of the standard itself: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""


def sarif(*problems: Problem) -> dict[str, Any]:
    """Return the one run of a SARIF document that is as the standard wants it."""
    document = json.loads(check_sarif.text(problems, "site.yaml"))
    jsonschema.validate(document, SARIF)
    run: dict[str, Any] = document["runs"][0]
    return run


def test_the_schema_of_the_standard_is_in_force() -> None:
    """What the standard does not know is refused by the schema that SARIF is held to here."""
    document = json.loads(check_sarif.text([ERROR], "site.yaml"))
    document["runs"][0]["results"][0]["severity"] = "bad"
    with pytest.raises(jsonschema.ValidationError, match="severity"):
        jsonschema.validate(document, SARIF)


def test_sarif() -> None:
    """Each problem is a result that refers to its rule, with its place and what belongs to it."""
    run = sarif(WARNING, ERROR, ERROR)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["PV102", "PV130"]
    assert rules[0]["defaultConfiguration"] == {"level": "warning"}
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    last = run["results"][2]
    assert (last["level"], last["message"]["text"]) == ("error", "bot ci names role x\nadd it")
    (at,) = last["locations"]
    assert at["physicalLocation"]["artifactLocation"]["uri"] == "sites/a%20b.yaml"
    assert at["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5, "endColumn": 8}
    assert last["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.yaml"


def test_sarif_of_nothing() -> None:
    """A site without problems is a run without results, which clears what was reported before."""
    assert sarif()["results"] == []


def test_sarif_without_a_place() -> None:
    """What has no place is about the whole site; codes that are no rules have only their id."""
    result = sarif(MORE)["results"][0]
    assert result["level"] == "note"
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "site.yaml"}}}]
    assert sarif(Problem("PV001", "error", "m"))["tool"]["driver"]["rules"] == [{"id": "PV001"}]
    absolute = sarif(WARNING)["results"][0]["locations"][0]["physicalLocation"]
    assert absolute["artifactLocation"]["uri"] == "file:///srv/site.yaml"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("drops {{internal.x}}", "drops {{{{internal.x}}}}"),
        ("matches a{2}", "matches a{{2}}"),
        ("see [this](http://x)", "see \\[this](http://x)"),
        ("roles.dev.tools[2] is", "roles.dev.tools[2] is"),
        ("a\x1b[31m\u202e", "a\\x1b[31m\\u202e"),
    ],
)
def test_sarif_messages_are_plain(message: str, text: str) -> None:
    """Nothing in a message is taken for a placeholder, a link or a control."""
    assert sarif(Problem("PV001", "error", message))["results"][0]["message"]["text"] == text


def junit(*problems: Problem, tests: tuple[TestResult, ...] = ()) -> dict[str, Element]:
    """Return the suites of a JUnit document by their names; their counts are true."""
    text = check_junit.text(problems, tests, "site.yaml")
    parser: XMLPullParser[Element] = XMLPullParser()
    parser.feed(text)
    parser.close()
    read = JUnitXml.fromstring(text.encode())  # a reader of others, as CI systems have them
    assert [len(list(suite)) for suite in read] == [suite.tests for suite in read]
    events: list[Any] = list(parser.read_events())
    root: Element = events[-1][1]
    for suite in root:
        assert suite.get("tests") == str(len(suite))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))
    return {str(suite.get("name")): suite for suite in root}


def test_junit() -> None:
    """Access tests are cases that pass, fail or are skipped, with their reasons and places."""
    passed, failed, undecided = junit(tests=(PASSED, FAILED, UNDECIDED))["access tests"]
    assert len(passed) == 0
    assert (failed.get("name"), failed.get("file"), failed.get("line")) == (
        "nobody <deletes>", "sites/a b.yaml", "3",
    )  # fmt: skip
    assert failed[0].get("message") == "bot a: x; bot b: y"
    assert undecided[0].get("message") == "undecided; the server's tools are not known"
    assert undecided.get("file") == "site.yaml"


def test_junit_problems() -> None:
    """An error is a case that fails; warnings and infos are cases that pass and say what they found."""
    error, warning, more = junit(ERROR, WARNING, MORE)["site"]
    failure = error.find("failure")
    assert failure is not None
    assert failure.get("type") == "PV130"
    assert failure.text == "sites/a b.yaml:3:5: error PV130: bot ci names role x\nadd it"
    assert "warning PV102" in str(warning.findtext("system-out"))
    assert (more.get("file"), more.find("failure")) == ("site.yaml", None)


def test_junit_says_a_failed_test_once() -> None:
    """The problem that a failed access test makes is not told beside the test itself."""
    suites = junit(Problem("PV300", "error", "access test"), tests=(FAILED,))
    assert [case.get("name") for case in suites["site"]] == ["no problems"]


def test_junit_of_nothing() -> None:
    """A site without problems and tests has one case that passes, so that a report is never empty."""
    (case,) = junit()["site"]
    assert (case.get("name"), len(case)) == ("no problems", 0)


@given(st.text(), st.text())
def test_any_text_is_told(message: str, name: str) -> None:
    """Whatever stands in messages and names, both documents can be read."""
    problem = Problem("PV044", "error", message, message, Place(f"a/{name}".replace("\0", "")))
    junit(problem, tests=(TestResult(name, "failed", (message,)),))
    assert json.loads(check_sarif.text([Problem("PV044", "error", message)], "site.yaml"))
