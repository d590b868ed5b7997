from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import pytest
from msgspec.structs import asdict

from provisioner.errors import FileError
from provisioner.system.files import PRIVATE
from provisioner.system.locks import Locked, Owner, lock


def test_the_lock_is_gone_afterwards(tmp_path: Path) -> None:
    """It can be taken again, also after an exception, and leaves no file."""
    path = tmp_path / "site.lock"
    with pytest.raises(RuntimeError, match="inside"), lock(path):
        raise RuntimeError("inside")
    with lock(path):
        assert stat.S_IMODE(path.stat().st_mode) == PRIVATE
    assert not path.exists()


def test_a_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    """The refusal names process, host, start and age, and what to do."""
    today = time.strftime("%Y-%m-%dT", time.gmtime())
    with (
        lock(tmp_path / "l"),
        pytest.raises(
            FileError, match=rf"locked by process {os.getpid()} on \S+, since {today}"
        ) as caught,
        lock(tmp_path / "l"),
    ):
        pytest.fail("two holders")
    assert caught.match(r"\(\d+ s ago\)$")
    assert "wait" in caught.value.hint


def test_other_processes_are_kept_out_until_the_holder_dies(tmp_path: Path) -> None:
    """A lock holds against another process and goes with it, although its file stays."""
    script = (
        "import sys, time; from pathlib import Path; from provisioner.system.locks import lock\n"
        "with lock(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    path = tmp_path / "l"
    argv = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"locked\n"
        with pytest.raises(FileError, match=f"process {child.pid} on"), lock(path):
            pytest.fail("two holders")
        child.kill()
    assert path.exists()
    with lock(path):
        pass
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{}", "null", '{"pid": 1, "host": "h", "since": 1e99}'])
def test_a_holder_that_has_not_signed_is_still_a_holder(tmp_path: Path, content: str) -> None:
    """An empty or broken signature does not hide that the lock is taken."""
    with lock(tmp_path / "l"):
        (tmp_path / "l").write_text(content)
        with pytest.raises(FileError, match="locked by another process"), lock(tmp_path / "l"):
            pytest.fail("two holders")


def test_a_holder_that_is_about_to_sign_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes between the taking of a lock and its signature waits for the name of the holder."""
    monkeypatch.setattr("provisioner.system.locks._SIGNING", 10.0)  # however busy the machine is
    path = tmp_path / "l"
    with lock(path):
        signature = path.read_text()
        path.write_text("")
        Timer(0.1, path.write_text, [signature]).start()
        with pytest.raises(FileError, match=f"locked by process {os.getpid()} on"), lock(path):
            pytest.fail("two holders")


def test_the_next_holder_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time to sign begins when a signature is missed, and not with the waiting."""
    owner = Owner(4711, "build-1", time.time())
    seen = iter([owner, owner, *[None] * 5, owner])
    monkeypatch.setattr("provisioner.system.locks._acquire", lambda _path: next(seen))
    monkeypatch.setattr("provisioner.system.locks._SIGNING", 0.5)
    monkeypatch.setattr("provisioner.system.locks._PAUSE", 0.4)
    with (
        pytest.raises(Locked, match="locked by process 4711 on build-1"),
        lock(tmp_path / "l", patience=0.81),
    ):
        pytest.fail("nobody gave it back")


def test_a_lock_cannot_be_a_link(tmp_path: Path) -> None:
    """A planted link does not make us write into another file."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "l").symlink_to("victim")
    with pytest.raises(FileError, match="cannot lock: a symbolic link"), lock(tmp_path / "l"):
        pytest.fail("locked")
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_dead_holder_is_told(tmp_path: Path) -> None:
    """Who left the file behind is known to the next holder; after a good end there is nobody."""
    left = Owner(4711, "build-1", 1764000000.0)
    (tmp_path / "l").write_text(json.dumps(asdict(left)))
    with lock(tmp_path / "l") as dead:
        assert dead == left
    with lock(tmp_path / "l") as dead:
        assert dead is None


def test_waiting(tmp_path: Path) -> None:
    """A lock that is given back within the patience is got, and who is waited for is told once."""
    told: list[str] = []
    script = (
        "import sys; from pathlib import Path; from provisioner.system.locks import lock\n"
        "with lock(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "l")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"locked\n"
        Timer(0.7, holder.stdin.close).start()
        with lock(tmp_path / "l", patience=60, waiting=told.append):
            pass
    assert len(told) == 1
    assert told[0].startswith(f"process {holder.pid} on ")


def test_patience_ends(tmp_path: Path) -> None:
    """A lock that is not given back is refused, no sooner than was asked."""
    began = time.monotonic()
    with lock(tmp_path / "l"), pytest.raises(Locked), lock(tmp_path / "l", patience=0.5):
        pytest.fail("two holders")
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("hours", [-3, 3])
def test_clocks_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """A clock that was set while the lock was held makes its age wrong, but never negative."""
    real = time.time
    with lock(tmp_path / "l"):
        monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
        with pytest.raises(Locked) as caught, lock(tmp_path / "l"):
            pytest.fail("two holders")
    age = int(caught.value.holder.rpartition("(")[2].partition(" ")[0])
    assert age == pytest.approx(max(0, hours * 3600), abs=60)
