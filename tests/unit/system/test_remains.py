"""What a killed write leaves behind goes with the next one, and nothing else does."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.cluster import local
from provisioner.errors import FileError
from provisioner.system import files, remains
from tests.conftest import ROOT

MARK = ".provision-0123456789abcdef"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def swept(directory: Path) -> list[str]:
    """Sweep as a new process does, and return what is still there."""
    remains.sweep.cache_clear()
    remains.sweep(directory)
    return names(directory)


def test_what_was_left_is_known_by_its_name(tmp_path: Path) -> None:
    """A file that a killed write left behind is told from all that others call theirs."""
    with remains.unfinished(tmp_path / "dev.yaml", 0o600) as (temporary, _):
        assert remains.is_unfinished(temporary)
    others = ("dev.yaml", ".dev.yaml", ".dev.yaml.bak", ".dev.yaml.0123456789abcdef", MARK)
    for name in (*others, f".dev.yaml{MARK}x", f"dev.yaml{MARK}"):
        assert not remains.is_unfinished(tmp_path / name)
        (tmp_path / name).touch()
    assert len(swept(tmp_path)) == len(others) + 2


KILLED = """
import os, signal, sys
from pathlib import Path
from provisioner.system import files
place = Path.replace
def killed(self, target):
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = killed
files.write(Path(sys.argv[1]), b"a secret")
"""


def test_the_next_write_takes_it_away(tmp_path: Path) -> None:
    """A copy that a killed command left, secrets and all, is gone after the next write beside it."""
    path = tmp_path / "mcp.json"
    ran = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert ran.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".mcp.json.provision-")
    files.write(tmp_path / "another", b"x")
    assert names(tmp_path) == ["another"]


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    """Two commands that write into one directory do not take each other's files away."""
    with remains.unfinished(tmp_path / "file", 0o600) as (temporary, descriptor):
        assert swept(tmp_path) == [temporary.name]
        os.write(descriptor, b"x")
    assert swept(tmp_path) == []


def test_one_that_was_swept_before_it_was_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is taken away in the moment before its lock is made once more."""
    taken: list[str] = []
    lock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        if not taken:
            (victim,) = tmp_path.iterdir()
            taken.append(victim.name)
            victim.unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert files.write(tmp_path / "file", b"x")
    assert (taken != [], names(tmp_path)) == (True, ["file"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_others_have_left_stays(tmp_path: Path) -> None:
    """Only files of the user who runs the command are swept."""
    (tmp_path / f".a{MARK}").touch()
    os.chown(tmp_path / f".a{MARK}", 4711, 4711)
    assert swept(tmp_path) == [f".a{MARK}"]


def test_only_files_are_swept(tmp_path: Path) -> None:
    """A link, a directory and a pipe of such a name stay, and nothing behind the link is touched."""
    (tmp_path / "kept").write_text("x")
    (tmp_path / f".link{MARK}").symlink_to("kept")
    (tmp_path / f".directory{MARK}").mkdir()
    os.mkfifo(tmp_path / f".pipe{MARK}")
    assert len(swept(tmp_path)) == 4
    assert (tmp_path / "kept").read_text() == "x"


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks files are written all the same, and none is taken away."""
    (tmp_path / f".a{MARK}").touch()

    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(fcntl, "flock", refused)
    assert files.write(tmp_path / "file", b"x")
    assert swept(tmp_path) == [f".a{MARK}", "file"]


def test_a_database_goes_with_its_journal(tmp_path: Path) -> None:
    """What SQLite keeps beside an embedded cluster that was never whole goes with it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        (tmp_path / f".c.db{MARK}{suffix}").touch()
    local.create(tmp_path / "c.db", name="example.teleport.sh", version="18.8.3")
    assert [name for name in names(tmp_path) if MARK in name] == []


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """Sweeping is never what fails."""
    remains.sweep(tmp_path / "nowhere")
    with pytest.raises(FileError, match="there is no such file"):
        files.write(tmp_path / "nowhere" / "file", b"x")
