"""A plan as one page for a browser: it loads nothing, runs nothing, and can be printed.

Only words of ours stand in attributes; whatever came from a site or a server is text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from provisioner.change import Op, Plan, TestResult
from provisioner.errors import Problem
from provisioner.report import _access
from provisioner.report._base import Row, on_agents, rows
from provisioner.report._drawing import drawn
from provisioner.report._graph import graph
from provisioner.report._page import policy
from provisioner.report._together import Grant, together
from provisioner.report._verdict import VERBS, command, facts, outcome, stops
from provisioner.templating.templates import Templates
from provisioner.text.terminal import visible
from provisioner.values import Plain

_PAGE: Final = "report/plan.html.j2"
_STYLE: Final = "report/plan_style.html.j2"
_GONE: Final = (Op.DELETE, Op.REVOKE)
_OPEN: Final = 60
"""So many rows of access, or resources, are shown at once; of more, each has to be opened."""


def page(plan: Plan, templates: Templates, options: Sequence[str] = ()) -> str:
    """Return the page of a plan; `options` are those that whoever applies this must give again.

    Raises SiteError where a template of the user's own fails.
    """
    listed = rows(plan)
    return templates.render(
        _PAGE,
        {
            "policy": policy(templates.render(_STYLE, {})),
            "site": visible(plan.site),
            "file": visible(plan.file),
            "cluster": visible(plan.cluster.name),
            "version": visible(plan.cluster.version),
            "prune": plan.prune,
            "outcome": outcome(plan),
            "facts": facts(plan),
            "obstacles": tuple(_obstacles(plan)),
            "gone": [f"{row.op.symbol} {row.key}" for row in listed if row.op in _GONE],
            "access": _access_of(plan),
            "drawing": drawn(graph(plan)),
            "agents": [
                {"app": app, "key": path.removeprefix("spec."), "value": value}
                for app, path, value in on_agents(plan)
            ],
            "groups": tuple(_groups(listed)),
            "is_open": len(listed) <= _OPEN,
            "tests": [_test(test) for test in plan.tests],
            "problems": [_problem(problem) for problem in plan.problems],
            "digest": "" if stops(plan) or not plan.changes else plan.digest,
            "command": visible(command(plan, options)),
        },
    )


def _obstacles(plan: Plan) -> Iterator[str]:
    yield from (visible(p.message) for p in plan.problems if p.severity == "error")
    for note in plan.notes:
        if note.op is Op.CONFLICT:
            yield visible(f"{note.key}: {note.reason}")
    for test in plan.tests:
        if test.state != "passed" and not test.was_failing:
            yield visible(f"access test {test.name} {test.state}")


def _access_of(plan: Plan) -> dict[str, Plain]:
    grants = together(_access.shown(plan.access))
    is_long = len(grants) > _OPEN
    return {
        "rows": [] if is_long else [_granted(grant) for grant in grants],
        "bots": [*_by_bot(grants)] if is_long else [],
        "other_apps": [
            {"bot": visible(bot), "app": visible(app)} for bot, app in plan.access.other_apps
        ],
        "domain": _access.domain(plan.access),
        "effect": _access.EFFECT,
    }


def _by_bot(grants: Iterable[Grant]) -> Iterator[dict[str, Plain]]:
    """Yield what each bot gains and loses, with how much that is, in the order of their names."""
    found: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in grants:
        found[grant.bot].append(grant)
    for bot, mine in sorted(found.items()):
        counted = Counter[bool]()
        for grant in mine:
            counted[grant.gained] += len(grant.names) or 1
        yield {
            "bot": visible(bot),
            "gained": counted[True],
            "lost": counted[False],
            "rows": [_granted(grant) for grant in mine],
        }


def _granted(grant: Grant) -> dict[str, Plain]:
    return {
        "gained": grant.gained,
        "bot": visible(grant.bot),
        "server": visible(grant.server),
        "kind": grant.kind,
        "names": [visible(name) for name in grant.names],
        "role": visible(grant.role),
        "pattern": visible(grant.pattern),
        "why": visible(grant.why),
    }


def _groups(listed: Sequence[Row]) -> Iterator[dict[str, Plain]]:
    """Yield the changes and notes by what becomes of them."""
    for op, verb in VERBS.items():
        group = [row for row in listed if row.op is op]
        if group:
            yield {"op": op.value, "verb": verb, "rows": [_row(row) for row in group]}


def _row(row: Row) -> dict[str, Plain]:
    return {
        "symbol": row.op.symbol,
        "key": row.key,
        "place": row.place,
        "remark": row.remark,
        "hint": row.hint,
        "fields": [
            {"path": path, "lines": [{"sign": sign, "text": text} for sign, text in lines]}
            for path, lines in row.fields
        ],
    }


def _test(test: TestResult) -> dict[str, Plain]:
    return {
        "name": visible(test.name),
        "state": test.state,
        "reasons": [visible(reason) for reason in test.reasons],
        "place": visible(str(test.at)) if test.at else "",
        "was_failing": test.was_failing,
    }


def _problem(problem: Problem) -> dict[str, Plain]:
    return {
        "severity": problem.severity,
        "code": visible(problem.code),
        "message": visible(problem.message),
        "hint": visible(problem.hint),
        "place": visible(str(problem.at)) if problem.at else "",
        "excerpt": visible(problem.excerpt),
    }
