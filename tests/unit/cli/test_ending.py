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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(closed: str, tmp_path: Path) -> None:
    """A caller that has closed a stream wants nothing of it; what is done and how it ends stay the same."""
    again = f'exec "$0" -m provisioner "$@" {closed}'
    for words in (["init", "site"], ["check", "site/site.yaml"]):
        command = ["sh", "-c", again, sys.executable, *words]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0
        assert "Traceback" not in ran.stderr
    command = ["sh", "-c", again, sys.executable, "check", "nothing.yaml"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
