"""Plan the same documents with this tool and with its peers, side by side.

Each peer has an environment of its own below the directory PEERS. In every round each tool plans once,
one at a time, a tool that takes more than a minute in the first round alone; figures are medians of the
rounds, with their range. A tool plans twice: with nothing to
do, where it has to say so, and with one document in ten changed, where it has to find them.
Usage: python benchmarks/side_by_side.py PEERS [RUNS]
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import fixtures
import measure
from peers import ansible, octodns, pyinfra, terraform
from peers._base import Fleet, Peer

PEERS: Final[dict[str, Peer]] = {
    "octoDNS": octodns,
    "Terraform's engine": terraform,
    "pyinfra": pyinfra,
    "Ansible": ansible,
}
SIZES: Final = (20, 200, 2_000)
SLOW: Final = 60.0  # seconds
OURS: Final = "provision"


class Tool:
    """One tool with one site in a directory of its own."""

    def __init__(self, name: str, command: Sequence[str | Path], root: Path) -> None:
        self.name = name
        self.root = root
        self.runs: list[measure.Usage] = []
        self._command = command

    def plan(self) -> None:
        """Plan once."""
        self.runs.append(measure.must(measure.run(self._command, cwd=self.root)))

    @property
    def is_slow(self) -> bool:
        """Whether it has planned, and took so long that once is enough."""
        return bool(self.runs) and self.runs[-1].wall > SLOW

    def differences(self) -> int:
        """Return how many documents the last plan names as different."""
        output = self.runs[-1].output
        return _found(output) if self.name == OURS else PEERS[self.name].differences(output)


def _found(output: str) -> int:
    if "No changes." in output:
        return 0
    found = re.search(r"(\d+) to update", output)
    return int(found[1]) if found else -1


def ours(root: Path, fleet: Fleet) -> Tool:
    """Prepare this tool: as many roles and bots, and a snapshot of the cluster as it was."""
    site, live = root / "site.yaml", root / "live.json"
    site.write_text(fixtures.site(fleet.count, fleet.count))
    fixtures.live_as(site, live)
    site.write_text(fixtures.site(fleet.count, fleet.count, changed=fleet.changed))
    return Tool(OURS, (*measure.PROVISION, "plan", site, "--cluster", f"file:{live}"), root)


def tools(root: Path, environments: Path, fleet: Fleet) -> Iterator[Tool]:
    """Yield every tool that can bear so many documents, prepared."""
    for name in (OURS, *PEERS):
        directory = root / name.replace(" ", "-").replace("'", "")
        directory.mkdir()
        if name == OURS:
            yield ours(directory, fleet)
        elif fleet.count * 2 <= PEERS[name].LARGEST:
            programs = _environment(environments, name) / "bin"
            PEERS[name].prepare(directory, fleet)
            if PEERS[name] is terraform:
                command = [programs / "python", directory / "init.py", directory]
                measure.must(measure.run(command, cwd=directory))
            yield Tool(name, PEERS[name].command(directory, programs), directory)


def compared(environments: Path, documents: int, runs: int) -> Iterator[dict[str, object]]:
    """Yield a row for each tool that plans so many documents."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        count = documents // 2
        quiet = list(tools(Path(one), environments, Fleet(count)))
        loud = list(tools(Path(two), environments, Fleet(count, changed=documents // 10)))
        for _ in range(runs):
            for tool in (*quiet, *loud):
                if not tool.is_slow:
                    tool.plan()
        for still, changed in zip(quiet, loud, strict=True):
            yield {
                "tool": still.name,
                "documents": documents,
                "no-op": _figures(still.runs),
                "changed": _figures(changed.runs),
                "times": round(_times(still, quiet[0]), 2),
                "phantoms": still.differences(),
                "found": changed.differences(),
                "wanted": documents // 10,
                "same": len({_steady(run.output) for run in changed.runs}) == 1,
            }


def _times(tool: Tool, other: Tool) -> float:
    """Return how many times the CPU of the other a tool took, by the rounds that both have."""
    return measure.ratio(_cpu(tool.runs), _cpu(other.runs)[: len(tool.runs)])


def _cpu(runs: Sequence[measure.Usage]) -> list[float]:
    return [run.cpu for run in runs]


def _figures(runs: Sequence[measure.Usage]) -> dict[str, object]:
    seconds = sorted(_cpu(runs))
    return {
        "cpu": round(statistics.median(seconds), 3),
        "range": [round(seconds[0], 3), round(seconds[-1], 3)],
        "wall": round(statistics.median(run.wall for run in runs), 3),
        "megabytes": round(statistics.median(run.megabytes for run in runs)),
        "bytes": len(runs[-1].output.encode()),
    }


def _steady(output: str) -> str:
    """Return an output without its clock times and durations."""
    return re.sub(r"\d\d:\d\d:\d\d|\d+\.\d+ ?s|0x[0-9a-f]+|\[\d+\]", "", output)


def _environment(environments: Path, name: str) -> Path:
    return environments / PEERS[name].__name__.rpartition(".")[2]


def install(environments: Path) -> None:
    """Give each peer its environment, unless it has it."""
    for name, peer in PEERS.items():
        root = _environment(environments, name)
        if not (root / ".ready").exists():
            subprocess.run([sys.executable, "-m", "venv", root], check=True)
            pip = [root / "bin" / "python", "-m", "pip", "install", "--quiet", peer.PACKAGE]
            subprocess.run(pip, check=True)
            (root / ".ready").touch()


def main(environments: Path, runs: int) -> None:
    """Measure all tools and keep what comes out."""
    install(environments)
    versions = {name: peer.PACKAGE for name, peer in PEERS.items()}
    rows: list[dict[str, object]] = []
    for size in SIZES:
        rows += compared(environments, size, runs)
        measure.keep("peers", {"machine": measure.machine(), "versions": versions, "rows": rows})


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int((sys.argv[2:] or ["5"])[0]))
