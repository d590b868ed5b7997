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
from provisioner.rbac.labels import alternatives, told_apart
from provisioner.rbac.patterns import LabelSelector, Pattern, PatternError, compile_pattern
from provisioner.site.model import AccessTest, ServerSelector
from provisioner.text.terminal import visible

State = Literal["passed", "failed", "undecided"]
Verdict = tuple[State, str]
"""What became of one question, and why."""


class Test(Struct, frozen=True):
    """An access test with its name and its place in the site."""

    name: str
    says: AccessTest
    at: Place


class Reason(Struct, frozen=True):
    """Why a test came out as it did; `where` tells sides of a server that the reason holds at alone."""

    state: State
    text: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.text}{self.where}"


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
        self._named = world.named()
        self._identities = world.identities
        self._checkers: dict[str, Checker] = {}

    def servers(self, test: AccessTest) -> Iterator[tuple[Server, ...]]:
        """Yield the servers that a test selects, each as what is served by its name."""
        for sides in self._named.values():
            if selected := tuple(side for side in sides if _is_meant(side, test)):
                yield selected

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
    bad = [each for each in found if each.state != "passed"]
    return TestResult(
        name=test.name,
        state=_state(found),
        reasons=tuple(map(str, bad)),
        at=test.at,
        was_failing=_state(then) == "failed"
        and {each.text for each in bad} <= {each.text for each in then if each.state != "passed"},
    )


def _state(reasons: Iterable[Reason]) -> State:
    states = {each.state for each in reasons}
    if "failed" in states:
        return "failed"
    return "undecided" if "undecided" in states else "passed"


def _reasons(test: AccessTest, world: _Asked) -> Iterator[Reason]:
    """Yield what became of every question that the test asks."""
    bots = list(world.bots(test))
    servers = list(world.servers(test))
    if not bots:
        yield Reason("failed", "no bot is selected")
    if not servers:
        yield Reason("failed", "no MCP server is selected")
    for checker in bots:
        for sides in servers:
            yield from _on(checker, sides, test)


def _is_meant(server: Server, test: AccessTest) -> bool:
    return server.name == test.server or _selects(test.servers, server)


def _selects(selector: ServerSelector, server: Server) -> bool:
    if server.name in selector.names or "*" in selector.names:
        return True
    try:
        return bool(LabelSelector.of(selector.labels).match(server.labels).matched)
    except PatternError:
        return False


def _on(checker: Checker, sides: tuple[Server, ...], test: AccessTest) -> Iterator[Reason]:
    """Yield what became of the questions at each side of a server, equal ones once."""
    who = f"bot {visible(checker.identity.name)} on {visible(sides[0].name)}"
    found: dict[Verdict, list[int]] = {}
    for number, side in enumerate(sides):
        for verdict in dict.fromkeys(_verdicts(checker, side, test)):
            found.setdefault(verdict, []).append(number)
    apart = told_apart([side.labels for side in sides])
    for (state, text), numbers in found.items():
        those = alternatives(apart[number] for number in numbers)
        where = "" if len(numbers) == len(sides) else f" (where its labels are {visible(those)})"
        yield Reason(state, f"{who}: {text}", where)


def _verdicts(checker: Checker, server: Server, test: AccessTest) -> Iterator[Verdict]:
    for text in test.allow or ():
        yield _allowed(checker, server, text)
    for text in test.deny or ():
        yield _denied(checker, server, text)
    if test.exactly is not None:
        yield _exactly(checker, server, test.exactly)
    if test.connect is not None:
        yield _connects(checker, server, wanted=test.connect)


def _allowed(checker: Checker, server: Server, text: str) -> Verdict:
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


def _allowed_blindly(checker: Checker, server: Server, pattern: Pattern) -> Verdict:
    """Decide about a tool of a server whose tools are not known: only a literal can be decided."""
    if pattern.kind != "literal":
        return "undecided", f"{visible(pattern.text)}: the server's tools are not known"
    decision = checker.decide(server, pattern.text)
    if decision.allowed:
        return "passed", f"{visible(pattern.text)} is allowed"
    return "failed", f"{visible(pattern.text)} is not allowed: {decision.why}"


def _denied(checker: Checker, server: Server, text: str) -> Verdict:
    """Look for any name at all that the pattern can generate and that is allowed."""
    if not checker.connect(server).allowed:
        return "passed", f"{visible(text)} is denied"
    answer = checker.could_call(server, compile_pattern(text))
    if answer.value is None:
        return "undecided", f"{visible(text)}: {answer.reason}"
    if answer.value is False:
        return "passed", f"{visible(text)} is denied"
    decision = checker.decide(server, answer.name or "")
    by = f", by role {visible(decision.role)}, pattern {visible(decision.pattern)}"
    return "failed", f"{visible(answer.name or text)} is allowed{by if decision.role else ''}"


def _exactly(checker: Checker, server: Server, wanted: tuple[str, ...]) -> Verdict:
    if server.tools is None:
        return "undecided", "exactly: the server's tools are not known"
    found = set(checker.tools(server)) if checker.connect(server).allowed else set()
    extra, missing = sorted(found - set(wanted)), sorted(set(wanted) - found)
    if not extra and not missing:
        return "passed", "exactly these tools are allowed"
    parts = [f"also allowed: {', '.join(extra)}"] * bool(extra)
    parts += [f"not allowed: {', '.join(missing)}"] * bool(missing)
    return "failed", visible("; ".join(parts))


def _connects(checker: Checker, server: Server, *, wanted: bool) -> Verdict:
    decision = checker.connect(server)
    if decision.allowed is wanted:
        return "passed", "connect is as wanted"
    if wanted:
        return "failed", f"it cannot connect: {decision.why}"
    return "failed", f"it can connect, by role {visible(decision.role)}"


__all__ = ["Test", "results"]
