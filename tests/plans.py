"""Plans that reports are tested with: small ones, and one in which nothing can be trusted."""

from __future__ import annotations

from typing import Any

from provisioner.change import Access, AccessRow, Change, ClusterInfo, Field, Key, Op, Plan
from provisioner.change import TestResult as Result
from provisioner.errors import Place, Problem
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, bot, desired, live, role

HOSTILE = (
    "@everyone", "#1", "org/repo#1", "GH-12", "!5", "[x](https://evil.example)",
    "https://evil.example", "www.evil.example", "<img src=x onerror=alert(1)>", "<!--", "-->",
    "</details>", "</code>", "</style><script>alert(1)</script>", "</title>", "]]>", "'", '"',
    '" onload="alert(1)', "`", "```", "~~~", "````\n", "|", "\\|", "a|b", "**x**", "_x_", "\n\n# x",
    "\n/close", "\x1b[31m", "\u202e", "&lt;", "$x$", "- x", "> x", "{{ 7 * 7 }}", "{% raw %}",
    "\U0001f600", "``` \n</details>\n\n@team",
)  # fmt: skip
"""Texts that would do something on a page or in a comment, if they were not kept from it."""

_KINDS: tuple[Any, ...] = ("tool", "pattern", "session")
_SEVERITIES: tuple[Any, ...] = ("error", "warning", "info")


def made(*wanted: dict[str, Any], existing: tuple[dict[str, Any], ...] = (), **how: Any) -> Plan:
    """Return the plan that brings what exists to what is wanted."""
    return plan(desired(*wanted), live(*existing), CLUSTER, **how)


EVERYTHING = made(
    role(),
    role("eq"),
    bot(roles=["dev"]),
    bot("theirs", roles=["dev"]),
    existing=(
        role(allow={"mcp": {"tools": ["x"]}}),
        role("eq", labels={}),
        role("gone"),
        bot("theirs", labels={}),
    ),
)
"""A plan with changes and notes of several kinds."""


def spoiled(text: str) -> Plan:
    """Return a plan in which all that can come from a site or a server is `text`."""
    at = Place(text, 1, 1)
    rows = [AccessRow(True, text, text, kind, text, text, text, text) for kind in _KINDS]
    field = Field(text, text, text)
    changes = [
        Change(op, Key(kind, text), fields=(field,), at=at, reason=text, hint=text)
        for op in Op
        for kind in ("app", "bot", "role")
    ]
    return Plan(
        site=text,
        file=text,
        cluster=ClusterInfo(text, text, via=text),
        prune=True,
        changes=tuple(change for change in changes if not change.op.is_note),
        notes=tuple(change for change in changes if change.op.is_note),
        problems=tuple(
            Problem("PV1", severity, text, text, at, excerpt=text) for severity in _SEVERITIES
        ),
        digest="a-b-c",
        unchanged=1,
        scope=("role",),
        access=Access(
            (*rows, rows[0]._replace(gained=False)),
            unknown=(text,),
            other_apps=((text, text),),
        ),
        tests=tuple(Result(text, "failed", (text,), at, was) for was in (True, False)),
    )
