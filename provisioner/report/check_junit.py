"""What `check` finds as a JUnit report: access tests as test cases, and a case for each problem.

The format has no warnings: those are cases that pass, with the text as their output.
Source: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provisioner.change import TestResult
from provisioner.errors import Place, Problem
from provisioner.text.terminal import visible

_OF_TESTS: Final = ("PV300", "PV301")
"""What access tests come to stands in their own cases."""


def text(problems: Iterable[Problem], tests: Sequence[TestResult], file: str) -> str:
    """Return one XML document about the site in `file`."""
    root = Element("testsuites", name="provision check")
    if tests:
        suite = SubElement(root, "testsuite", name="access tests")
        for test in tests:
            _test(suite, test, file)
    suite = SubElement(root, "testsuite", name="site")
    found = [problem for problem in problems if problem.code not in _OF_TESTS]
    for problem in found:
        _problem(suite, problem, file)
    if not found:
        _case(suite, "provision", "no problems", Place(file))
    for suite in root:
        _count(suite)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}'


def _test(suite: Element, test: TestResult, file: str) -> None:
    case = _case(suite, "access tests", test.name, test.at or Place(file))
    reasons = [visible(reason) for reason in test.reasons]
    if test.state == "failed":
        failure = SubElement(case, "failure", type="PV300", message="; ".join(reasons))
        failure.text = "\n".join(reasons)
    elif test.state == "undecided":
        SubElement(case, "skipped", message="; ".join(["undecided", *reasons]))


def _problem(suite: Element, problem: Problem, file: str) -> None:
    at = problem.at or Place(file)
    case = _case(suite, problem.code, problem.message, at)
    said = [f"{at}: {problem.severity} {problem.code}: {problem.message}", problem.hint]
    lines = "\n".join(visible(line) for line in said if line)
    if problem.severity == "error":
        SubElement(
            case, "failure", type=problem.code, message=visible(problem.message)
        ).text = lines
    else:
        SubElement(case, "system-out").text = lines


def _case(suite: Element, group: str, name: str, at: Place) -> Element:
    return SubElement(
        suite,
        "testcase",
        classname=group,
        name=visible(name),
        file=visible(at.file),
        line=str(at.line),
    )


def _count(suite: Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("skipped", ".//skipped")):
        suite.set(name, str(len(suite.findall(tag))))
    suite.set("errors", "0")
