"""What an input must not bring about: a write, a process, a connection, an endless loop, much memory.

Python's audit events tell of whatever touches the world; what an input uses up, the system bounds.
Sources: https://docs.python.org/3/library/audit_events.html, setrlimit(2), setitimer(2).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SECONDS: Final = 5.0
"""Seconds of processor time that one input may take: far from what any should, on any machine."""

MEMORY: Final = 3 << 30
"""Bytes of addresses that the process may have, all threads and libraries included."""

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTS: Final = (
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown",
    "os.truncate", "os.utime", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "subprocess.Popen", "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto",
    "shutil.", "tempfile.", "ctypes.",
)  # fmt: skip


class Forbidden(BaseException):
    """Something that reading must not do."""


class Guard:
    """Refuses, while it is closed, whatever is more than reading and thinking."""

    def __init__(self) -> None:
        self._is_closed = False
        sys.dont_write_bytecode = True
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.signal(signal.SIGVTALRM, self._late)
        sys.addaudithook(self._heard)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let what is inside read, and nothing else. Raises Forbidden."""
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        self._is_closed = True
        try:
            yield
        finally:
            self._is_closed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._is_closed:
            return
        is_write = event == "open" and not isinstance(args[0], int) and args[2] & _WRITES
        if is_write or event.startswith(_ACTS):
            raise Forbidden(f"{event} {args}")

    @staticmethod
    def _late(_signal: int, _frame: FrameType | None) -> None:
        raise Forbidden(f"more than {SECONDS:g} s of processor time")
