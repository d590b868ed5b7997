"""A command starts quickly because it loads nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QUICKSTART = ROOT / "examples" / "quickstart"

HEAVY = {"yaml", "ruamel", "jinja2", "pydantic", "pydantic_core", "rich", "asyncio", "re2"}
UNUSED = (
    "applying.saved_plan",
    "cli._jsonlog",
    "cluster.local",
    "cluster.tctl",
    "planning.plan_format",
    "report.plan_html",
    "report.plan_json",
    "report.plan_markdown",
    "system.process",
)
"""What a plan in text, from a snapshot, has no use for."""

LOADED = """
import sys
from provisioner.cli import main
code = main(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def loaded(*words: str | Path) -> set[str]:
    """Return the names of all modules that a command has loaded when it ends."""
    command = [sys.executable, "-c", LOADED, *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode != 1, ran.stderr
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_loads_no_heavy_library(words: list[str]) -> None:
    """`provision --help` costs a bare click program: no YAML, no templates, no models."""
    found = {name.split(".")[0] for name in loaded(*words)}
    assert "click" in found
    assert not found & HEAVY
    assert not {name for name in found if name.startswith("jinja")}


def test_a_plan_loads_only_its_own_cluster_and_report() -> None:
    """A plan of a snapshot loads neither tctl nor SQLite, and of the reports only the one for people."""
    found = loaded(
        "plan", QUICKSTART / "site.yaml", "--cluster", f"file:{QUICKSTART / 'live.json'}"
    )
    assert "provisioner.report.plan_text" in found
    assert not found & {f"provisioner.{name}" for name in UNUSED} | found & {"sqlite3", "pydantic"}


def test_no_value_of_ours_is_a_dataclass() -> None:
    """A dataclass compiles its methods in every process, a millisecond each; a Struct has them in C."""
    modules = sorted((ROOT / "provisioner").rglob("*.py"))
    assert len(modules) > 200
    assert [path for path in modules if " dataclasses" in path.read_text()] == []
