"""How the program ends when nobody can hear it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["schema"], ["check", "nothing.yaml"]])
def test_a_full_disk_behind_the_output(words: list[str]) -> None:
    """Output that goes nowhere is an error, in one line, and not a defect."""
    with FULL.open("wb") as full:
        argv = [sys.executable, "-m", "provisioner", *words]
        ran = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        silent = subprocess.run(argv, stdout=full, stderr=full, check=False)
    told = "the output could not be written: No space left on device"
    assert (ran.returncode, silent.returncode) == (1, 1)
    assert (told if words == ["schema"] else "nothing.yaml: cannot read") in ran.stderr
    assert "Traceback" not in ran.stderr
