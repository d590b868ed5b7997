"""The mutation run: its list of modules and tests is one of what there is, and it finds what it should."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LISTED = """
import sys
sys.path.insert(0, "benchmarks")
import mutation, mutants
from mutants import ROOT
for module, tests in mutation.SUITES.items():
    found = {(m.module, m.where, m.what) for m in mutants.mutants(module)}
    assert len(found) > 10, module
    assert mutants.source(module).exists(), module
    for row in [each for each in mutation.explained() if each[0] == module]:
        assert row in found, row
    for test in tests:
        assert (ROOT / "tests" / mutation.path(test)).exists(), test
assert {row[0] for row in mutation.explained()} <= mutation.SUITES.keys()
assert all((ROOT / "tests" / test).exists() for test in mutation.ASKED)
print("as listed")
"""


def test_what_is_listed_is_there() -> None:
    """Modules, tests and explained mutants of the run are those of the code as it is."""
    command = [sys.executable, "-c", LISTED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("as listed\n", "")


@pytest.mark.heavy
def test_a_run() -> None:
    """A run over a small module ends with a score, and its tests notice most changes."""
    command = [sys.executable, "benchmarks/mutation.py", "--sample", "20", "--seconds", "5"]
    ran = subprocess.run(
        [*command, "provisioner.applying.apply"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    score = re.search(r"^all: (\d+) of \d+ killed", ran.stdout, re.MULTILINE)
    assert score, (ran.stdout, ran.stderr)
    assert int(score[1]) >= 15
