"""What stops programs at their steps is itself held to what it promises; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults import steps

pytestmark = pytest.mark.skipif(
    not steps.available(), reason="this system cannot hand over system calls (seccomp)"
)

PROGRAM = """
import errno, os, signal, subprocess, sys
from pathlib import Path
from tests.faults import steps

root = Path(sys.argv[1])

def program():
    with (root / "a").open("w") as file:
        file.write("x")
    (root / "a").rename(root / "b")
    (root.parent / "outside").write_text("not a step")
    return 7

"""


def told(tmp_path: Path, code: str) -> list[str]:
    """Run code behind PROGRAM, and return the lines that it prints."""
    root = tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-c", PROGRAM + textwrap.dedent(code), str(root)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def test_steps_are_counted(tmp_path: Path) -> None:
    """Each call that touches a file below the directory is a step, in order, and no other is."""
    code = """
    ended = steps.run(program, root)
    print(ended.code, ended.orphans)
    for step in ended.steps:
        print(step.number, step.call, step.path.relative_to(root), step.pid == step.main)
    """
    assert told(tmp_path, code) == [
        "7 ()", "1 openat a True", "2 write a True", "3 rename a True",
    ]  # fmt: skip


def test_a_kill_comes_before_the_step(tmp_path: Path) -> None:
    """Killed at the second step, the first was made and the second was not."""
    code = """
    def act(step):
        if step.number == 2:
            os.kill(step.main, signal.SIGKILL)
    print(steps.run(program, root, act).code, (root / "a").read_text() == "")
    """
    assert told(tmp_path, code) == ["-9 True"]


def test_an_error_takes_the_place_of_the_step(tmp_path: Path) -> None:
    """The program gets the error, and the call is not made."""
    code = """
    def careful():
        try:
            program()
        except OSError as error:
            return error.errno
    ended = steps.run(careful, root, lambda step: errno.ENOSPC if step.call == "rename" else None)
    print(ended.code == errno.ENOSPC, (root / "a").exists(), (root / "b").exists())
    """
    assert told(tmp_path, code) == ["True True False"]


def test_a_signal_comes_at_the_step(tmp_path: Path) -> None:
    """A program that handles a signal does so before it makes another step."""
    code = """
    def careful():
        try:
            return program()
        except KeyboardInterrupt:
            return 130
    def act(step):
        if step.call == "openat":
            os.kill(step.main, signal.SIGINT)
    ended = steps.run(careful, root, act)
    print(ended.code, len(ended.steps))
    """
    assert told(tmp_path, code) == ["130 1"]


def test_what_a_program_starts_is_watched_too(tmp_path: Path) -> None:
    """Steps of children count, and a child that outlives the program is found and ended."""
    code = """
    def parent():
        subprocess.run(["sh", "-c", f"echo x > {root}/c"])
        subprocess.Popen(["sleep", "600"])
        return 0
    ended = steps.run(parent, root)
    print(ended.code, ended.orphans, [s.call for s in ended.steps if s.pid != s.main])
    """
    assert told(tmp_path, code) == ["0 ('sleep 600',) ['openat', 'write']"]


def test_a_program_that_does_not_end(tmp_path: Path) -> None:
    """It is ended when its time is up."""
    code = """
    try:
        steps.run(lambda: subprocess.run(["sleep", "600"]).returncode, root, seconds=0.5)
    except TimeoutError as error:
        print(str(error).startswith("not at its end"))
    """
    assert told(tmp_path, code) == ["True"]
