"""Access tests: what the site says must be true of access, held against a world.

Sources of the meaning: lib/services/role.go `RoleSet.checkAccess` in github.com/gravitational/teleport,
through `access`. Resources and prompts of an MCP server are not filtered by Teleport, so `connect`
asks for the labels alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from provisioner.change import TestResult
from provisioner.errors import Place
from provisioner.rbac.access import Checker, Server, World
from provisioner.rbac.patterns import Answer, LabelSelector, Pattern, PatternError, compile_pattern
from provisioner.site.model import AccessTest, ServerSelector
from provisioner.text.terminal import visible

State = Literal["passed", "failed", "undecided"]
Reason = tuple[State, str]


class Test(Struct, frozen=True):
    """An access test with its name and its place in the site."""

    name: str
    says: AccessTest
    at: Place


def results(
    tests: Iterable[Test], after: World, before: World | None = None
) -> tuple[TestResult, ...]:
    """Return what each test comes to in the world `after` a plan.

    `before` is the world as it is: what fails there too, for the same reasons, is not this plan's
    doing. A reason more is, and so is a test that failed because there was nobody to ask about.
    """
    now, then = _Asked(after), _Asked(before) if before is not None else None
    return tuple(_result(test, now, then) for test in tests)


class _Asked:
    """A world that several tests are about, so that the roles of a bot are read once for all."""

    def __init__(self, world: World) -> None:
        self.servers = world.servers
        self._split = frozenset(world.split)
        self._identities = world.identities
        self._checkers: dict[str, Checker] = {}

    def called(self, server: Server) -> str:
        """Return the name of a server, with its labels where others of them have the name."""
        if server.name not in self._split:
            return visible(server.name)
        labels = ", ".join(f"{key}: {value}" for key, value in sorted(server.labels.items()))
        return visible(f"{server.name} ({labels or 'no labels'})")

    def bots(self, test: AccessTest) -> Iterator[Checker]:
        """Yield the bots that a test selects."""
        wanted = {*test.bots, *([test.bot] if test.bot else [])}
        for identity in self._identities:
            name = identity.name
            if name in wanted or "*" in wanted:
                if name not in self._checkers:
                    self._checkers[name] = Checker(identity)
                yield self._checkers[name]


def _result(test: Test, after: _Asked, before: _Asked | None) -> TestResult:
    found = tuple(_reasons(test.says, after))
    then = tuple(_reasons(test.says, before)) if before is not None else ()
    reasons = _bad(found)
    return TestResult(
        name=test.name,
        state=_state(found),
        reasons=reasons,
        at=test.at,
        was_failing=_state(then) == "failed" and set(reasons) <= set(_bad(then)),
    )


def _bad(reasons: Iterable[Reason]) -> tuple[str, ...]:
    return tuple(text for state, text in reasons if state != "passed")


def _state(reasons: Iterable[Reason]) -> State:
    states = {state for state, _ in reasons}
    if "failed" in states:
        return "failed"
    return "undecided" if "undecided" in states else "passed"


def _reasons(test: AccessTest, world: _Asked) -> Iterator[Reason]:
    """Yield what became of every question that the test asks."""
    bots = list(world.bots(test))
    servers = list(_servers(test, world))
    if not bots:
        yield "failed", "no bot is selected"
    if not servers:
        yield "failed", "no MCP server is selected"
    for checker in bots:
        for server in servers:
            who = f"bot {visible(checker.identity.name)} on {world.called(server)}"
            yield from _on(checker, server, test, who)


def _servers(test: AccessTest, world: _Asked) -> Iterator[Server]:
    for server in world.servers:
        if server.name == test.server or _selects(test.servers, server):
            yield server


def _selects(selector: ServerSelector, server: Server) -> bool:
    if server.name in selector.names or "*" in selector.names:
        return True
    try:
        return bool(LabelSelector.of(selector.labels).match(server.labels).matched)
    except PatternError:
        return False


def _on(checker: Checker, server: Server, test: AccessTest, who: str) -> Iterator[Reason]:
    for text in test.allow or ():
        yield _labelled(who, _allowed(checker, server, text))
    for text in test.deny or ():
        yield _labelled(who, _denied(checker, server, text))
    if test.exactly is not None:
        yield _labelled(who, _exactly(checker, server, test.exactly))
    if test.connect is not None:
        yield _labelled(who, _connects(checker, server, wanted=test.connect))


def _labelled(who: str, reason: Reason) -> Reason:
    state, text = reason
    return state, f"{who}: {text}"


def _allowed(checker: Checker, server: Server, text: str) -> Reason:
    pattern = compile_pattern(text)
    if server.tools is None:
        return _allowed_blindly(checker, server, pattern)
    asked = [tool for tool in server.tools if pattern.matches(tool)]
    if not asked:
        return "failed", f"no tool matches {visible(text)}"
    for tool in asked:
        decision = checker.decide(server, tool)
        if not decision.allowed:
            by = f" (role {visible(decision.role)})" if decision.role else ""
            return "failed", f"{visible(tool)} is not allowed: {decision.why}{by}"
    return "passed", f"{visible(text)} is allowed"


def _allowed_blindly(checker: Checker, server: Server, pattern: Pattern) -> Reason:
    """Decide about a tool of a server whose tools are not known: only a literal can be decided."""
    if pattern.kind != "literal":
        return "undecided", f"{visible(pattern.text)}: the server's tools are not known"
    decision = checker.decide(server, pattern.text)
    if decision.allowed:
        return "passed", f"{visible(pattern.text)} is allowed"
    return "failed", f"{visible(pattern.text)} is not allowed: {decision.why}"


def _denied(checker: Checker, server: Server, text: str) -> Reason:
    """Look for any name at all that the pattern can generate and that is allowed."""
    if not checker.connect(server).allowed:
        return "passed", f"{visible(text)} is denied"
    answer: Answer = checker.could_call(server, compile_pattern(text))
    if answer.value is None:
        return "undecided", f"{visible(text)}: {answer.reason}"
    if answer.value is False:
        return "passed", f"{visible(text)} is denied"
    decision = checker.decide(server, answer.name or "")
    by = f", by role {visible(decision.role)}, pattern {visible(decision.pattern)}"
    return "failed", f"{visible(answer.name or text)} is allowed{by if decision.role else ''}"


def _exactly(checker: Checker, server: Server, wanted: tuple[str, ...]) -> Reason:
    if server.tools is None:
        return "undecided", "exactly: the server's tools are not known"
    found = set(checker.tools(server)) if checker.connect(server).allowed else set()
    extra, missing = sorted(found - set(wanted)), sorted(set(wanted) - found)
    if not extra and not missing:
        return "passed", "exactly these tools are allowed"
    parts = [f"also allowed: {', '.join(extra)}"] * bool(extra)
    parts += [f"not allowed: {', '.join(missing)}"] * bool(missing)
    return "failed", visible("; ".join(parts))


def _connects(checker: Checker, server: Server, *, wanted: bool) -> Reason:
    decision = checker.connect(server)
    if decision.allowed is wanted:
        return "passed", "connect is as wanted"
    if wanted:
        return "failed", f"it cannot connect: {decision.why}"
    return "failed", f"it can connect, by role {visible(decision.role)}"


__all__ = ["Test", "results"]
