from __future__ import annotations

import subprocess
import sys

from provisioner.cli._stopwatch import RESULTS, Moment, Stopwatch, lines, peak_memory
from provisioner.effort import Call, Called, Phase

CALL = Call(("tctl",))


class Clock:
    """A clock that a test sets: seconds, half of which were work."""

    seconds = 0.5

    def __call__(self) -> Moment:
        return Moment(self.seconds, self.seconds / 2)

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


def watched() -> Stopwatch:
    """Return a watch that has seen two phases, one of them twice."""
    clock = Clock()
    watch = Stopwatch(clock)
    for name, seconds in (("reading", 2), ("planning", 1), ("reading", 3)):
        watch.hear(Phase(name))
        watch.hear(CALL)
        watch.hear(CALL)
        clock.wait(seconds)
        watch.hear(Called(CALL.argv, 1.5, 0))
        watch.hear(Called(CALL.argv, 0.5, 0))
    return watch


def test_phases_add_up() -> None:
    """A phase that comes again counts on; what came before the first one is `starting`."""
    laps = {lap.name: lap for lap in watched().laps()}
    assert list(laps) == ["starting", "reading", "planning"]
    assert laps["starting"].took == Moment(0.25, 0.25)
    assert laps["reading"].took == Moment(5, 2.5)
    assert (laps["reading"].calls, laps["reading"].waited) == (4, 4.0)


def test_results_come_last() -> None:
    """What is told between two phases belongs to the results, which are shown at the end."""
    watch = Stopwatch(Clock())
    for name in ("loading", RESULTS, "planning", RESULTS):
        watch.hear(Phase(name))
    assert [lap.name for lap in watch.laps()] == ["starting", "loading", "planning", RESULTS]


def test_programs_at_once() -> None:
    """How many ran side by side is counted over all phases."""
    watch = watched()
    assert (watch.running, watch.most) == (0, 2)


def test_the_table() -> None:
    """People see each phase, the total, the programs and the memory."""
    shown = list(lines(watched()))
    assert shown[:5] == [
        "          seconds    cpu",
        "starting    0.250  0.250",
        "reading     5.000  2.500  4 programs, 4.00 s together",
        "planning    1.000  0.500  2 programs, 2.00 s together",
        "total       6.250  3.250",
    ]
    assert shown[5].startswith("at most 2 programs at once, ")
    assert shown[6].startswith("peak memory ")


def test_memory_is_our_own() -> None:
    """The peak is that of this program, not of the larger one that started it."""
    ballast = bytearray(200 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    code = "from provisioner.cli._stopwatch import peak_memory; print(peak_memory())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert peak_memory() > len(ballast)
    assert 1 << 20 < int(ran.stdout) < 150 << 20
