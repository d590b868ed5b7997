"""Whatever somebody else has written: a clear answer, and nothing done.

A few hundred inputs for each reader here, the same in every run; `make fuzz` tries 100,000.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.conftest import ROOT
from tests.fuzz.mutations import LONGEST, Pool
from tests.fuzz.run import CORPUS
from tests.fuzz.targets import targets

CASES = os.environ.get("PROVISION_FUZZ", "150")
NAMES = sorted(targets(Path("unused")))


@pytest.mark.parametrize("name", NAMES)
def test_spoiled_inputs(name: str) -> None:
    """Every input ends in a result or an expected error, within bounds, and brings nothing about."""
    argv = [sys.executable, "-m", "tests.fuzz.run", name, "--cases", CASES]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stdout.startswith(f"{name}: ")


def test_every_finding_has_its_reader() -> None:
    """No input that is kept is kept for nobody."""
    assert {path.name for path in CORPUS.iterdir()} <= set(NAMES)


def test_a_run_can_be_repeated() -> None:
    """The same seed gives the same inputs to the byte, each within its size."""
    one, other = (Pool([b'{"a": [1]}'], Random("x")) for _ in range(2))
    drawn = [one.draw() for _ in range(200)]
    assert drawn == [other.draw() for _ in range(200)]
    assert max(map(len, drawn)) <= LONGEST


GUARDED = """
import os, sys
from tests.fuzz.guard import Forbidden, Guard
guard = Guard()
try:
    with guard.closed():
        {act}
except Forbidden as error:
    sys.exit(f"forbidden: {{error}}")
except MemoryError:
    sys.exit("forbidden: memory")
"""


@pytest.mark.parametrize(
    "act",
    [
        "open('x', 'w')",
        "os.open('x', os.O_CREAT)",
        "os.mkdir('x')",
        "os.unlink('x')",
        "__import__('subprocess').run(['true'])",
        "os.system('true')",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "bytearray(1 << 40)",
    ],
)
def test_the_guard_hears(act: str, tmp_path: Path) -> None:
    """A reader that wrote, ran, connected or took all memory would be found out."""
    argv = [sys.executable, "-c", GUARDED.format(act=act)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.stderr.startswith("forbidden: "), ran.stderr
    assert list(tmp_path.iterdir()) == []
