"""Change the code in one small way at a time, and see whether a test notices.

    python benchmarks/mutation.py [--sample N] [--seed S] [--seconds S] [MODULE...]

Each mutant is asked of the tests that run the changed statement, the quickest first, until they have
taken `--seconds` on the code as it is: of those that are about the modules, and of all others where
these let it live. What runs at import, and what is left in the end (a survivor), is asked again in
a process that imports the mutant. Survivors are printed with their lines. Those that no test can
notice are in equivalent.toml, each with the reason, and are not tried.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import CodeType, ModuleType
from typing import Final

import mutants
import pytest
import warm
from mutants import ROOT, Mutant
from warm import Reach, Test, Warm

LIBRARIES: Final = ("click", "hypothesis", "jinja2", "msgspec", "re2", "yaml")
_ACCESS: Final = ("unit/rbac/test_access", "property/test_access", "unit/rbac/test_sentences")
_PATTERNS: Final = (
    "unit/rbac/test_regex", "unit/rbac/test_automata", "unit/rbac/test_patterns",
    "property/test_patterns",
)  # fmt: skip
_SCHEMA: Final = ("unit/schema/test_kinds", "unit/schema/test_records", "unit/site")
SUITES: Final[Mapping[str, tuple[str, ...]]] = {
    "provisioner.rbac.access": _ACCESS,
    "provisioner.rbac.access._base": _ACCESS,
    "provisioner.rbac.access._crews": _ACCESS,
    "provisioner.rbac.access._index": ("unit/rbac/test_access_index", *_ACCESS),
    "provisioner.rbac.access.checker": _ACCESS,
    "provisioner.rbac.access.grid": _ACCESS,
    "provisioner.rbac.patterns": _PATTERNS,
    "provisioner.rbac.patterns._base": _PATTERNS,
    "provisioner.rbac.patterns.automata": _PATTERNS,
    "provisioner.rbac.patterns.matcher": _PATTERNS,
    "provisioner.rbac.patterns.regex": _PATTERNS,
    "provisioner.planning.plan": ("unit/planning", "golden"),
    "provisioner.planning.state": ("unit/planning", "golden"),
    "provisioner.planning.impact": ("unit/planning", "golden"),
    "provisioner.planning.holdings": ("unit/planning", "golden"),
    "provisioner.planning.compare": ("unit/planning", "golden"),
    "provisioner.cluster.resource": ("unit/cluster/test_resource", "unit/planning"),
    "provisioner.cluster.canonical": ("unit/cluster/test_resource", "unit/planning"),
    "provisioner.applying.apply": ("unit/applying",),
    "provisioner.schema.kinds": _SCHEMA,
    "provisioner.schema.records": _SCHEMA,
}
"""Each module, and the tests that are about it."""

ASKED: Final = (
    "unit/applying", "unit/checks", "unit/cluster", "unit/importing", "unit/planning", "unit/rbac",
    "unit/report", "unit/schema", "unit/site", "unit/test_values.py", "unit/test_workflow.py", "golden",
    "property/test_access.py", "property/test_inquiry.py", "property/test_laws.py",
    "property/test_patterns.py", "property/test_reach.py", "property/test_schema.py",
)  # fmt: skip
"""All tests that are asked."""

EQUIVALENT: Final = Path(__file__).parent / "equivalent.toml"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module changed, and all others as they are."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if fullname == self._mutant.module and spec and spec.origin:
            spec.loader = _Loader(fullname, spec.origin, self._mutant)
            return spec
        return None


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.tree, self.get_filename(fullname), "exec")


class _Only:
    """Lets pytest run some tests in this order, and no others."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is wanted."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order),
            key=lambda item: self._order[item.nodeid],
        )


def alive_afresh(mutant: Mutant, tests: Sequence[Test]) -> bool:
    """Whether these tests pass in a process of their own that imports the mutant."""

    def verdict() -> bool:
        sys.meta_path.insert(0, _Finder(mutant))
        files = dict.fromkeys(test.name.partition("::")[0] for test in tests)
        where = [str(ROOT / file) for file in files]
        only = _Only([test.name for test in tests])
        return pytest.main(["-x", *warm.OPTIONS, *where], plugins=[only]) == 0

    return warm.answer(verdict, otherwise=False, seconds=warm.patience(tests))


