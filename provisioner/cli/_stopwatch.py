"""Where the time goes: phases with their seconds, programs that were waited for, memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from provisioner.effort import Call, Called, Phase
from provisioner.events import Event
from provisioner.text.terminal import plural

RESULTS: Final = "showing results"
"""The phase in which nothing else goes on: it has the moments between others, and comes last."""

_STATUS: Final = Path("/proc/self/status")


class Moment(Struct, frozen=True):
    """Seconds on the clock, and of processor time that this process has had."""

    wall: float
    cpu: float

    def __sub__(self, other: Moment) -> Moment:
        return Moment(self.wall - other.wall, self.cpu - other.cpu)


def now() -> Moment:
    """Return this moment."""
    return Moment(time.monotonic(), time.process_time())


class Lap(Struct):
    """One phase: what it took, and the programs that ran in it."""

    name: str
    took: Moment = field(default_factory=lambda: Moment(0, 0))
    calls: int = 0
    waited: float = 0.0
    """Seconds of all its programs together, which may run side by side."""


class Stopwatch:
    """Hears all events of a command and keeps what each phase has taken; one phase goes on at a time.

    What comes before the first phase is `starting`. `clock` is for tests.
    """

    def __init__(self, clock: Callable[[], Moment] = now) -> None:
        self._clock = clock
        self._begun = clock()
        # What Python and the imports took until now is known of the processor alone.
        self._laps = {"starting": Lap("starting", Moment(self._begun.cpu, self._begun.cpu))}
        self._phase, self._since = "starting", self._begun
        self.running = 0
        self.most = 0
        """How many programs ran at once, at most."""

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Phase):
            self._close()
            self._phase = event.name
        elif isinstance(event, Call):
            self.running += 1
            self.most = max(self.most, self.running)
            self._lap().calls += 1
        elif isinstance(event, Called):
            self.running -= 1
            self._lap().waited += event.seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the present phase began."""
        return self._clock().wall - self._since.wall

    def laps(self) -> tuple[Lap, ...]:
        """Return all phases until now, in the order in which they came first, and results last."""
        self._close()
        return tuple(sorted(self._laps.values(), key=lambda lap: lap.name == RESULTS))

    def _lap(self) -> Lap:
        return self._laps.setdefault(self._phase, Lap(self._phase))

    def _close(self) -> None:
        moment, lap = self._clock(), self._lap()
        took = moment - self._since
        lap.took = Moment(lap.took.wall + took.wall, lap.took.cpu + took.cpu)
        self._since = moment


def lines(watch: Stopwatch) -> Iterator[str]:
    """Yield a table for people."""
    laps = watch.laps()
    width = max(len(lap.name) for lap in laps)
    yield f"{'':<{width}}  seconds    cpu"
    for lap in laps:
        calls = (
            f"  {plural(lap.calls, 'program')}, {lap.waited:.2f} s together" if lap.calls else ""
        )
        yield f"{lap.name:<{width}}  {lap.took.wall:7.3f} {lap.took.cpu:6.3f}{calls}"
    wall, cpu = sum(lap.took.wall for lap in laps), sum(lap.took.cpu for lap in laps)
    yield f"{'total':<{width}}  {wall:7.3f} {cpu:6.3f}"
    if watch.most:
        yield f"at most {plural(watch.most, 'program')} at once, {children():.2f} s of processor in all"
    yield f"peak memory {peak_memory() / 1e6:.0f} MB"


def data(watch: Stopwatch) -> dict[str, object]:
    """Return the same for programs."""
    return {
        "phases": [
            {
                "phase": lap.name,
                "seconds": round(lap.took.wall, 4),
                "cpu_seconds": round(lap.took.cpu, 4),
                "programs": lap.calls,
                "program_seconds": round(lap.waited, 4),
            }
            for lap in watch.laps()
        ],
        "programs_at_once": watch.most,
        "programs_cpu_seconds": round(children(), 4),
        "peak_memory_bytes": peak_memory(),
    }


def children() -> float:
    """Return the processor seconds of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_memory() -> int:
    """Return the most bytes that this process has had in memory.

    Linux keeps `ru_maxrss` over an exec, so that it can be that of whoever started us; VmHWM is
    that of this program (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html).
    """
    with suppress(OSError, ValueError, IndexError):
        text = _STATUS.read_text()
        return int(text.partition("VmHWM:")[2].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
