from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from provisioner import workflow
from provisioner.checks import severity
from provisioner.checks.rules import RULES
from provisioner.cluster.memory import MemoryCluster
from provisioner.errors import ProvisionError, SiteError
from provisioner.site.schema import site_schema
from tests.bodies import app
from tests.sites import TEMPLATES, problems, shown, site, write
from tests.unit.checks.test_rules import BROKEN

OPEN = "roles: {dev: {app_labels: {'*': '*'}, tools: [a]}, ops: {app_labels: {'*': '*'}, tools: [a]}}\n"


def found(directory: Path, text: str) -> list[tuple[str, str]]:
    checked = workflow.examine(write(directory, text), TEMPLATES)
    return [(problem.code, problem.severity) for problem in checked.problems]


@pytest.mark.parametrize("level", ["error", "warning", "info"])
def test_levels(tmp_path: Path, level: str) -> None:
    """A rule has the severity that the site gives it; as an error it stops what errors stop."""
    path = write(tmp_path, f"{OPEN}rules: {{PV102: {level}}}")
    checked = workflow.check(path)
    assert [(p.code, p.severity) for p in checked.problems] == [("PV102", level)] * 2
    assert (checked.site is None) == (level == "error")


def test_off(tmp_path: Path) -> None:
    """A rule that is off finds nothing."""
    assert found(tmp_path, f"{OPEN}rules: {{PV102: off}}") == []


def test_levels_of_reach(tmp_path: Path) -> None:
    """The rules that need a rendered site are configured alike."""
    text = "mcp_servers: {a: {}}\nbots: {ci: {}}\n"
    assert found(tmp_path, text) == [("PV327", "warning")]
    assert found(tmp_path, f"{text}rules: {{PV327: error}}") == [("PV327", "error")]
    assert found(tmp_path, f"{text}rules: {{PV327: off}}") == []


def test_an_error_of_reach_stops_plans_too(tmp_path: Path) -> None:
    """What the site makes an error of stops whatever errors stop; a warning does not."""
    path = write(tmp_path, "mcp_servers: {a: {}}\nbots: {ci: {}}\nrules: {PV327: error}")
    with pytest.raises(SiteError) as refused:
        workflow.prepare(path, TEMPLATES)
    assert [(p.code, p.excerpt) for p in refused.value.problems] == [("PV327", "bots: {ci: {}}")]
    path.write_text(path.read_text().replace("error}", "warning, PV321: error}"))
    assert workflow.prepare(path, TEMPLATES).warnings == ()


@pytest.mark.parametrize("at", ["roles.dev", "roles.dev.app_labels", "roles.dev.app_labels.*"])
def test_suppressed(tmp_path: Path, at: str) -> None:
    """A finding at or below the entry is accepted, the same finding elsewhere is not."""
    text = f"{OPEN}rules: {{suppress: [{{code: PV102, at: '{at}', reason: read-only}}]}}"
    (problem,) = problems(tmp_path, text)
    assert (problem.code, "role ops" in problem.message) == ("PV102", True)


def test_a_name_is_not_the_beginning_of_another(tmp_path: Path) -> None:
    """`roles.dev` is not about role dev-2, and an entry of a list is below its list."""
    text = "bots: {ci: {max_session_ttl: 200h}, ci-2: {max_session_ttl: 200h}}\n"
    accepted = "rules: {suppress: [{code: PV135, at: bots.ci, reason: x}]}"
    (problem,) = problems(tmp_path, text + accepted)
    assert "bot ci-2" in problem.message
    listed = "external_roles: [a]\nbots: {ci: {roles: [a, a]}}\n"
    assert (
        problems(
            tmp_path,
            f"{listed}rules: {{suppress: [{{code: PV134, at: bots.ci.roles, reason: x}}]}}",
        )
        == ()
    )


def test_a_suppression_ends(tmp_path: Path) -> None:
    """After its last day the finding is back, and the suppression is a warning of its own."""
    text = f"{OPEN}rules: {{suppress: [{{code: PV102, at: roles, reason: x, until: ▸2020-02-29}}]}}"
    told = problems(tmp_path, text.replace("▸", ""))
    assert [problem.code for problem in told] == ["PV102", "PV102", "PV332"]
    assert shown(told)[2][2] == text.splitlines()[1].index("▸") + 1


