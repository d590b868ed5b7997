"""A site judged alone, once it is rendered: where its roles get to, and its access tests.

Roles and bots of others are not in it, so a plan judges the access tests again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from msgspec import Struct

from provisioner.change import TestResult
from provisioner.checks import severity
from provisioner.checks.acceptance import Test, results
from provisioner.checks.rules import REACH, Found, ground, reach_findings, writers
from provisioner.checks.rules.elsewhere import FAILED, UNDECIDED
from provisioner.cluster.resource import Resource
from provisioner.errors import Problem
from provisioner.site.model import Site
from provisioner.site.redaction import excerpted
from provisioner.site.wording import dotted
from provisioner.text import diagnostics
from provisioner.text.source import Document
from provisioner.tools.lock import Lock


class Judgement(Struct, frozen=True):
    """What is wrong with a site as far as it can be seen alone, and what its tests came to."""

    problems: tuple[Problem, ...]
    tests: tuple[TestResult, ...]


def judge_alone(
    site: Site,
    document: Document,
    resources: Sequence[Resource],
    tests: Iterable[Test],
    lock: Lock,
) -> Judgement:
    """Hold a site without errors against the rules about reach, and its tests against its world."""
    on = ground(site, resources, writers(lock))
    reach = tuple(reach_findings(on))
    found = [*reach]
    if site.rules.suppress:
        found += severity.unused(site, [*severity.findings(site), *reach])
    tested = results(tests, on.world)
    problems = [
        *told(severity.judged(site, found), document),
        *severity.adjusted(site, _failed(tested)),
    ]
    return Judgement(excerpted(problems, document), tested)


def raised(
    site: Site, document: Document, resources: Sequence[Resource], lock: Lock
) -> tuple[Problem, ...]:
    """Return what the rules about reach find where the site makes errors of them: it stops plans too."""
    if not any(site.rules.levels.get(rule.code) == "error" for rule in REACH):
        return ()
    found = severity.judged(site, reach_findings(ground(site, resources, writers(lock))))
    errors = ((rule, finding) for rule, finding in found if rule.severity == "error")
    return excerpted(told(errors, document), document)


def told(found: Iterable[Found], document: Document) -> Iterator[Problem]:
    """Yield findings as problems of a document; of many of one kind, the first and their number."""
    return diagnostics.told(found, lambda each: each[0].code, partial(_problem, document))


def _problem(document: Document, found: Found) -> Problem:
    rule, finding = found
    locate = document.key_place if finding.on_key else document.place
    at, related = locate(finding.path), tuple(map(document.key_place, finding.related))
    return Problem(
        rule.code,
        rule.severity,
        finding.message,
        finding.cure,
        at,
        related,
        entry=dotted(finding.path),
    )


def _failed(tested: Iterable[TestResult]) -> Iterator[Problem]:
    for result in tested:
        if result.state != "passed":
            rule = FAILED if result.state == "failed" else UNDECIDED
            yield Problem(
                rule.code,
                rule.severity,
                f"access test `{result.name}` {result.state}: {'; '.join(result.reasons)}",
                "judged on this site alone: roles and bots of others are not in it",
                result.at,
                entry=dotted(("tests", result.name)),
            )
