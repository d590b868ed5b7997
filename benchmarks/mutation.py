"""Change the code in one small way at a time, and see whether a test notices.

    python benchmarks/mutation.py [--sample N] [--seed S] [--minutes M] [MODULE...]

A mutant that no test notices (a survivor) is printed with its line. Each runs in a process that is
forked from one in which the libraries are loaded already, with the tests of its module first and
the laws (tests/property) after them, and is ended when it takes far longer than the code as it is.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import CodeType, ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
LIBRARIES: Final = ("click", "hypothesis", "jinja2", "pydantic", "re2", "yaml")
SUITES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "provisioner.rbac.access._base": (("unit/rbac/test_access.py",), ("property/test_access.py",)),
    "provisioner.rbac.access": (("unit/rbac/test_access.py",), ("property/test_access.py",)),
    "provisioner.rbac.access._index": (
        ("unit/rbac/test_access_index.py", "unit/rbac/test_access.py"), ("property/test_access.py",)),
    "provisioner.rbac.access.checker": (("unit/rbac/test_access.py",), ("property/test_access.py",)),
    "provisioner.rbac.access.grid": (("unit/rbac/test_access.py",), ("property/test_access.py",)),
    "provisioner.rbac.patterns": (("unit/rbac/test_patterns.py",), ("property/test_patterns.py",)),
    "provisioner.rbac.patterns._base": (
        ("unit/rbac/test_patterns.py",), ("property/test_patterns.py",)),
    "provisioner.rbac.patterns.automata": (
        ("unit/rbac/test_patterns.py",), ("property/test_patterns.py",)),
    "provisioner.rbac.patterns.matcher": (
        ("unit/rbac/test_patterns.py",), ("property/test_patterns.py",)),
    "provisioner.rbac.patterns.regex": (
        ("unit/rbac/test_patterns.py",), ("property/test_patterns.py",)),
    "provisioner.planning.plan": (
        ("unit/planning/test_plan.py",), ("golden", "property/test_laws.py")),
    "provisioner.cluster.resource": (
        ("unit/cluster/test_resource.py", "unit/planning/test_compare.py"), ("golden",)),
    "provisioner.applying.apply": (
        ("unit/applying/test_apply.py", "unit/applying/test_execution.py"), ("golden",)),
}  # fmt: skip
"""Each module, the tests that are about it, and those that are asked only about survivors."""

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.Mult: ast.Add,
}  # fmt: skip
_NAMES: Final = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the module, its line, what it was and what it is."""

    module: str
    line: int
    was: str
    now: str
    tree: ast.Module


def mutants(module: str, tree: ast.Module) -> Iterator[Mutant]:
    """Yield the module once for each small change that can be made to it."""
    annotations = {id(n) for a in _annotations(tree) for n in ast.walk(a)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in annotations:
            continue
        for other in _changes(node):
            changed = copy.deepcopy(tree)
            target = next(n for i, n in enumerate(ast.walk(changed)) if i == number)
            _replace(changed, target, other)
            line = getattr(node, "lineno", 0)
            now = ast.unparse(ast.fix_missing_locations(other))
            yield Mutant(module, line, ast.unparse(node), now, ast.fix_missing_locations(changed))


def _annotations(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what is no code that runs: annotations, docstrings, imports and bare declarations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation
        if isinstance(node, ast.FunctionDef) and node.returns:
            yield node.returns
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Raise):
            yield node  # how a message is worded is held by other tests
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from node.decorator_list


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what can stand in the place of a node."""
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in _COMPARISONS:
            yield _with(node, ops=[_COMPARISONS[type(op)](), *node.ops[1:]])
        case ast.BoolOp(op=op):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield node.values[0]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield _with(node, op=_OPERATORS[type(op)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if value:
            yield ast.Constant(f"{value}!")
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield _with(node, func=ast.Name(_NAMES[name], ast.Load()))
        case ast.IfExp(test=test) | ast.If(test=test) | ast.While(test=test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[_, *_]):
            yield _with(node, ifs=[])
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Continue():
            yield ast.Break()
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.AugAssign():
            yield ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, copy.deepcopy(new))
                return
            if isinstance(value, list) and any(item is old for item in value):
                value[:] = [copy.deepcopy(new) if item is old else item for item in value]
                return


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module changed, and all others as they are."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if fullname == self._mutant.module and spec and spec.origin:
            spec.loader = _Loader(fullname, spec.origin, self._mutant.tree)
            return spec
        return None


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.get_filename(fullname), "exec")


def run(mutant: Mutant | None, tests: Sequence[str], seconds: int) -> bool:
    """Run tests in a process of their own; say whether they passed within so many seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)  # its default action ends the process
        quiet = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(quiet, stream)
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        where = [str(ROOT / "tests" / test) for test in tests]
        code = pytest.main(
            ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", *where]
        )
        os._exit(0 if code == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def survives(mutant: Mutant, limits: dict[tuple[str, ...], int]) -> bool:
    """Say whether neither the tests of its module nor the laws notice a mutant."""
    return all(run(mutant, tests, limits[tests]) for tests in SUITES[mutant.module])


def main() -> int:
    """Read the arguments, try a sample, print the score; exit with 1 when the code itself fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(SUITES))
    parser.add_argument("--sample", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=40.0)
    given = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    limits: dict[tuple[str, ...], int] = {}
    for tests in dict.fromkeys(tests for name in given.modules for tests in SUITES[name]):
        start = time.monotonic()
        if not run(None, tests, 600):
            print(f"the tests fail on the code as it is: {' '.join(tests)}", file=sys.stderr)
            return 1
        limits[tests] = 20 + 5 * round(time.monotonic() - start)
    every = [mutant for name in given.modules for mutant in mutants(name, parsed(name))]
    chosen = Random(given.seed).sample(every, min(given.sample, len(every)))
    report(chosen, limits, len(every), time.monotonic() + given.minutes * 60)
    return 0


def parsed(module: str) -> ast.Module:
    """Return the source of a module, parsed; the module is not imported."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text())


def report(
    chosen: Sequence[Mutant], limits: dict[tuple[str, ...], int], total: int, end: float
) -> None:
    """Try the mutants until the time is up; print the survivors and the score of each module."""
    tried: dict[str, list[bool]] = {}
    for mutant in chosen:
        if time.monotonic() > end:
            print("the time is up")
            break
        alive = survives(mutant, limits)
        tried.setdefault(mutant.module, []).append(not alive)
        if alive:
            print(
                f"SURVIVED {mutant.module}:{mutant.line}: {mutant.was} -> {mutant.now}", flush=True
            )
    for module, killed in sorted(tried.items()):
        print(f"{module}: {sum(killed)} of {len(killed)} killed")
    number = sum(map(len, tried.values()))
    score = sum(map(sum, tried.values()))
    print(f"all: {score} of {number} killed; {total} mutants in all")


if __name__ == "__main__":
    sys.exit(main())
