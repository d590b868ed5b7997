"""Help is quick because it loads nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"yaml", "ruamel", "jinja2", "pydantic", "pydantic_core", "rich", "asyncio", "re2"}
LOADED = """
import sys
from provisioner.cli import main
code = main(sys.argv[1:])
print(*sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_loads_no_heavy_library(words: list[str]) -> None:
    """`provision --help` costs a bare click program: no YAML, no templates, no models."""
    command = [sys.executable, "-c", LOADED, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    loaded = set(ran.stderr.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("jinja")}
