"""A page of the documentation: its blocks, and what its commands really print."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from provisioner import cli
from tests.conftest import ROOT

FENCE: Final = re.compile(r"^(```+)(\w+)([^\n]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


@dataclass
class Shell:
    """What runs the commands of one page: `provision` in this process, all else in bash."""

    root: Path
    cwd: Path
    code: int = 0

    def run(self, line: str) -> str:
        """Return what a command prints on both streams, in somebody's checkout at some moment."""
        output = self._run(line).replace(str(self.root), "/home/me/provision")
        return re.sub(rf"{datetime.now(UTC).date()}T[\d:]+Z", "2026-11-22T12:00:00Z", output)

    def _run(self, line: str) -> str:
        words = shlex.split(line)
        if words[0] == "cd":
            self.cwd = (self.cwd / words[1]).resolve(strict=True)
            return ""
        if line == "echo $?":
            return f"{self.code}\n"
        parts = re.fullmatch(r"(provision .*?)( 2> /dev/null)?(?: ([|>]) (.*))?", line)
        if parts is None:
            return self._bash(line, "")
        command, silent, to, rest = parts.groups()
        command = re.sub(r"\$\((.*?)\)", lambda inner: self._bash(inner[1], "").strip(), command)
        data, said = self._provision(shlex.split(command)[1:], apart=bool(silent or to))
        said = "" if silent else said
        if to == ">":
            (self.cwd / rest).write_text(data)
            return said
        return said + self._bash(rest, data) if to else data

    def _provision(self, argv: list[str], *, apart: bool) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err if apart else out), chdir(self.cwd):
            self.code = cli.main(argv)
        return out.getvalue(), err.getvalue()

    def _bash(self, line: str, data: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.cwd, input=data, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.code = done.returncode
        return done.stdout


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield language, the rest of the first line, and content of every fenced block."""
    for found in FENCE.finditer(text):
        yield found[2], found[3].strip(), found[4]


def executed(text: str, shell: Shell) -> str:
    """Return a page with every output, and every file that it shows, as they really are."""

    def block(found: re.Match[str]) -> str:
        fence, language, info, content = found.groups()
        if language == "console":
            content = "".join(_session(content, shell))
        elif " file=" in info:
            content = _shown(info.split("file=")[1].strip(), content, shell)
        return f"{fence}{language}{info}\n{content}{fence}"

    return FENCE.sub(block, text)


def _session(content: str, shell: Shell) -> Iterator[str]:
    for line in content.splitlines(keepends=True):
        if line.startswith("$ "):
            yield line
            output = shell.run(line[2:].strip())
            yield output if output.endswith("\n") or not output else f"{output}\n"


def _shown(name: str, content: str, shell: Shell) -> str:
    if (ROOT / name).is_file():
        return (ROOT / name).read_text()
    (shell.cwd / name).parent.mkdir(parents=True, exist_ok=True)
    (shell.cwd / name).write_text(content)
    return content
