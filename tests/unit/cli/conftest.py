"""The command line in this process, in a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from provisioner.cli import main

SITE = """\
version: 1
site: acme
teleport: {proxy: example.teleport.sh:443}
roles:
  dev: {app_labels: {env: dev}, tools: ['read_*']}
bots:
  ci: {roles: [dev]}
"""


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs `provision` in an empty directory; its words are the arguments."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, stdin: str = "") -> Ran:
        with CliRunner().isolation(input=stdin) as (out, err, _):
            code = main([str(word) for word in words])
            return Ran(code, out.getvalue().decode(), err.getvalue().decode())

    return run


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a site file of one role and one bot, as `site.yaml` in the directory."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def cluster(run: Run, site: Path) -> str:
    """Return the option value of a new embedded cluster, beside the site."""
    made = run("local", "init", site.with_name("cluster.db"))
    assert made.code == 0, made.err
    return f"local:{site.with_name('cluster.db')}"