def test_a_suppression_holds_on_its_last_day() -> None:
    """`until` is the last day on which it holds, in UTC."""
    read = site(
        f"{OPEN}rules: {{suppress: [{{code: PV102, at: roles, reason: x, until: 2027-03-01}}]}}"
    )
    found = list(severity.findings(read))
    assert list(severity.judged(read, found, date(2027, 3, 1))) == []
    assert len(list(severity.judged(read, found, date(2027, 3, 2)))) == 2


def test_a_suppression_that_does_nothing(tmp_path: Path) -> None:
    """A suppression without a finding is told, unless it is over or about no rule at all."""
    entries = (
        "{code: PV102, at: roles.dev, reason: x}",
        "{code: PV102, at: roles.gone, reason: x}",
        "{code: PV327, at: bots.ci, reason: x}",
    )
    text = f"{OPEN}bots: {{ci: {{roles: [dev, ops]}}}}\nrules: {{suppress: [{', '.join(entries)}]}}"
    assert found(tmp_path, text) == [
        ("PV102", "warning"),
        ("PV333", "warning"),
        ("PV333", "warning"),
    ]
    over = "rules: {suppress: [{code: PV101, at: x, reason: x, until: 2020-01-01}]}"
    assert found(tmp_path, over) == [("PV332", "warning")]


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("rules: {▸PV199: off}", "PV330", ""),
        ("rules: {▸PV1020: off}", "PV330", "did you mean PV1"),
        ("rules: {▸suppres: off}", "PV330", "did you mean suppress?"),
        ("rules: {suppress: [{code: ▸PV399, at: x, reason: x}]}", "PV330", ""),
        ("rules: {suppress: [{code: ▸PV300, at: x, reason: x}]}", "PV331", ""),
        ("rules: {▸PV204: warning}", "PV331", "remove this"),
        ("rules: {▸PV012: warning}", "PV331", "remove this, and mend what it is about"),
        ("rules: {▸PV139: warning}", "PV331", "remove this, and mend what it is about"),
        ("rules: {suppress: [{code: ▸PV154, at: x, reason: x}]}", "PV331", ""),
        ("rules: {PV102: ▸loud}", "PV044", ""),
        ("rules: {▸supress: []}", "PV040", "did you mean `suppress`?"),
        ("rules: {suppress: [▸{code: PV102, at: x}]}", "PV041", ""),
        ("rules: {suppress: [{code: PV102, at: x, reason: ▸''}]}", "PV044", ""),
        ("rules: {suppress: [{code: PV102, at: x, reason: x, until: ▸2027-02-30}]}", "PV044", ""),
        ("rules: {suppress: [{code: PV102, at: x, reason: x, until: ▸20270228}]}", "PV042", ""),
    ],
)
def test_mistakes(tmp_path: Path, text: str, code: str, hint: str) -> None:
    """A mistake in the configuration is an error at its place, with what was meant."""
    (problem,) = problems(tmp_path, text.replace("▸", ""))
    assert (problem.code, problem.severity) == (code, "error")
    assert problem.at
    assert problem.at.column == text.index("▸") + 1
    assert problem.hint.startswith(hint)


def test_firm_rules_stay_errors() -> None:
    """Whatever the site says, a firm rule is an error, and its finding stands."""
    read = site("rules: {PV304: off}\ntests: {t: {bot: a, server: a}}")
    codes = [rule.code for rule, _ in severity.judged(read, severity.findings(read))]
    assert codes == ["PV304", "PV331"]


# --- what only plans and tests find --------------------------------------------------------------

EXPECTING = """\
external_roles: [audit]
mcp_servers:
  files: {labels: {env: dev}}
  moved: {labels: {env: dev}}
"""
LIVE = (app("moved", labels={"env": "prod"}),)


def unmet(directory: Path, rules: str) -> list[tuple[str, str]]:
    """Return what a plan of a site misses in a cluster."""
    prepared = workflow.prepare(write(directory, f"{EXPECTING}rules: {rules}"), TEMPLATES)
    made = workflow.make_plan(prepared, MemoryCluster(LIVE), prune=False)
    return [(problem.code, problem.severity) for problem in made.problems]


