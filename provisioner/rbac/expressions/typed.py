"""From a tree to something that runs: names looked up and types checked before anything does.

Source: Teleport lib/utils/typical/parser.go. All is checked when an expression is parsed, so a
wrong type is an error even where evaluation would never get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from provisioner.rbac.expressions._base import (
    Binary,
    Call,
    Constant,
    Env,
    ExpressionError,
    Index,
    Name,
    Not,
    Tree,
)

Type = Literal["text", "texts", "bool", "number"]
Run = Callable[[Env], Any]


class Typed(Struct, frozen=True):
    """Something with a value: its type, and what yields the value (and may raise)."""

    type: Type
    run: Run


class Table(Struct, frozen=True):
    """A variable that has no value until it is indexed: the type of its entries, and one by key."""

    type: Type
    at: Callable[[Env, str], Any]


class Function(Struct, frozen=True):
    """A function: with `rest` its only parameter may be given any number of times."""

    parameters: tuple[Type, ...]
    result: Type
    call: Callable[..., Any]
    rest: bool = False
    needs_env: bool = False


class Dialect(Struct, frozen=True):
    """What expressions of one kind may say and the type they must have.

    With `other`, a name that is not among the variables stands for that table.
    """

    result: Type
    variables: Mapping[str, Typed | Table]
    functions: Mapping[str, Function]
    other: Table | None = None

    def compile(self, tree: Tree) -> Run:
        """Return what evaluates `tree`. Raises ExpressionError, and so may the result."""
        return _as(self.result, self._typed(tree))

    def _typed(self, tree: Tree) -> Typed | Table:
        match tree:
            case Name(parts):
                return self._named(parts)
            case Constant(value):
                return Typed("text" if isinstance(value, str) else "number", lambda _: value)
            case Index(container, key):
                return _at(self._typed(container), _as("text", self._typed(key)))
            case Call():
                return self._called(tree)
            case Not(item):
                negated = _as("bool", self._typed(item))
                return Typed("bool", lambda env: not negated(env))
            case Binary(operator, left, right):
                return _joined(operator, self._typed(left), self._typed(right))

    def _named(self, parts: tuple[str, ...]) -> Typed | Table:
        name, (*front, last) = ".".join(parts), parts
        if name in self.variables:
            return self.variables[name]
        table = self.variables.get(".".join(front), self.other if len(front) == 1 else None)
        if isinstance(table, Table):
            return _at(table, lambda _: last)
        if self.other and not front:
            return self.other
        raise ExpressionError(f"there is nothing called {name}")

    def _called(self, call: Call) -> Typed:
        function = self.functions.get(call.function)
        if function is None:
            raise ExpressionError(f"there is no function {call.function}")
        given = [self._typed(argument) for argument in call.arguments]
        wanted = function.parameters * len(given) if function.rest else function.parameters
        if len(given) != len(wanted):
            raise ExpressionError(
                f"{call.function} takes {len(wanted)} arguments, not {len(given)}"
            )
        runs = [_as(type_, item) for type_, item in zip(wanted, given, strict=True)]

        def run(env: Env) -> object:
            values = [argument(env) for argument in runs]
            return function.call(env, *values) if function.needs_env else function.call(*values)

        return Typed(function.result, run)


def _as(wanted: Type, given: Typed | Table) -> Run:
    """Return what yields `given` as the type that is wanted; a text does for a list of texts."""
    if isinstance(given, Typed):
        run = given.run
        if given.type == wanted:
            return run
        if (wanted, given.type) == ("texts", "text"):
            return lambda env: (run(env),)
    found = given.type if isinstance(given, Typed) else "table"
    raise ExpressionError(f"a {wanted} is needed, not a {found}")


def _at(table: Typed | Table, key: Run) -> Typed:
    if isinstance(table, Typed):
        raise ExpressionError(f"a {table.type} has no keys")
    return Typed(table.type, lambda env: table.at(env, key(env)))


def _joined(operator: str, left: Typed | Table, right: Typed | Table) -> Typed:
    if operator in ("==", "!="):
        if not isinstance(left, Typed) or left.type not in ("text", "number"):
            raise ExpressionError(f"{operator} compares texts; for lists there is contains")
        one, other = left.run, _as(left.type, right)
        if operator == "==":
            return Typed("bool", lambda env: one(env) == other(env))
        return Typed("bool", lambda env: one(env) != other(env))
    one, other = _as("bool", left), _as("bool", right)
    if operator == "&&":
        return Typed("bool", lambda env: one(env) and other(env))
    return Typed("bool", lambda env: one(env) or other(env))
