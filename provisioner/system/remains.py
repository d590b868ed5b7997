"""What a killed write leaves behind: known by its name, and by the lock that went with its process."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"\..+\.provision-[0-9a-f]{16}")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_COMPANIONS: Final = (
    "-journal",
    "-wal",
    "-shm",
)  # of a database: https://sqlite.org/tempfiles.html


def beside(path: Path) -> Path:
    """Return a name beside `path` that nothing has, for what is not whole yet."""
    return path.with_name(f".{path.name[:100]}.provision-{os.urandom(8).hex()}")


def is_unfinished(path: Path) -> bool:
    """Whether a file has such a name."""
    return _NAME.fullmatch(path.name) is not None


@contextmanager
def unfinished(path: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Make an empty file beside `path` and lend it with its descriptor; its name is free afterwards.

    It is locked until then, so that `sweep` leaves it alone. Raises OSError.
    """
    while True:
        temporary = beside(path)
        try:
            descriptor = os.open(temporary, _NEW, mode)
            try:
                with suppress(OSError):  # a file system without locks, on which nothing is swept
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.lexists(temporary):  # or else it was swept before it was locked
                    yield temporary, descriptor
                    return
            finally:
                os.close(descriptor)
        finally:
            with suppress(OSError):  # it has its place by now, or what went wrong is told already
                temporary.unlink()


@cache
def sweep(directory: Path) -> None:
    """Remove what writes of this user that were killed have left in a directory; once a process.

    A file that can be locked is no longer being written. What cannot be removed stays.
    """
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                remove(Path(entry.path))


def remove(path: Path) -> None:
    """Remove such a file, and what a database keeps beside it, unless somebody is still at it."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for name in (*(path.name + each for each in _COMPANIONS), path.name):
                    path.with_name(name).unlink(missing_ok=True)
        finally:
            os.close(descriptor)