@pytest.mark.parametrize(
    ("rules", "levels"),
    [
        ("{}", ["error", "error", "error"]),
        ("{PV201: warning, PV202: info, PV203: warning}", ["warning", "info", "warning"]),
        ("{PV201: off, PV202: off, PV203: off}", []),
        ("{suppress: [{code: PV201, at: 'external_roles[0]', reason: x}]}", ["error", "error"]),
        ("{suppress: [{code: PV202, at: mcp_servers.files, reason: x}]}", ["error", "error"]),
        ("{suppress: [{code: PV203, at: mcp_servers.files, reason: x}]}", ["error"] * 3),
        ("{suppress: [{code: PV202, at: mcp_servers.files, reason: x, until: '2001-01-01'}]}",
         ["error"] * 3),
    ],
)  # fmt: skip
def test_what_a_cluster_lacks_is_as_severe_as_the_site_says(
    tmp_path: Path, rules: str, levels: list[str]
) -> None:
    """What a plan finds has the severity of the site, and can be accepted at its entry, for a time."""
    found = unmet(tmp_path, rules)
    assert [level for code, level in found if code.startswith("PV2")] == levels


def test_what_only_a_plan_finds_is_not_missed_before() -> None:
    """A suppression of what a cluster lacks does something, though no check of the site shows it."""
    read = site(f"{EXPECTING}rules: {{suppress: [{{code: PV202, at: mcp_servers, reason: x}}]}}")
    assert list(severity.unused(read, severity.findings(read))) == []


UNDECIDED = """\
mcp_servers: {files: {labels: {env: dev}}}
roles: {dev: {app_labels: {env: dev}, tools: ['*']}}
bots: {agent: {roles: [dev]}}
tests: {all of it: {bot: agent, server: files, exactly: [read_file]}}
"""


@pytest.mark.parametrize(
    ("rules", "found_"),
    [
        ("{}", [("PV301", "warning")]),
        ("{PV301: error}", [("PV301", "error")]),
        ("{PV301: off}", []),
        ("{suppress: [{code: PV301, at: tests.all of it, reason: x}]}", []),
    ],
)
def test_an_undecided_test_is_as_severe_as_the_site_says(
    tmp_path: Path, rules: str, found_: list[tuple[str, str]]
) -> None:
    """In a check, an undecided test can be an error, or be accepted; a plan refuses it all the same."""
    text = f"{UNDECIDED}rules: {rules}"
    assert [each for each in found(tmp_path, text) if each[0] == "PV301"] == found_
    if ("PV301", "error") not in found_:
        prepared = workflow.prepare(write(tmp_path, text), TEMPLATES)
        live = MemoryCluster([app("files", labels={"env": "dev"})])
        made = workflow.make_plan(prepared, live, prune=False)
        assert [test.state for test in made.tests] == ["undecided"]


LOOSE = {rule.code for rule in RULES if rule.severity == "error" and not rule.firm}


@pytest.mark.parametrize(
    ("code", "text"), [(code, text.replace("▸", "")) for code, text in BROKEN if code in LOOSE]
)
def test_what_can_be_switched_off_breaks_nothing_here(code: str, text: str, tmp_path: Path) -> None:
    """Without a rule that is not firm, the site can still be judged, rendered and planned."""
    path = write(tmp_path, f"{text}\nrules: {{{code}: off}}\n")
    assert code not in {problem.code for problem in workflow.examine(path, TEMPLATES).problems}
    with suppress(ProvisionError):
        workflow.make_plan(workflow.prepare(path, TEMPLATES), MemoryCluster([]), prune=True)


def test_a_site_without_rules_is_as_before() -> None:
    """Without configuration every rule has its own severity."""
    read = site(OPEN)
    found = list(severity.findings(read))
    assert list(severity.judged(read, found)) == found


@pytest.mark.parametrize(
    ("rules", "valid"),
    [
        ({"PV102": "off", "suppress": []}, True),
        ({"suppress": [{"code": "PV102", "at": "roles", "reason": "x", "until": "2027-01-01"}]}, True),
        ({"PV102": "loud"}, False),
        ({"supress": []}, False),
        ({"suppress": [{"code": "PV102", "at": "roles"}]}, False),
    ],
)  # fmt: skip
def test_an_editor_marks_mistakes(rules: dict[str, Any], *, valid: bool) -> None:
    """The schema of the site knows what can stand under `rules`."""
    value = {"version": 1, "site": "a", "teleport": {"proxy": "a:1"}, "rules": rules}
    assert jsonschema.Draft202012Validator(site_schema()).is_valid(value) == valid
