"""Disturb a command at every step that it makes, one after the other: `campaign CASE FAULT`.

Prints what is not as it should be, a line each, and last how many steps were disturbed. It is a
program of its own, for it forks at each step, which a process with threads should not.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from provisioner.errors import ProvisionError
from tests.faults import cases, steps
from tests.faults.cases import CASES, Case
from tests.faults.steps import Answer, Ending, Step

_DEFECTS: Final = ("Traceback (most recent", "This is a defect")
_PATIENCE: Final = 0.5  # seconds in which somebody else can do all that he wants


@dataclass(frozen=True)
class Fault:
    """What is done before a step, and how the command may end then.

    `tidy`: it comes to an end of its own, so that nothing may be left lying about. `alone`: nobody
    else changes anything. `reads`: steps that only read are disturbed as well.
    """

    act: Callable[[Step, Path], Answer]
    codes: frozenset[int]
    tidy: bool = True
    alone: bool = True
    reads: bool = False


@dataclass(frozen=True)
class State:
    """The files and the cluster of a directory."""

    files: Mapping[str, bytes]
    cluster: Mapping[str, Any]

    @classmethod
    def of(cls, root: Path) -> State:
        return cls(cases.files(root), cases.cluster(root))


def sends(number: signal.Signals) -> Callable[[Step, Path], Answer]:
    def act(step: Step, _root: Path) -> Answer:
        os.kill(step.main, number)
        return None

    return act


def fails(number: int) -> Callable[[Step, Path], Answer]:
    return lambda _step, _root: number


def also(state: str) -> Callable[[Step, Path], Answer]:
    """Let somebody else apply the same; who shares the `state` directory is on the same machine."""

    def act(_step: Step, root: Path) -> Answer:
        argv = ("apply", "--yes", "--prune", "--cluster", "local:c.db")
        pid = os.fork()
        if pid == 0:
            os._exit(cases.program(root, *argv, state=state, said="said")())
        deadline = time.monotonic() + _PATIENCE
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:  # it waits for what we are about to do
                break
            time.sleep(0.01)
        return None

    return act


FAULTS: Final[Mapping[str, Fault]] = {
    "kill": Fault(sends(signal.SIGKILL), frozenset({-signal.SIGKILL}), tidy=False),
    "interrupt": Fault(sends(signal.SIGINT), frozenset({0, 130})),
    "terminate": Fault(sends(signal.SIGTERM), frozenset({0, 143})),
    "disk-full": Fault(fails(errno.ENOSPC), frozenset({0, 1}), reads=True),
    "broken-disk": Fault(fails(errno.EIO), frozenset({0, 1}), reads=True),
    "forbidden": Fault(fails(errno.EACCES), frozenset({0, 1}), reads=True),
    "other-machine": Fault(also("other"), frozenset({0, 1, 4}), alone=False),
    "same-machine": Fault(also("state"), frozenset({0, 3}), alone=False),
}


class Campaign:
    """One case under one fault, in a directory of its own."""

    def __init__(self, case: Case, fault: Fault, base: Path) -> None:
        self.case, self.fault = case, fault
        self.root, self._pristine = base / "root", base / "pristine"
        self._pristine.mkdir()
        case.build(self._pristine)
        self._renew()
        self.before = State.of(self.root)
        ended = steps.run(cases.program(self.root, *case.argv), self.root)
        assert ended.code == 0, cases.said(self.root)
        self.after = State.of(self.root)

    def disturbed(self, number: int) -> tuple[Step, list[str]] | None:
        """Disturb one step; return it, and what is wrong then. None if there are not so many."""
        self._renew()
        hit: list[Step] = []

        def act(step: Step) -> Answer:
            if (step.reads and not self.fault.reads) or cases.is_harness(step):
                return None
            hit.append(step)
            return self.fault.act(step, self.root) if len(hit) == number else None

        grace = 1.0 if self.fault.alone else 60.0
        ended = steps.run(cases.program(self.root, *self.case.argv), self.root, act, grace=grace)
        if len(hit) < number:
            return None
        step = hit[number - 1]
        return step, [*self._wrong_now(step, ended), *self._wrong_in_the_end()]

    def _renew(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._pristine, self.root)

    def _wrong_now(self, step: Step, ended: Ending) -> Iterator[str]:
        """Yield what is wrong once the command has ended."""
        said = cases.said(self.root)
        if ended.code not in self.fault.codes:
            yield f"exit code {ended.code}: {said}"
        if ended.orphans:
            yield f"left running: {ended.orphans}"
        if any(words in said for words in _DEFECTS):
            yield f"a defect: {said}"
        try:
            now = State.of(self.root)
            told = cases.outcomes(self.root, self.case)
        except (ValueError, LookupError, ProvisionError) as error:  # what cannot be read is torn
            yield f"torn: {error!r}"
            return
        yield from self._torn(step, now.files)
        yield from self._touched(now.cluster)
        if self.fault.alone:
            yield from cases.untrue(told, self.before.cluster, now.cluster, self.after.cluster)
        if ended.code > 128 and set(told.values()) - {"pending"} and "changes made" not in said:
            yield f"does not say what was done: {said}"

    def _torn(self, step: Step, now: Mapping[str, bytes]) -> Iterator[str]:
        """Yield files that are neither old nor new, that are gone, or that nobody will need."""
        for name, data in now.items():
            old, new = self.before.files.get(name), self.after.files.get(name)
            if cases.TEMPORARY.fullmatch(Path(name).name):
                if self.fault.tidy and not step.call.startswith(("unlink", "link")):
                    yield f"left lying about: {name}"
            elif name.endswith(".lock"):
                if self.fault.tidy and step.path.suffix != ".lock":
                    yield f"still locked: {name}"
            elif cases.is_record(name):
                json.loads(data)
            elif data not in (old, new):
                yield f"neither old nor new: {name}: {data!r}"
        for name in self.before.files.keys() & self.after.files.keys() - now.keys():
            yield f"gone: {name}"
        locks = [path.name for path in (self.root / "state").glob("*.lock")]
        if self.fault.tidy and locks and step.path.suffix != ".lock":
            yield f"still locked: {locks}"

    def _touched(self, now: Mapping[str, Any]) -> Iterator[str]:
        """Yield what lives in the cluster and was not to be changed, but has."""
        for key, body in self.before.cluster.items():
            if body == self.after.cluster.get(key) and now.get(key) != body:
                yield f"touched: {key}"

    def _wrong_in_the_end(self) -> Iterator[str]:
        """Yield what is wrong when the command was run once more."""
        ended = steps.run(cases.program(self.root, *self.case.argv), self.root)
        if ended.code not in (0, *self.case.again):
            yield f"the next run ends with {ended.code}: {cases.said(self.root)}"
        now = State.of(self.root)
        wanted, found = map(_without_revisions, (self.after.cluster, now.cluster))
        if wanted != found:
            yield f"the cluster did not converge: {_difference(wanted, found)}"
        mine = {
            name: data
            for name, data in now.files.items()
            if not cases.TEMPORARY.fullmatch(Path(name).name)
            and not name.endswith(("report.json", ".lock"))
        }
        theirs = {name: data for name, data in self.after.files.items() if name != "report.json"}
        if mine != theirs:
            yield f"the files did not converge: {_difference(theirs, mine)}"


def _without_revisions(live: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {**body, "metadata": {**body["metadata"], "revision": ""}}
        for key, body in live.items()
    }


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))


def main(name: str, fault: str) -> int:
    """Run a campaign to its end; 0 means that nothing was wrong."""
    cases.preload()
    number, wrong = 0, 0
    with tempfile.TemporaryDirectory() as base:
        campaign = Campaign(CASES[name], FAULTS[fault], Path(base).resolve())
        while (found := campaign.disturbed(number + 1)) is not None:
            step, complaints = found
            number += 1
            for complaint in complaints:
                wrong += 1
                sys.stdout.write(f"{step}: {complaint}\n")
    sys.stdout.write(f"{number} steps\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
