"""Try many spoiled inputs on one reader: python -m tests.fuzz.run TARGET [--cases N] [--seed S].

Prints one line of what was done. An input that does what none may do is made as small as it gets
easily, kept in `corpus/TARGET`, and told with its traceback; then this exits with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from provisioner.errors import ProvisionError
from tests.fuzz.guard import Forbidden, Guard
from tests.fuzz.mutations import Pool
from tests.fuzz.targets import Target, refused, targets

CORPUS: Final = Path(__file__).parent / "corpus"


def attempt(target: Target, guard: Guard, data: bytes) -> str:
    """Return what an input comes to. Raises whatever a reader must not raise."""
    target.lay(data)
    with guard.closed():
        try:
            return target.attempt(data)
        except ProvisionError as error:
            return refused(error)


def smaller(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return an input that still fails, without the parts that are not needed for it."""
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            if fails(shorter := data[:at] + data[at + size :]):
                data = shorter
            else:
                at += size
        size //= 2
    return data


def regressions(name: str) -> list[bytes]:
    """Return the inputs that once did what none may do."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*")) if path.is_file()]


def inputs(pool: Pool, name: str, seeds: tuple[bytes, ...], cases: int) -> Iterator[bytes]:
    """Yield what was found before, what is sound, and then spoiled ones."""
    yield from regressions(name)
    yield from seeds
    for _ in range(cases):
        yield pool.draw()


def keep(name: str, data: bytes) -> Path:
    """Keep an input as a case for ever."""
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def fails(target: Target, guard: Guard, data: bytes) -> bool:
    """Whether an input does what none may do."""
    try:
        attempt(target, guard, data)
    except Exception:  # noqa: BLE001
        return True
    except Forbidden:
        return True
    return False


def run(name: str, target: Target, guard: Guard, cases: int, seed: int) -> int:
    """Try `cases` spoiled inputs, and return the exit code."""
    pool = Pool((*regressions(name), *target.seeds), Random(f"{name} {seed}"), target.longest)
    tried, slowest, began = 0, 0.0, time.process_time()
    for data in inputs(pool, name, target.seeds, cases):
        tried, start = tried + 1, time.process_time()
        try:
            pool.learn(data, attempt(target, guard, data))
        except (Exception, Forbidden):  # noqa: BLE001
            small = smaller(data, lambda shorter: fails(target, guard, shorter))
            traceback.print_exc()
            print(f"{name}: {keep(name, small)}: {small[:2000]!r}", file=sys.stderr)
            return 1
        slowest = max(slowest, time.process_time() - start)
    spent = time.process_time() - began
    did = f"{tried:,} inputs, {pool.outcomes:,} outcomes"
    print(f"{name}: {did}, {spent:.0f} s, slowest {slowest * 1000:.0f} ms")
    return 0


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for variable in list(os.environ):
        if variable.startswith(("PROVISION_", "TELEPORT_")):
            del os.environ[variable]
    with tempfile.TemporaryDirectory() as place:
        target = targets(Path(place))[given.target]
        return run(given.target, target, Guard(), given.cases, given.seed)


if __name__ == "__main__":
    sys.exit(main())
