"""What a plan comes to: in a word, in numbers, and what applies exactly this."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.change import Adoption, Op, Plan
from provisioner.report._access import shown
from provisioner.report._base import counts
from provisioner.text import diagnostics
from provisioner.text.terminal import plural, visible

VERBS: Final[dict[Op, str]] = {
    Op.CREATE: "to create",
    Op.UPDATE: "to update",
    Op.DELETE: "to delete",
    Op.GRANT: "to grant",
    Op.REVOKE: "to revoke",
    Op.ADOPT: "to adopt",
    Op.CONFLICT: "in conflict",
    Op.DANGLING: "broken",
    Op.ORPHAN: "orphaned",
    Op.UNOWNED: "not ours",
}
_TAKES: Final[dict[Op, str]] = {Op.DELETE: "deletes", Op.REVOKE: "revokes"}


def summary(plan: Plan) -> str:
    """Return one line of counts, such as `1 to create, 1 to grant, 12 unchanged`."""
    words = [f"{number} {VERBS[Op(op)]}" for op, number in counts(plan).items()]
    return ", ".join([*words, f"{plan.unchanged} unchanged"])


def facts(plan: Plan) -> tuple[str, ...]:
    """Return all that can be counted in a plan, a sentence each; whatever is cut, these stay true."""
    return tuple(_facts(plan))


def outcome(plan: Plan) -> str:
    """Return what a plan comes to in a few words: a title, and what somebody is notified of."""
    if reasons := stops(plan):
        return f"cannot be applied: {', '.join(reasons)}"
    if not plan.changes:
        return f"no changes{_part(plan)}"
    found = counts(plan)
    effects = [_effect_on_access(plan)]
    effects += [f"{verb} {found[op]}" for op, verb in _TAKES.items() if op in found]
    return f"{plural(len(plan.changes), 'change')}: {', '.join(effects)}{_part(plan)}"


def mode(plan: Plan) -> str:
    """Return what sets a plan apart from a plain one of the whole site, such as `, pruning`."""
    return ", pruning" * plan.prune + ", adopting" * (plan.mode == "adopt") + _part(plan)


def stops(plan: Plan) -> tuple[str, ...]:
    """Return what keeps the plan from being applied as it is, in numbers; nothing if it can be."""
    errors = sum(problem.severity == "error" for problem in plan.problems)
    conflicts = sum(note.op is Op.CONFLICT for note in plan.notes)
    tests = sum(test.state != "passed" and not test.was_failing for test in plan.tests)
    found = ((errors, "error"), (conflicts, "conflict"), (tests, "broken access test"))
    return tuple(plural(number, noun) for number, noun in found if number)


def command(plan: Plan, options: Sequence[str]) -> str:
    """Return the command line that applies this plan and no other.

    `options` are those that say where the cluster and the templates are.
    """
    if plan.adoption is not None:
        return _adopt(plan, plan.adoption, options)
    only = [word for key in plan.only for word in ("--only", str(key))]
    argv = ["provision", "apply", plan.file, *(["--prune"] * plan.prune), *only, *options]
    return shlex.join([*argv, "--expect", plan.digest])


def _part(plan: Plan) -> str:
    """Return which part of the site was planned, nothing where that is all of it."""
    return f", only {', '.join(visible(str(key)) for key in plan.only)}" if plan.only else ""


def _adopt(plan: Plan, wish: Adoption, options: Sequence[str]) -> str:
    argv = ["provision", "adopt", *(map(str, wish.keys) if wish.keys else ["--all"]), plan.file]
    argv += ["--from-site", wish.from_site] if wish.from_site else []
    return shlex.join([*argv, *options, "--expect", plan.digest])


def _facts(plan: Plan) -> Iterator[str]:
    yield summary(plan)
    rows = tuple(shown(plan.access))
    gained = sum(row.gained for row in rows)
    yield f"access: {gained} gained, {len(rows) - gained} lost"
    if plan.tests:
        passed = sum(test.state == "passed" for test in plan.tests)
        bad = len(plan.tests) - passed
        yield f"access tests: {passed} passed" + (f", {bad} failed or undecided" if bad else "")
    if plan.problems:
        yield diagnostics.summary(plan.problems)
    if plan.cluster.taken:
        yield f"the cluster is as recorded {visible(plan.cluster.taken)}"


def _effect_on_access(plan: Plan) -> str:
    widens = plan.access.other_apps or any(row.gained for row in plan.access.rows)
    narrows = not all(row.gained for row in plan.access.rows)
    verbs = ["widens"] * bool(widens) + ["narrows"] * narrows
    return f"{' and '.join(verbs) or 'does not touch'} access"
