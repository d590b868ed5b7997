"""Teleport's predicate language: expressions over the traits of a user and labels of a resource.

Which names an expression may use is up to its dialect; this package knows none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provisioner.rbac.expressions import library
from provisioner.rbac.expressions._base import Env, ExpressionError
from provisioner.rbac.expressions.syntax import parse
from provisioner.rbac.expressions.typed import Dialect, Function, Table, Typed

__all__ = [
    "Dialect",
    "Env",
    "ExpressionError",
    "Function",
    "Table",
    "Typed",
    "compile_expression",
    "library",
]


def compile_expression(dialect: Dialect, text: str) -> Callable[[Env], Any]:
    """Return what evaluates `text` in an environment; the type is the dialect's.

    Raises ExpressionError for what Teleport does not parse; the result raises it for what has no
    value in its environment.
    """
    if not text:
        raise ExpressionError("the expression is empty")
    return dialect.compile(parse(text))
