"""Write what was measured into docs/benchmarks.md, and plot it beside it.

The tables stand between `<!-- NAME -->` and `<!-- /NAME -->`; the rest of the page is written by hand.
Usage: python benchmarks/publish.py [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from math import log10
from pathlib import Path
from typing import Any, Final

import measure
import plots

DOCS: Final = measure.ROOT / "docs"
PAGE: Final = DOCS / "benchmarks.md"
PLOTS: Final = DOCS / "benchmarks"

Kept = Any
"""Results as they were kept: JSON."""


def page(text: str, results: Mapping[str, Kept]) -> str:
    """Return the page `text` with the tables of `results` in it."""
    tables = {
        "targets": targets(results["targets"]),
        "stages": stages(results["stages"]),
        "processes": processes(results["stages"]),
        "peers": peers(results["peers"]),
    }
    for name, table in tables.items():
        body = "\n".join(table)
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, body=body: f"{match[1]}{body}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if not count:
            raise ValueError(f"the page has no place for {name}")
    return text


def pictures(results: Mapping[str, Kept]) -> dict[str, str]:
    """Return the plots by file name."""
    sizes, rows = results["stages"]["sizes"], results["peers"]["rows"]
    by_stage = {
        stage: [(size["bots"], max(size["stages"][stage]["cpu"], 1e-4)) for size in sizes]
        for stage in sizes[0]["stages"]
    }
    memory = [(size["bots"], _peak(size)) for size in sizes]
    by_tool = {
        name: [(row["documents"], row["no-op"]["cpu"]) for row in rows if row["tool"] == name]
        for name in dict.fromkeys(row["tool"] for row in rows)
    }
    return {
        "time.svg": plots.plot("CPU time of each stage", "bots", "seconds", by_stage),
        "memory.svg": plots.plot("Peak memory of a plan", "bots", "MB", {"all stages": memory}),
        "peers.svg": plots.plot("No-op plan", "documents", "CPU seconds", by_tool),
    }


def targets(kept: Kept) -> Iterator[str]:
    """Yield the table of what is promised."""
    yield from _table(("what", "measured", "goal"), kept["rows"])


def stages(kept: Kept) -> Iterator[str]:
    """Yield the table of stages: CPU seconds by size, and how they grow."""
    sizes = kept["sizes"]
    head = ("stage", *(f"{size['bots']:,} bots" for size in sizes), "grows with")
    rows = [
        (stage, *(_seconds(size["stages"][stage]["cpu"]) for size in sizes), _power(sizes, stage))
        for stage in sizes[0]["stages"]
    ]
    peaks = ("peak memory", *(f"{_peak(size):.0f} MB" for size in sizes), "")
    yield from _table(head, [*rows, peaks])


def processes(kept: Kept) -> Iterator[str]:
    """Yield the table of tctl processes."""
    yield from _table(
        ("bots", "plan", "apply of one role in ten"),
        [(f"{each['bots']:,}", each["plan"], each["apply"]) for each in kept["processes"]],
    )


def growth(sizes: Kept, stage: str) -> float:
    """Return the power of the size with which a stage grows, from the last size but one to the last."""
    before, last = (max(size["stages"][stage]["cpu"], 1e-4) for size in sizes[-2:])
    return log10(last / before) / log10(sizes[-1]["bots"] / sizes[-2]["bots"])


def peers(kept: Kept) -> Iterator[str]:
    """Yield the table of tools side by side; what is slower than us has more than 1 in `times`."""
    head = (
        *("documents", "tool", "no-op plan, CPU (range)", "times ours", "wall"),
        *("a tenth changed, CPU", "peak", "said of no change", "found of changes", "same twice"),
    )
    yield from _table(head, map(_peer, kept["rows"]))
    yield ""
    yield f"With {', '.join(kept['versions'].values())}; {kept['machine']}."


def _peer(row: Kept) -> tuple[object, ...]:
    still, changed = row["no-op"], row["changed"]
    low, high = still["range"]
    return (
        f"{row['documents']:,}",
        row["tool"],
        f"{still['cpu']:.2f} s ({low:.2f} to {high:.2f})",
        f"{row['times']:.2f}",
        f"{still['wall']:.2f} s",
        f"{changed['cpu']:.2f} s",
        f"{still['megabytes']} MB",
        "nothing" if row["phantoms"] == 0 else f"{row['phantoms']} differ",
        f"{row['found']} of {row['wanted']}",
        "yes" if row["same"] else "no",
    )


def _power(sizes: Kept, stage: str) -> str:
    return f"n^{growth(sizes, stage):.2f}"


def _peak(size: Kept) -> float:
    return max(stage["megabytes"] for stage in size["stages"].values())


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(map(str, names))} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def results() -> dict[str, Kept]:
    """Return all results that are kept."""
    return {name: measure.kept(name) for name in ("targets", "stages", "peers")}


def files() -> dict[Path, str]:
    """Return the page and the plots as the results would have them, by path."""
    found = results()
    drawn = {PLOTS / name: picture for name, picture in pictures(found).items()}
    return {PAGE: page(PAGE.read_text(), found), **drawn}


def main(*, check: bool) -> int:
    """Write all files, or with `check` return 1 where one is not as it should be."""
    if check:
        return int(
            any(not path.exists() or path.read_text() != text for path, text in files().items())
        )
    PLOTS.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(check=sys.argv[1:] == ["--check"]))
