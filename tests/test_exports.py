"""What modules show to each other."""

from __future__ import annotations

import ast
import importlib
from itertools import takewhile

import pytest

from tests.test_floors import MODULES

NAMED = [name for name in MODULES if name]


@pytest.mark.parametrize("name", NAMED)
def test_what_is_exported_is_there(name: str) -> None:
    """Every name in `__all__` exists, and stands in it once."""
    module = importlib.import_module(f"provisioner.{name}")
    exported = list(getattr(module, "__all__", ()))
    assert len(set(exported)) == len(exported)
    assert [each for each in exported if not hasattr(module, each)] == []


def within(target: list[str], own: list[str]) -> bool:
    """Say whether a module stands in the package whose private names begin in `target`."""
    public = list(takewhile(lambda part: not part.startswith("_"), target))
    return own[: len(public)] == public


@pytest.mark.parametrize("name", NAMED)
def test_nobody_reaches_into_another_module(name: str) -> None:
    """A private name is used where it is defined, and a private module inside its package."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
            "provisioner"
        ):
            continue
        target = (node.module or "").split(".")[1:]
        hidden = [part for part in target if part.startswith("_")]
        names = [alias.name for alias in node.names]
        private = [each for each in names if each.startswith("_") and not each.startswith("__")]
        inside = within(target or names, name.split("."))
        assert inside or not hidden, f"{name} imports {node.module}"
        modules = [each for each in private if ".".join([*target, each]) in MODULES]
        assert private == (modules if inside else []), f"{name} imports {private} of {node.module}"
