"""Codes of problems: people search for them, suppress them and read about them under one name."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from typing import Any, Final

from provisioner.checks.rules import REACH, RULES, Rule
from provisioner.checks.severity import CONFIG, UNUSED
from tests.test_floors import MODULES

ONE_OF_TWO: Final = {"decode": "wording"}
"""Modules that share the codes of another one, because they do one job together."""


def test_a_code_means_one_thing() -> None:
    """A code is given by one module, or one package, and by no other."""
    givers: dict[str, set[str]] = defaultdict(set)
    for name, path in MODULES.items():
        module = name.split(".")[0]
        if module == "report":
            continue  # reports tell what others give
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch(r"PV\d{3}", str(node.value)):
                givers[str(node.value)].add(ONE_OF_TWO.get(module, module))
    assert len(givers) > 50
    assert {code: found for code, found in givers.items() if len(found) > 1} == {}


def test_every_rule_has_a_code_of_its_own() -> None:
    """Two rules never share a code, nor a title."""
    rules: tuple[Rule[Any], ...] = (*RULES, *REACH, *CONFIG, UNUSED)
    for values in ([rule.code for rule in rules], [rule.title for rule in rules]):
        assert [value for value, number in Counter(values).items() if number > 1] == []
