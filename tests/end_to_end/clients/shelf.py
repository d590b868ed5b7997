"""Clients installed when they are first asked for, each apart from the others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

PATIENCE: Final = 900.0
"""How long an installation may take, in seconds."""

# Those of one environment get on with each other: they need different versions of `mcp`.
ENVIRONMENTS: Final = {
    "mcp1": ("langchain-mcp-adapters",),
    "mcp2": ("fastmcp", "openai-agents", "pydantic-ai-slim[mcp]"),
    "strands": ("strands-agents",),
}


@dataclass
class Shelf:
    """A directory of clients, the versions of those that were used, and why others are missing."""

    root: Path
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def frameworks(self, name: str) -> Path:
        """Return the Python of one of the environments."""
        packages = ENVIRONMENTS[name]
        place = self.root / name
        python = place / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", *packages]
        self._install(place, [[sys.executable, "-m", "venv", str(place)], install])
        if f"mcp, beside {packages[0]}" not in self.versions:
            self._note_python(python, [package.partition("[")[0] for package in packages])
        return python

    def _note_python(self, python: Path, packages: Sequence[str]) -> None:
        listed = subprocess.check_output(
            [python, "-m", "pip", "list", "--format", "json"], text=True
        )
        found = {each["name"]: each["version"] for each in json.loads(listed)}
        self.versions |= {package: found[package] for package in packages}
        self.versions[f"mcp, beside {packages[0]}"] = found["mcp"]

    def program(self, package: str, name: str) -> Path:
        """Return a program of an npm package, of its newest release."""
        return self.modules(name, package) / ".bin" / name

    def modules(self, name: str, package: str) -> Path:
        """Return the directory of modules with the newest release of an npm package in it."""
        place = self.root / name
        install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
        self._install(place, [[*install, "--prefix", str(place), f"{package}@latest"]])
        self._note(place / "node_modules" / package)
        return place / "node_modules"

    def unpacked(self, name: str, package: str) -> Path:
        """Return what the newest release of an npm package has in it, without what it needs."""
        place = self.root / name
        pack = ["npm", "pack", "--loglevel=error", "--pack-destination", str(place)]
        self._install(place, [[*pack, f"{package}@latest"]])
        if not (place / "package").exists():
            (archive,) = place.glob("*.tgz")
            with tarfile.open(archive) as opened:
                opened.extractall(place, filter="data")
        self._note(place / "package")
        return place / "package"

    def _note(self, place: Path) -> None:
        about = json.loads((place / "package.json").read_text())
        self.versions[about["name"]] = about["version"]

    def _install(self, place: Path, commands: Sequence[Sequence[str]]) -> None:
        """Carry out the commands once; skip the test where one fails."""
        ready = place / ".ready"
        wanted = json.dumps(commands)
        if ready.exists() and ready.read_text() == wanted:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for command in commands:
            if place.name not in self.missing and (reason := _failure(command)):
                self.missing[place.name] = reason
        if place.name in self.missing:
            pytest.skip(f"{place.name} cannot be installed: {self.missing[place.name]}")
        ready.write_text(wanted)


def _failure(command: Sequence[str]) -> str:
    """Run an installation and return why it failed, nothing where it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    return next(iter(said), "without a word") if done.returncode else ""
