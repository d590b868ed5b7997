"""Measuring: CPU seconds of work and of whole processes, in turn, so that a slow machine slows all."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = Path(__file__).parent / "results"
FAKE: Final = ROOT / "tests" / "fake_tctl" / "tctl"
PROVISION: Final = (sys.executable, "-m", "provisioner")


_STARTER: Final = """
import json, os, sys
_, status, used = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
told = [used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]
os.write(int(sys.argv[1]), json.dumps(told).encode())
"""
"""Starts a command from a small process: Linux counts what starts a program into its peak memory."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process took, its children included: seconds, MB of the largest, and what it said."""

    cpu: float
    wall: float
    megabytes: float
    exit_code: int
    output: str


def run(
    command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Usage:
    """Run a command to its end and return what it took."""
    reading, writing = os.pipe()
    start = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-S", "-c", _STARTER, str(writing), *map(str, command)],
        cwd=cwd,
        env={**_environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(writing,),
        text=True,
        check=True,
    )
    wall = time.perf_counter() - start
    with os.fdopen(reading) as told:
        os.close(writing)
        cpu, megabytes, exit_code = json.load(told)
    return Usage(cpu, wall, megabytes, exit_code, ran.stdout)


def _environment() -> dict[str, str]:
    """Return ours, without what would have Python compile a program anew at each start."""
    ours = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def must(usage: Usage, *codes: int) -> Usage:
    """Return `usage` if the process ended with one of `codes`; raises RuntimeError with its output."""
    if usage.exit_code not in (codes or (0,)):
        raise RuntimeError(f"exit code {usage.exit_code}:\n{usage.output[-2000:]}")
    return usage


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def in_turn(runs: int, *works: Callable[[], object]) -> list[list[float]]:
    """Return the CPU seconds of all, run one after the other; the first round is not counted."""
    found: list[list[float]] = [[] for _ in works]
    for round_ in range(runs + 1):
        for seconds, work in zip(found, works, strict=True):
            start = cpu()
            work()
            if round_:
                seconds.append(cpu() - start)
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of the pairs."""
    return statistics.median(one / two for one, two in zip(ours, theirs, strict=True))


def keep(name: str, value: Any) -> None:  # noqa: ANN401
    """Write results as `benchmarks/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def kept(name: str) -> Any:  # noqa: ANN401
    """Return the results `benchmarks/results/NAME.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def machine() -> str:
    """Name the Python and the number of processors, for the record."""
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Python {version}, {os.cpu_count()} processors"
