"""Programs that do not outlive the one that started them, also when that is killed.

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
from collections.abc import Callable
from typing import Final

_SET_PDEATHSIG: Final = 1


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


@functools.cache
def _prctl() -> Callable[..., int] | None:
    """Load it here, for between fork and exec there is no time to load anything."""
    if sys.platform != "linux":
        return None
    function: Callable[..., int] = ctypes.CDLL(None).prctl
    return function
