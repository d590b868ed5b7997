"""Rules about access tests: a test that asks nothing passes always, and protects nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from provisioner.checks.rules._base import SYNTAX, Finding, Rule
from provisioner.rbac import patterns
from provisioner.site.model import Site


def _nobody(site: Site) -> Iterator[Finding]:
    for name, test in site.tests.items():
        if test.bot is None and not test.bots:
            yield Finding(
                ("tests", name),
                f"access test {name}: it says of no bot what must be true",
                "add bot: NAME, or bots: '*'",
                on_key=True,
            )


def _nowhere(site: Site) -> Iterator[Finding]:
    for name, test in site.tests.items():
        if test.server is None and not test.servers.names and not test.servers.labels:
            yield Finding(
                ("tests", name),
                f"access test {name}: it says of no MCP server what must be true",
                "add server: NAME, or servers: {env: prod}",
                on_key=True,
            )


def _nothing(site: Site) -> Iterator[Finding]:
    for name, test in site.tests.items():
        asked = (test.allow or None, test.deny or None, test.exactly, test.connect)
        if all(part is None for part in asked):
            yield Finding(
                ("tests", name),
                f"access test {name}: it asks nothing, so it would pass always",
                "add allow, deny, exactly or connect",
                on_key=True,
            )


def _bad_pattern(site: Site) -> Iterator[Finding]:
    for name, test in site.tests.items():
        for key in ("allow", "deny"):
            for index, text in enumerate(getattr(test, key) or ()):
                try:
                    patterns.compile_pattern(text)
                except patterns.PatternError as error:
                    path = ("tests", name, key, index)
                    yield Finding(path, error.message, error.hint or SYNTAX)


_EMPTY: Final = "a test that asks nothing of anybody would pass for a promise"

RULES: Final = (
    Rule("PV302", "error", "test of no bot", _nobody, firm=True, because=_EMPTY),
    Rule("PV303", "error", "test of no MCP server", _nowhere, firm=True, because=_EMPTY),
    Rule("PV304", "error", "test that asks nothing", _nothing, firm=True, because=_EMPTY),
    Rule("PV305", "error", "test with a broken pattern", _bad_pattern, firm=True, because=_EMPTY),
)
