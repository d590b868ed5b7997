"""One at a time: locks that name their holder, and that go with the process that holds them."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from provisioner.errors import FileError
from provisioner.system.exposure import open_to_all
from provisioner.system.files import PRIVATE, explained

_PAUSE: Final = 0.2  # seconds between two attempts
_SIGNING: Final = 0.5  # seconds given to a holder that has the lock and has not signed it yet


class Owner(Struct, frozen=True):
    """Who holds a lock: process id, host name, and since when in seconds since the epoch."""

    pid: int
    host: str
    since: float

    def __str__(self) -> str:
        start = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        age = max(0, round(time.time() - self.since))  # clocks can be set back
        return f"process {self.pid} on {self.host}, since {start} ({age} s ago)"


class Locked(FileError):
    """Somebody else has the lock; `holder` says who, as far as that is known."""

    def __init__(self, path: Path, holder: str) -> None:
        hint = "wait until it is done, or end it; the lock goes with the process"
        super().__init__(f"{path}: is locked by {holder}", hint=hint)
        self.holder = holder


@contextmanager
def lock(
    path: Path, *, patience: float = 0.0, waiting: Callable[[str], None] = lambda _: None
) -> Iterator[Owner | None]:
    """Hold an advisory lock on `path`, a file made for that, which is gone afterwards.

    The lock goes with the process, however it ends: a file left behind by a crash locks nobody
    out, and whoever left it is what is yielded. While somebody else has the lock, it is waited for
    `patience` seconds, and `waiting` is told once by whom it is held. Raises Locked after that, and
    FileError.
    """
    with explained(path, "lock"):
        descriptor, dead = _awaited(path, patience, waiting)
    try:
        yield dead
    finally:
        # First the name, then the lock: who waits on the old file sees that it is not the one.
        try:
            path.unlink(missing_ok=True)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)  # a file without a signature accuses nobody
        os.close(descriptor)


def _awaited(
    path: Path, patience: float, waiting: Callable[[str], None]
) -> tuple[int, Owner | None]:
    """Try until the lock is got; a holder that is about to sign is given the time to."""
    began = named = time.monotonic()
    while not isinstance(got := _acquire(path), tuple):
        now = time.monotonic()
        if got is None and now - named < _SIGNING:
            time.sleep(_SIGNING / 50)
            continue
        named = now
        holder = str(got or "another process")
        if now - began >= patience:
            raise Locked(path, holder)
        waiting(holder)
        waiting = _silent
        time.sleep(_PAUSE)
    return got


def _acquire(path: Path) -> tuple[int, Owner | None] | Owner | None:
    """Lock and sign the file that has this name at the moment when the lock is got.

    Return its descriptor and who signed it before, or who holds it; None has not signed (yet).
    """
    if open_to_all(path.parent):
        raise FileError(
            f"{path}: anybody could take this lock away, as {path.parent} is writable by all",
            hint=f"chmod o-w {path.parent}",
        )
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        descriptor = os.open(path, flags, PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(descriptor, path):
                return descriptor, _sign(descriptor)
        except BlockingIOError:
            holder = _signed(descriptor)
            os.close(descriptor)
            return holder
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sign(descriptor: int) -> Owner | None:
    """Write who we are into the file, and return who was there before."""
    before = _signed(descriptor)
    me = Owner(os.getpid(), socket.gethostname(), time.time())
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(me)).encode(), 0)
    return before


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _signed(descriptor: int) -> Owner | None:
    try:
        found = Owner(**json.loads(os.pread(descriptor, 4096, 0)))
        str(found)  # the time may be none
    except (ValueError, TypeError, OverflowError):
        return None
    return found


def _silent(_: str) -> None:
    """Say nothing."""
