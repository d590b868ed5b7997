from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import workflow
from provisioner.checks import acceptance, alone
from provisioner.errors import Problem
from provisioner.tools.lock import Lock
from tests.sites import TEMPLATES, write

SITE = """\
mcp_servers: {files: {labels: {env: dev}, tools: [read_a]}}
roles: {dev: {app_labels: {env: dev}, tools: [reed_a]}}
bots: {ci: {roles: [dev]}}
tests:
  reads: {bot: ci, server: files, allow: [read_a]}
  no writes: {bot: ci, server: files, deny: ['write_*']}
"""


def judged(directory: Path, text: str) -> alone.Judgement:
    prepared = workflow.prepare(write(directory, text), TEMPLATES)
    tests = tuple(
        acceptance.Test(name, says, prepared.document.key_place(("tests", name)))
        for name, says in prepared.site.tests.items()
    )
    return alone.judge_alone(
        prepared.site, prepared.document, prepared.rendered.resources, tests, Lock()
    )


def test_rules_and_tests(tmp_path: Path) -> None:
    """What the rules about reach find, and what access tests come to, are judged on the site alone."""
    found = judged(tmp_path, SITE)
    assert [(p.code, p.severity) for p in found.problems] == [
        ("PV320", "warning"),
        ("PV300", "error"),
    ]
    assert [(test.name, test.state) for test in found.tests] == [
        ("reads", "failed"),
        ("no writes", "passed"),
    ]


def test_a_failed_test_points_at_itself(tmp_path: Path) -> None:
    """The problem of a failed test has the place of the test, its line, and says what it stands on."""
    (problem,) = [p for p in judged(tmp_path, SITE).problems if p.code == "PV300"]
    assert problem.at
    assert problem.excerpt == "  reads: {bot: ci, server: files, allow: [read_a]}"
    assert problem.excerpt[problem.at.column - 1 : problem.at.end - 1] == "reads"
    assert "judged on this site alone" in problem.hint


@pytest.mark.parametrize("tools", ["", ", tools: [read_a, x]"])
def test_undecided_is_a_warning(tmp_path: Path, tools: str) -> None:
    """What cannot be decided without the tools of a server warns; with them it is decided."""
    text = SITE.replace(", tools: [read_a]}", tools + "}").replace("[read_a]", "['*_a']")
    codes = {p.code for p in judged(tmp_path, text).problems}
    assert ("PV301" in codes) == (not tools)


def test_thousands_of_findings_are_told_in_brief(tmp_path: Path) -> None:
    """Of many findings of one kind the first are told, then how many there are."""
    roles = "".join(f"  r{n}: {{app_labels: {{env: no}}, tools: [a]}}\n" for n in range(300))
    held = ", ".join(f"r{n}" for n in range(300))
    text = f"mcp_servers: {{a: {{}}}}\nroles:\n{roles}bots: {{ci: {{roles: [{held}]}}}}\n"
    found = [p for p in judged(tmp_path, text).problems if p.code == "PV321"]
    assert len(found) == 101
    assert found[-1] == Problem("PV321", "warning", "and 200 more like the last of these")


def test_problems_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    """`check` tells everything in the order of the file, whoever found it."""
    text = SITE.replace("bots: {", "bots: {late: {roles: [dev], max_session_ttl: 200h}, ")
    problems = workflow.examine(write(tmp_path, text), TEMPLATES).problems
    assert [problem.code for problem in problems] == ["PV320", "PV135", "PV300"]


def test_nothing_is_raised_unless_the_site_says_so(tmp_path: Path) -> None:
    """Only where the site makes errors of them do the rules about reach stop what errors stop."""
    quiet = workflow.prepare(write(tmp_path, SITE), TEMPLATES)
    assert alone.raised(quiet.site, quiet.document, quiet.rendered.resources, Lock()) == ()
    text = f"{SITE}rules: {{PV320: error, PV321: error}}\n"
    checked = workflow.check(write(tmp_path, text))
    assert checked.site
    assert checked.document
    errors = alone.raised(checked.site, checked.document, quiet.rendered.resources, Lock())
    assert [problem.code for problem in errors] == ["PV320"]
