"""Programs that do not outlive the one that started them, also when that is killed or interrupted.

Linux can be asked to send a signal to a process when its parent ends (PR_SET_PDEATHSIG,
https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html). No other system can: there, a
program whose starter was killed runs on to its own end.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SET_PDEATHSIG: Final = 1
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def with_us(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a new process does before it becomes a program, to get a signal when we end.

    "We" are the thread that starts it. None where the system cannot do it.
    """
    prctl = _prctl()
    if prctl is None:
        return None
    us = os.getpid()

    def ask() -> None:
        prctl(_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != us:  # we ended before it could ask
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


@contextmanager
def unbroken() -> Iterator[None]:
    """Let what ends us come afterwards: the handlers of such signals are called when it is done.

    Between the start of a program and the moment when its starter knows of it, an exception would
    leave it behind. In other threads than the main one no handler is ever called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[signal.Signals, FrameType | None]] = []

    def later(number: int, frame: FrameType | None) -> None:
        came.append((signal.Signals(number), frame))

    handlers = {number: signal.getsignal(number) for number in _ENDING}
    ours = {number: each for number, each in handlers.items() if callable(each)}
    try:
        for number in ours:
            signal.signal(number, later)
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for number, frame in came[:1]:
            ours[number](number, frame)


@functools.cache
def _prctl() -> Callable[..., int] | None:
    """Load it here, for between fork and exec there is no time to load anything."""
    if sys.platform != "linux":
        return None
    function: Callable[..., int] = ctypes.CDLL(None).prctl
    return function
