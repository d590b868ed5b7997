"""What the project says of its own security: SECURITY.md names tests that there are, pipelines are pinned."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.conftest import ROOT

SECURITY: Final = ROOT / "SECURITY.md"
PIN: Final = re.compile(r"[\w./-]+@[0-9a-f]{40}")
USES: Final = re.compile(r"^\s*(?:#\s*)?-? *uses: *(\S+)", re.MULTILINE)
SKIPPED: Final = {".git", ".hypothesis", "node_modules", "build", "dist"}


def sources(*suffixes: str) -> Iterator[Path]:
    """Yield the files of the project that end in one of these."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if not SKIPPED & {*parts} and not parts[0].startswith(".venv") and path.suffix in suffixes:
            yield path


def test_every_action_is_pinned() -> None:
    """Whatever runs in a pipeline of ours, or in one that we show, is named by its commit."""
    found = [
        (path.relative_to(ROOT).as_posix(), action)
        for path in sources(".yml", ".yaml", ".md", ".j2")
        for action in USES.findall(path.read_text())
    ]
    assert len(found) >= 6
    ours = "OWNER/REPOSITORY@COMMIT"  # this action, by whoever uses it
    assert [each for each in found if each[1] != ours and not PIN.fullmatch(each[1])] == []


WORKFLOWS: Final = [path for path in sources(".yml") if path.parent.name == "workflows"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_workflow_may_do_little(path: Path) -> None:
    """A workflow says what its token may do, and no code of a fork runs with secrets."""
    text = path.read_text()
    workflow: dict[Any, Any] = yaml.safe_load(text)
    assert "permissions" in workflow
    assert workflow["permissions"] != "write-all"
    assert "pull_request_target" not in text
    checkouts = [
        step
        for job in workflow["jobs"].values()
        for step in job.get("steps", ())
        if "actions/checkout@" in step.get("uses", "")
    ]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_libraries_are_audited() -> None:
    """The pipeline of the project asks every week what is known about its libraries."""
    workflow: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow[True]["schedule"]  # `on`, as YAML 1.1 reads it
    runs = [step.get("run") for step in workflow["jobs"]["audit"]["steps"]]
    assert "make audit" in runs
    assert "pip-audit --strict" in (ROOT / "Makefile").read_text()


AUDITOR = """#!/bin/sh
case "$*" in
  *known.txt*) {control} ;;
  *--strict*) {libraries} ;;
esac
"""
KNOWS = 'echo \'{"id": "PYSEC-2019-217"}\'; exit 1'


@pytest.mark.parametrize(
    ("control", "libraries", "code", "says"),
    [
        (KNOWS, "exit 0", 0, ""),
        (KNOWS, "echo found >&2; exit 1", 2, "found"),
        ("echo []; exit 0", "exit 0", 2, "nothing is known of the libraries"),
        ("echo no route to host >&2; exit 1", "exit 0", 2, "nothing is known of the libraries"),
    ],
    ids=["sound", "vulnerable", "a mirror without advisories", "offline"],
)
def test_an_audit_that_could_not_be_made_fails(
    control: str, libraries: str, code: int, says: str, tmp_path: Path
) -> None:
    """`make audit` succeeds only where the advisories were there to be asked and know of nothing."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("python", "pip-audit"):
        (place / name).write_text(AUDITOR.format(control=control, libraries=libraries))
        (place / name).chmod(0o755)
    command = ["make", "-o", ".venv/.ready", "audit", "PYTHON=true", f"AUDIT={tmp_path}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, says in ran.stderr) == (code, True), ran.stderr


def proofs() -> list[tuple[str, str]]:
    """Return the tests that SECURITY.md names: file and function."""
    return re.findall(r"\[`?(test_\w+)`?\]\((tests/[\w/]+\.py)\)", SECURITY.read_text())


def test_every_proof_is_there() -> None:
    """Each test that SECURITY.md names is in the file that it links to."""
    assert len(proofs()) > 30
    for name, file in proofs():
        tree = ast.parse((ROOT / file).read_text())
        assert name in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, name


def test_every_claim_has_a_proof() -> None:
    """Each row of the tables of SECURITY.md ends with a test, or says plainly that there is none."""
    rows = [line for line in SECURITY.read_text().splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not set(row) <= set("|- ") and "Held by" not in row]
    assert len(claims) > 15
    assert [row for row in claims if "(tests/" not in row and "no test:" not in row] == []
