"""Small changes to the source of a module: each a mutant, which a test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SEEN: Final = "_seen_by_mutation"
"""What a module calls the set of lines that ran, when it is asked which do."""

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
    """One change: the module, where it is, what it was and what it is.

    `where` is the function or class, `statement` the line of the innermost statement of a function
    that is changed: 0 for what runs when the module is imported. `node` counts nodes from 0.
    """

    module: str
    where: str
    line: int
    statement: int
    node: int
    other: ast.AST

    @property
    def what(self) -> str:
        """What it was and what it is, in one line."""
        was = next(n for i, n in enumerate(ast.walk(parsed(self.module))) if i == self.node)
        texts = (
            ast.unparse(ast.fix_missing_locations(n)) for n in (was, copy.deepcopy(self.other))
        )
        return " -> ".join(" ".join(text.split()) for text in texts)

    @property
    def tree(self) -> ast.Module:
        """The whole module, changed."""
        changed = copy.deepcopy(parsed(self.module))
        target = next(n for i, n in enumerate(ast.walk(changed)) if i == self.node)
        _replace(changed, target, self.other)
        return ast.fix_missing_locations(changed)


@cache
def parsed(module: str) -> ast.Module:
    """Return the source of a module, parsed; the module is not imported."""
    return ast.parse(source(module).read_text())


def source(module: str) -> Path:
    """Return the file of a module."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def mutants(module: str) -> Iterator[Mutant]:
    """Yield each small change that can be made to a module."""
    tree = parsed(module)
    left_alone = {id(n) for a in _left_alone(tree) for n in ast.walk(a)}
    places = dict(_places(tree, "", 0, inside=False))
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in left_alone:
            for other in _changes(node):
                where, statement = places[id(node)]
                line = getattr(node, "lineno", statement)
                yield Mutant(module, where, line, statement, number, other)


def probed(module: str) -> ast.Module:
    """Return a module that adds the line of each statement of its functions to SEEN."""
    tree = copy.deepcopy(parsed(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            _probe(node)
    return ast.fix_missing_locations(tree)


def _probe(node: ast.AST) -> None:
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        children = getattr(node, name, [])
        if not isinstance(children, list):
            continue  # the value of a lambda or of a conditional
        for child in children:
            if not isinstance(child, ast.FunctionDef):  # it is walked by itself
                _probe(child)
        if name in ("body", "orelse", "finalbody"):
            both = [(_note(child), child) for child in children if isinstance(child, ast.stmt)]
            children[:] = [each for pair in both for each in pair]


def _note(statement: ast.stmt) -> ast.stmt:
    (note,) = ast.parse(f"{SEEN}.add({statement.lineno})").body
    return note


def _places(
    node: ast.AST, where: str, statement: int, *, inside: bool
) -> Iterator[tuple[int, tuple[str, int]]]:
    """Yield the function and the statement in which each node is."""
    yield id(node), (where, statement)
    is_function = isinstance(node, ast.FunctionDef)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}".lstrip(".")
    for child in ast.iter_child_nodes(node):
        within = inside or (is_function and child in node.body)
        is_own = within and isinstance(child, ast.stmt)
        line = child.lineno if is_own and isinstance(child, ast.stmt) else statement
        yield from _places(child, where, line, inside=within)


def _left_alone(tree: ast.Module) -> Iterator[ast.AST]:
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
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield node
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
            yield node
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from node.decorator_list
        if isinstance(node, ast.ClassDef):
            yield from node.keywords  # how a Struct is made, as a decorator told before


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
