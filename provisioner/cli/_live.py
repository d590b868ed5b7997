"""One line on a terminal that moves while long work goes on, and is gone afterwards.

Work that is over in a moment shows nothing at all: a line that flickers helps nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Event, Lock, Thread
from typing import Final, TextIO

from provisioner.text.terminal import clipped

_DELAY: Final = 0.3  # seconds before the line is shown first
_PAUSE: Final = 0.1  # seconds between two drawings
_SIGNS: Final = "|/-\\"
_ERASE: Final = "\r\x1b[2K"


class Live:
    """Draws what `text` returns, again and again, until it is hidden."""

    def __init__(self, stream: TextIO, text: Callable[[], str]) -> None:
        self._stream, self._text = stream, text
        self._lock = Lock()
        self._over = Event()
        self._thread: Thread | None = None
        self._since: float | None = None
        self._drawn = False

    def show(self) -> None:
        """Begin to draw, in a moment; what has begun goes on."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
            if self._thread is None:
                self._thread = Thread(target=self._run, daemon=True)
                self._thread.start()

    def hide(self) -> None:
        """Take the line away, so that others can write."""
        with self._lock:
            self._since = None
            self._erase()

    def close(self) -> None:
        """Hide the line for good."""
        self.hide()
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        for number in count():
            if self._over.wait(_PAUSE):
                return
            with self._lock:
                if self._since is not None and time.monotonic() - self._since >= _DELAY:
                    self._draw(_SIGNS[number % len(_SIGNS)])

    def _draw(self, sign: str) -> None:
        import shutil

        line = clipped(f"{sign} {self._text()}", shutil.get_terminal_size().columns - 1)
        self._write(_ERASE + line)
        self._drawn = True

    def _erase(self) -> None:
        if self._drawn:
            self._write(_ERASE)
            self._drawn = False

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that went away stops no work
            self._stream.write(text)
            self._stream.flush()
