"""How much rules matter to a site: severities by code, and findings that are accepted.

What is configured is judged by rules too, so that a mistake in it is told like any other. A finding
of a firm rule is always an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from msgspec.structs import replace

from provisioner.checks.rules import ELSEWHERE, REACH, RULES, Finding, Found, Rule
from provisioner.checks.rules import findings as rule_findings
from provisioner.errors import Problem
from provisioner.site.model import Level, Site, Suppression
from provisioner.site.wording import dotted
from provisioner.text import units


def findings(site: Site) -> Iterator[Found]:
    """Yield everything that the rules have to say about `site`, and about how it configures them."""
    yield from rule_findings(site)
    for rule in CONFIG:
        for finding in rule.find(site):
            yield rule, finding


def judged(site: Site, found: Iterable[Found], today: date | None = None) -> Iterator[Found]:
    """Yield the findings that a site does not accept, each rule with the severity that it gives."""
    says = _Saying(site, today)
    for rule, finding in found:
        level = says.level(rule, dotted(finding.path))
        if level == rule.severity:
            yield rule, finding
        elif level != "off":
            yield replace(rule, severity=level), finding


def adjusted(site: Site, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems that plans and tests found and that a site does not accept, as severe as it says."""
    says = _Saying(site)
    known = {rule.code: rule for rule in ELSEWHERE}
    for problem in problems:
        level = says.level(known[problem.code], problem.entry)
        if level != "off":
            yield replace(problem, severity=level)


class _Saying:
    """What a site says of rules, today."""

    def __init__(self, site: Site, today: date | None = None) -> None:
        self._levels = site.rules.levels
        self._accepted = {
            (each.code, each.at) for _, each in _suppressions(site) if not _is_over(each, today)
        }

    def level(self, rule: Rule[Any], entry: str) -> Level:
        """Return how much a finding at an entry matters; what is accepted is off."""
        if rule.firm:
            return rule.severity
        if self._accepted and any((rule.code, at) in self._accepted for at in _above(entry)):
            return "off"
        return self._levels.get(rule.code, rule.severity)


def unused(site: Site, found: Iterable[Found]) -> Iterator[Found]:
    """Yield the suppressions that none of `found` needs, which are all findings that there are."""
    for finding in UNUSED.find((site, tuple(found))):
        yield UNUSED, finding


def _suppressions(site: Site) -> Iterator[tuple[int, Suppression]]:
    return enumerate(site.rules.suppress)


def _above(entry: str) -> Iterator[str]:
    """Yield an entry and all that it is below: where a suppression can stand that is about it."""
    yield entry
    yield from (entry[:at] for at, character in enumerate(entry) if character in ".[")


def _is_over(each: Suppression, today: date | None = None) -> bool:
    return each.until is not None and units.day(each.until) < (today or datetime.now(UTC).date())


# --- rules about the configuration itself ------------------------------------------------------


def _unknown_code(site: Site) -> Iterator[Finding]:
    known = rules()
    for path, code in _codes(site):
        if code not in known and not _is_about_reading(code):
            yield Finding(
                path,
                f"there is no rule `{code}`",
                "rules have codes from PV101 on",
                on_key=path[-1] == code,
                word=code,
                known=[*known, "suppress"],
            )


def _fixed_code(site: Site) -> Iterator[Finding]:
    known = rules()
    for path, code in _codes(site):
        rule = known.get(code)
        if _is_about_reading(code) or (rule and rule.firm):
            why = rule.because if rule else "it is about reading the file"
            yield Finding(
                path,
                f"{code} cannot be configured: {why}",
                "remove this, and mend what it is about",
                on_key=path[-1] == code,
            )


def _expired(site: Site) -> Iterator[Finding]:
    for index, each in _suppressions(site):
        if _is_over(each):
            yield Finding(
                ("rules", "suppress", index, "until"),
                f"the suppression of {each.code} at {each.at} ended on {each.until}",
                "mend what it is about, or give it a later day and say why",
            )


def _unused(subject: tuple[Site, tuple[Found, ...]]) -> Iterator[Finding]:
    site, found = subject
    known = {code: rule for code, rule in rules().items() if rule not in ELSEWHERE}
    covered = {(rule.code, above) for rule, at in found for above in _above(dotted(at.path))}
    for index, each in _suppressions(site):
        in_force = each.code in known and not known[each.code].firm and not _is_over(each)
        if in_force and (each.code, each.at) not in covered:
            yield Finding(
                ("rules", "suppress", index),
                f"{each.code} is not found at {each.at}: this suppression does nothing",
                "remove it, or correct `at`, which is written as in roles.example-role",
            )


def _codes(site: Site) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for code in site.rules.levels:
        yield ("rules", code), code
    for index, each in _suppressions(site):
        yield ("rules", "suppress", index, "code"), each.code


def _is_about_reading(code: str) -> bool:
    return code.startswith("PV0") and len(code) == len("PV000") and code[2:].isdigit()


def rules() -> Mapping[str, Rule[Any]]:
    """Return every rule by its code."""
    every: tuple[Rule[Any], ...] = (*RULES, *REACH, *ELSEWHERE, *CONFIG, UNUSED)
    return {rule.code: rule for rule in every}


CONFIG: Final[tuple[Rule[Site], ...]] = (
    Rule("PV330", "error", "unknown rule", _unknown_code, firm=True),
    Rule("PV331", "error", "rule that cannot be configured", _fixed_code, firm=True),
    Rule("PV332", "warning", "suppression that has ended", _expired),
)
UNUSED: Final = Rule("PV333", "warning", "suppression that does nothing", _unused)
