"""What one server has sent: bounded in size, and kept as far as it tells why there is no answer."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import IO, Final

from provisioner.system import pipes
from provisioner.text.terminal import visible
from provisioner.tools.inventory._base import MOST_BYTES, Unreadable

SHOWN: Final = 200
"""How many characters of what a server says are shown."""

_KEPT: Final = 4096


class Wire:
    """What came from one server: how much more may, why it was cut, what it said besides."""

    def __init__(self) -> None:
        self.left = MOST_BYTES
        self.failure = ""
        self.has_ended = False
        self.noise = b""
        self.errors: deque[bytes] = deque(maxlen=2)

    def count(self, data: bytes) -> None:
        """Count what came. Raises Unreadable when it is too much."""
        self.left -= len(data)
        if self.left < 0:
            self.fail(f"it sends more than {MOST_BYTES:,} bytes")

    def fail(self, why: str) -> None:
        """Give up, for a reason that outlives how the SDK puts it."""
        self.failure = self.failure or why
        raise Unreadable(why)

    def follow(self, errors: IO[bytes] | None) -> None:
        """Keep the last of what the server says on stderr."""
        with suppress(OSError):
            for chunk in pipes.chunks(errors):
                self.errors.append(chunk[-_KEPT:])

    def aside(self) -> str:
        """Return the last line that was no message, fit to be shown."""
        said = b"".join(self.errors).strip() or self.noise.strip()
        last = said.rpartition(b"\n")[2].decode(errors="replace").strip()
        return f"; it says: {visible(last[:SHOWN])}" if last else ""
