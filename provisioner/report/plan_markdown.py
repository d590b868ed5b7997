"""A plan as Markdown: a comment on a pull request, or the summary of a job.

Whatever came from a site or a server stands in code spans, fences or escaped: it can neither
mention anybody nor pretend to be ours. A comment is short: what matters to a reviewer comes first,
counts stay true, and the details are cut from their end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from provisioner.change import Op, Plan
from provisioner.errors import Problem, ProvisionError, SiteError
from provisioner.report import _access
from provisioner.report._base import Row, on_agents, rows
from provisioner.report._markdown import code, fenced, prose, sentence
from provisioner.report._sections import Fitted, Section, clipped, fill, fit, size
from provisioner.report._together import Grant, together
from provisioner.report._verdict import VERBS, command, facts, outcome, stops
from provisioner.text.terminal import visible

COMMENT: Final = 60_000
"""How many bytes a comment may take: GitHub refuses more than 65,536 characters."""

SUMMARY: Final = 1_000_000
"""How many bytes the summary of a job may take: GitHub drops one of more than 1 MiB."""

_NAME: Final = 300  # characters of a name; those of Teleport have at most 253
_LINE: Final = 2_000  # characters of a line in a fence
_TOOLS: Final = 50  # in one cell
_REASONS: Final = 20  # why a site cannot be planned
_CUT: Final = 1_500  # bytes that are kept free to say what was cut
_URL: Final = re.compile(r"https?://[^\s<>]+")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._:-]")
_GONE: Final = (Op.DELETE, Op.REVOKE)


def marker(plan: Plan) -> str:
    """Return the first line, by which a comment of the same site and cluster is found again."""
    site, cluster = (_UNSAFE.sub(_percent, name) for name in (plan.site, plan.cluster.name))
    return f"<!-- provision:plan v1 site={site} cluster={cluster} -->"


def text(plan: Plan, options: Sequence[str] = (), *, room: int = COMMENT, whole: str = "") -> str:
    """Return the plan in at most `room` bytes, as long as there is room for its bare frame.

    `options` are those that whoever applies this must give again; `whole` is an address, or a
    sentence, that says where all of it is to be seen.
    """
    head, end = [*_head(plan)], [*_end(plan, options)]
    left = room - size(head) - size(end) - _CUT - 4 * size((whole, plan.file))
    first, last = [*_important(plan)], [*_remaining(plan)]
    fitted, left = fit([*first, *last], left)
    details = tuple(fill(_details(plan), left))
    cut = [*_cut(plan, fitted, details, whole)]
    body = (*fitted[: len(first)], *details, *fitted[len(first) :])
    blocks = (block for part in body if part.lines for block in ("", *part.lines))
    return "\n".join([*head, *cut, *blocks, *end]) + "\n"


def failed(file: str, error: ProvisionError) -> str:
    """Return what keeps a site from being planned, in place of its plan."""
    problems = error.problems if isinstance(error, SiteError) else ()
    reasons = [f"- {_problem(problem)}" for problem in problems[:_REASONS]]
    if len(problems) > _REASONS:
        reasons.append(f"- and {len(problems) - _REASONS:,} more")
    said = f"{error.message}. {error.hint}" if error.hint else error.message
    head = (f"### {_name(file)} \N{MIDDLE DOT} cannot be planned", "")
    return "\n".join([*head, *(reasons or [_item("", said)])]) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    yield marker(plan)
    if not stops(plan):
        yield f"<!-- digest={plan.digest} -->"
    where = f"{_name(plan.site)} on {_name(plan.cluster.name)}"
    yield f"### {where} \N{MIDDLE DOT} {prose(outcome(plan))}"
    yield ""
    yield f"{'; '.join(facts(plan))}."


def _important(plan: Plan) -> Iterator[Section]:
    """Yield what a reviewer has to see even if nothing else fits."""
    obstacles = tuple(_obstacles(plan))
    if obstacles:
        yield Section("reasons", ("> [!CAUTION]", "> Nothing of this can be applied."), obstacles)
    gone = tuple(f"> - {row.op.symbol} {_name(row.key)}" for row in rows(plan) if row.op in _GONE)
    if gone:
        yield Section("deletions", ("> [!CAUTION]", "> This deletes or revokes:"), gone)
    yield from _access_section(plan)
    agents = tuple(
        f"| {code(app)} | {path.removeprefix('spec.')} | {code(clipped(value, _LINE))} |"
        for app, path, value in on_agents(plan)
    )
    if agents:
        title = ("#### Runs on your agents", "", "| app | | |", "|---|---|---|")
        yield Section("rows of what runs on agents", title, agents)
    listed = tuple(_listed(plan))
    if listed:
        yield Section("resources", ("#### Resources",), listed)


def _remaining(plan: Plan) -> Iterator[Section]:
    tests = tuple(
        _item(
            f"{code(test.name, in_table=False)} {test.state}, as before: ", "; ".join(test.reasons)
        )
        for test in plan.tests
        if test.state != "passed" and test.was_failing
    )
    if tests:
        yield Section("tests", ("#### Access tests", ""), tests)
    warnings = tuple(f"- {_problem(each)}" for each in plan.problems if each.severity != "error")
    if warnings:
        yield Section("warnings", ("#### Warnings", ""), warnings)


def _obstacles(plan: Plan) -> Iterator[str]:
    for problem in plan.problems:
        if problem.severity == "error":
            yield f"> - {_problem(problem)}"
    for note in plan.notes:
        if note.op is Op.CONFLICT:
            yield f"> {_item(f'conflict {_name(str(note.key))}: ', note.reason)}"
    for test in plan.tests:
        if test.state != "passed" and not test.was_failing:
            named = f"access test {code(test.name, in_table=False)} {test.state}: "
            yield f"> {_item(named, '; '.join(test.reasons))}"


def _access_section(plan: Plan) -> Iterator[Section]:
    grants = together(_access.shown(plan.access))
    found = [row for grant in grants for row in _granted(grant)]
    found += [
        f"| + | {code(bot)} | {code(app)} | connect | no MCP server |"
        for bot, app in plan.access.other_apps
    ]
    if found:
        title = ("#### Access", "", "| | bot | server | tools | by |", "|---|---|---|---|---|")
        end = ("", prose(clipped(_access.domain(plan.access), _LINE)), _access.EFFECT)
        yield Section("rows of access", title, tuple(found), end)


def _granted(grant: Grant) -> Iterator[str]:
    """Yield rows of a table, each with as many tools as a cell bears."""
    by = [grant.why and prose(grant.why), grant.role and f"role {code(grant.role)}"]
    by += [grant.pattern and f"pattern {code(clipped(grant.pattern, _NAME))}"]
    reason = ", ".join(part for part in by if part)
    sign = "+" if grant.gained else "-"
    for at in range(0, len(grant.names) or 1, _TOOLS):
        names = [code(clipped(name, _NAME)) for name in grant.names[at : at + _TOOLS]]
        tools = " ".join(names) or "connect"
        any_such = " (any tool that matches)" if grant.kind == "pattern" else ""
        server = code(grant.server)
        yield f"| {sign} | {code(grant.bot)} | {server} | {tools}{any_such} | {reason} |"


def _listed(plan: Plan) -> Iterator[str]:
    """Yield every change and note, the first of its kind under what becomes of them."""
    found = rows(plan)
    for op, verb in VERBS.items():
        group = [row for row in found if row.op is op]
        for number, row in enumerate(group):
            title = "" if number else f"\n**{len(group):,} {verb}**\n\n"
            yield f"{title}- `{op.symbol}` {_name(row.key)}{_place(row)}"


def _details(plan: Plan) -> Iterator[Section]:
    for row in rows(plan):
        lines = [clipped(line, _LINE) for line in _difference(row)]
        if lines:
            begin, *held, end = fenced(lines, "diff")
            title = escape(f"{row.op.symbol} {clipped(row.key, _NAME)}")
            head = (f"<details><summary><code>{title}</code></summary>", "", begin)
            tail = (end, "", "</details>")
            yield Section(f"lines of {_name(row.key)}", head, tuple(held), tail)


def _difference(row: Row) -> Iterator[str]:
    """Yield lines whose first character says what they are, as colours in a `diff` fence want it."""
    if row.remark:
        yield f"! {row.remark}"
    if row.hint:
        yield f"! {row.hint}"
    for path, lines in row.fields:
        yield f"@@ {path} @@"
        yield from (f"{sign} {value}" for sign, value in lines)


def _cut(
    plan: Plan, fitted: Sequence[Fitted], details: Sequence[Fitted], whole: str
) -> Iterator[str]:
    """Say exactly what was left out, and where it is."""
    lost = [
        f"{part.left:,} of {len(part.section.items):,} {part.section.what}"
        for part in fitted
        if part.left
    ]
    short = [part for part in details if part.left]
    if short:
        first = short[0].section.what.removeprefix("lines of ")
        lost.append(f"the details of {len(short):,} of {len(details):,} resources, from {first} on")
    if lost:
        where = f"<{whole}>" if _URL.fullmatch(whole) else sentence(whole)
        told = where or f"{code(f'provision plan {plan.file}', in_table=False)}"
        yield from ("", "> [!NOTE]", f"> Cut for length. Left out: {'; '.join(lost)}.")
        yield f"> The whole plan: {told}."


def _end(plan: Plan, options: Sequence[str]) -> Iterator[str]:
    if stops(plan) or not plan.changes:
        return
    yield from ("", f"Digest {code(plan.digest)}. This applies exactly what is shown here:", "")
    yield from fenced([visible(command(plan, options))], "sh")


def _problem(problem: Problem) -> str:
    at = f"{_name(str(problem.at))} " if problem.at else ""
    said = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
    return f"{at}{problem.severity} {prose(problem.code)}: {sentence(clipped(said, _LINE))}"


def _item(head: str, said: str) -> str:
    return f"- {head}{sentence(clipped(said, _LINE))}"


def _name(text: str) -> str:
    return code(clipped(text, _NAME), in_table=False)


def _place(row: Row) -> str:
    return f" at {_name(row.place)}" if row.place else ""


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="surrogatepass"))