@dataclass(frozen=True, slots=True)
class Asked:
    """A mutant, the tests that were asked about it, and whether they let it live."""

    mutant: Mutant
    tests: Sequence[Test]
    alive: bool


def reaching(mutant: Mutant, reaches: Sequence[Reach], seconds: float) -> list[Test]:
    """Return the tests to ask: those about the module first, then the quickest, for so long."""
    own = tuple(f"tests/{name}" for name in SUITES[mutant.module])
    is_own = {each.test.name: each.test.name.startswith(own) for each in reaches}
    found = [each.test for each in reaches if _reaches(each, mutant, is_own=is_own[each.test.name])]
    found.sort(key=lambda test: (not is_own[test.name], test.seconds))
    chosen: list[Test] = []
    for test in found:
        if (seconds := seconds - test.seconds) < 0 and chosen:
            break
        chosen.append(test)
    return chosen


def _reaches(reach: Reach, mutant: Mutant, *, is_own: bool) -> bool:
    lines = reach.lines[mutant.module]
    if mutant.statement:
        return mutant.statement in lines
    return is_own or bool(lines)  # what is made at import can be looked at without a call


def asked(
    chosen: Sequence[Mutant], seconds: float, tests: Sequence[str], *, twice: bool
) -> Iterator[Asked]:
    """Ask these tests about each mutant; what runs at import, afresh, and `twice` what they let live."""

    def use(session: Warm) -> Iterator[Asked]:
        for mutant in chosen:
            tests = reaching(mutant, session.reaches, seconds)
            alive = not tests or not mutant.statement or session.alive(mutant, tests)
            yield Asked(mutant, tests, alive)

    modules = sorted({mutant.module for mutant in chosen})
    for each in warm.session([str(ROOT / "tests" / name) for name in tests], modules, use):
        is_open = each.alive and each.tests and (twice or not each.mutant.statement)
        if is_open and not alive_afresh(each.mutant, each.tests):
            yield Asked(each.mutant, each.tests, alive=False)
        else:
            yield each


def verdicts(chosen: Sequence[Mutant], seconds: float, near: Sequence[str]) -> Iterator[Asked]:
    """Ask the tests that are about the modules, and then all of them about what those let live."""
    left = []
    for each in asked(chosen, seconds, [*map(path, near)], twice=False):
        if each.alive:
            left.append(each.mutant)
        else:
            yield each
    if left:
        yield from asked(left, seconds, ASKED, twice=True)


def explained() -> set[tuple[str, str, str]]:
    """Return the mutants that change nothing that anybody could notice."""
    rows = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    return {(row["module"], row["where"], row["what"]) for row in rows}


def main() -> int:
    """Read the arguments, try a sample, print the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(SUITES))
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    every = [mutant for name in given.modules for mutant in mutants.mutants(name)]
    chosen = Random(given.seed).sample(every, min(given.sample, len(every)))
    known = explained()
    other = [each for each in chosen if (each.module, each.where, each.what) not in known]
    near = sorted({test for name in given.modules for test in SUITES[name]})
    report(verdicts(other, given.seconds, near))
    print(f"{len(chosen) - len(other)} more are equivalent; there are {len(every)} mutants in all")
    return 0


def path(test: str) -> str:
    """Return where a test of SUITES is, below tests/."""
    return test if (ROOT / "tests" / test).is_dir() else f"{test}.py"


def report(found: Iterable[Asked]) -> None:
    """Print the survivors as they come, and the score of each module."""
    tried: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for each in found:
        mutant = each.mutant
        tried[mutant.module] += 1
        killed[mutant.module] += not each.alive
        if each.alive:
            where = f"{mutant.module}:{mutant.line} {mutant.where}"
            print(f"SURVIVED {where}: {mutant.what} ({len(each.tests)} tests)", flush=True)
        if sys.stderr.isatty():
            print(f"\r{tried.total()}", end="", file=sys.stderr, flush=True)
    for module, number in sorted(tried.items()):
        print(f"{module}: {killed[module]} of {number} killed")
    print(f"all: {killed.total()} of {tried.total()} killed")


if __name__ == "__main__":
    sys.exit(main())
