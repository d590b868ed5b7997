"""What a plan does to access, as the first thing that a reviewer reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from provisioner.change import Access, AccessRow, TestResult
from provisioner.text.terminal import Paint, plural, visible

EFFECT: Final = (
    "A changed role counts for new sessions at once; a bot gets a new role when its tbot renews, and "
    "loses one at the latest when its present identity expires."
)


def text(access: Access, paint: Paint) -> str:
    """Return the section, or nothing when no bot gains or loses anything."""
    if not access.rows and not access.other_apps:
        return ""
    rows = tuple(shown(access))
    gained = sum(row.gained for row in rows)
    title = f"{gained} gained, {len(rows) - gained} lost"
    lines = [f"{paint('bold', 'ACCESS')}  {title}", *(_line(row, paint) for row in rows)]
    lines += [
        paint(
            "yellow", f"  + bot {visible(bot)}  also reaches {visible(app)}, which is no MCP server"
        )
        for bot, app in access.other_apps
    ]
    return "\n".join([*lines, paint("dim", f"  {domain(access)}"), paint("dim", f"  {EFFECT}")])


def tests(results: Sequence[TestResult], paint: Paint) -> str:
    """Return the section of access tests, or nothing when there are none."""
    if not results:
        return ""
    bad = [result for result in results if result.state != "passed"]
    passed = len(results) - len(bad)
    title = f"{passed} passed" + (f", {len(bad)} failed or undecided" if bad else "")
    lines = [f"{paint('bold', 'TESTS')}  {title}"]
    for result in bad:
        before = ", and did before this plan" if result.was_failing else ""
        head = paint("red", f"x {visible(result.name)}")
        lines.append(
            f"  {head}  {result.state}{before}  {paint('dim', visible(str(result.at or '')))}"
        )
        lines += [f"      {visible(reason)}" for reason in result.reasons]
    return "\n".join(lines)


def shown(access: Access) -> Iterator[AccessRow]:
    """Yield the rows for people: that a bot may connect goes without saying where it has a tool."""
    yield from access.told


def domain(access: Access) -> str:
    """Return what this was worked out over, and what is not known."""
    covered = (
        f"Worked out over {plural(access.bots, 'bot')}, {plural(access.servers, 'MCP server')} and "
        f"{plural(access.tools, 'known tool')}"
    )
    if not access.unknown:
        return f"{covered}."
    return f"{covered}; not known are the tools of {visible(', '.join(access.unknown))}."


def _line(row: AccessRow, paint: Paint) -> str:
    sign, style = ("+", "green") if row.gained else ("-", "red")
    head = paint(style, f"{sign} bot {visible(row.bot)}")
    return f"  {head}  {_what(row)}{_by(row)}"


def _what(row: AccessRow) -> str:
    server = visible(row.server)
    if row.kind == "session":
        return f"{'may connect to' if row.gained else 'cannot connect any more to'} {server}"
    verb = "may call" if row.gained else "loses"
    return f"{verb}  {server}/{visible(row.name)}{'' if row.kind == 'tool' else ' (any tool that matches)'}"


def _by(row: AccessRow) -> str:
    role = f"role {visible(row.role)}" if row.role else ""
    pattern = f"pattern {visible(row.pattern)}" if row.pattern and row.kind == "tool" else ""
    reasons = [part for part in (visible(row.why), role, pattern) if part]
    return f"  ({', '.join(reasons)})" if reasons else ""
