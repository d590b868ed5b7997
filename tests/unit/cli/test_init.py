from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.site.starter import VARIANTS
from tests.unit.cli.conftest import Run

SITES = {"minimal": ["site.yaml"], "team": ["site.yaml"], "fleet": ["dev.yaml", "prod.yaml"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_can_be_used_as_it_is(run: Run, tmp_path: Path, variant: str) -> None:
    """Each site of a variant checks, plans and applies as it stands, and then plans to nothing."""
    assert run("init", "new", "--variant", variant).code == 0
    for site in SITES[variant]:
        path = tmp_path / "new" / site
        cluster = f"local:{tmp_path / site}.db"
        checked = run("check", path)
        assert (checked.code, checked.out) == (0, f"{path}: no problems\n")
        assert run("local", "init", f"{path.name}.db").code == 0
        planned = run("plan", path, "--cluster", cluster, "--detailed-exitcode")
        assert planned.code == 2
        assert "Apply exactly this: " in planned.out
        applied = run("apply", path, "--cluster", cluster, "--yes")
        assert applied.code == 0, applied.err
        assert run("plan", path, "--cluster", cluster, "--detailed-exitcode").code == 0


def test_what_it_says(run: Run) -> None:
    """Each file is named on stdout, and what to do next on stderr."""
    ran = run("init", "new")
    assert ran.code == 0
    assert ran.out == (
        "new      .github/workflows/provision.yml\n"
        "new      README.md\n"
        "new      site.schema.json\n"
        "new      site.yaml\n"
    )
    assert ran.err == "Site new. Next: provision check new/site.yaml\n"


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    """A file that exists, or a link that leads nowhere, is left as it is and named."""
    (tmp_path / "README.md").write_text("mine\n")
    (tmp_path / "site.schema.json").symlink_to("nowhere")
    ran = run("init")
    assert ran.code == 0
    assert "exists   README.md\n" in ran.out
    assert "exists   site.schema.json\n" in ran.out
    assert (tmp_path / "README.md").read_text() == "mine\n"
    assert not (tmp_path / "nowhere").exists()
    assert run("check").code == 0


def test_nothing_to_write(run: Run, tmp_path: Path) -> None:
    """Where all files exist, nothing is touched and the exit code is 1."""
    assert run("init").code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ran = run("init", "--site", "other")
    assert ran.code == 1
    assert ran.err == ".: nothing was written: all files exist\n"
    assert "new " not in ran.out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_name_and_address(run: Run, tmp_path: Path) -> None:
    """The site's name and the cluster's address can be given."""
    assert run("init", "new", "--site", "acme", "--proxy", "acme.example:443").code == 0
    text = (tmp_path / "new" / "site.yaml").read_text()
    assert "\nsite: acme  #" in text
    assert "\n  proxy: acme.example:443\n" in text


def test_a_name_that_is_none(run: Run, tmp_path: Path) -> None:
    """A name that no site can have is refused before anything is written, with one that fits."""
    ran = run("init", "new", "--site", "Acme Platform")
    assert ran.code == 64
    assert "'Acme Platform' is no name of a site; 'acme-platform' is" in ran.err
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way(run: Run, tmp_path: Path) -> None:
    """A file where a directory has to be is an error of that path."""
    (tmp_path / "new").write_text("")
    ran = run("init", "new")
    assert (ran.code, ran.out) == (1, "")
    assert "new/.github/workflows/provision.yml: cannot write" in ran.err


def test_the_next_step_can_be_typed(run: Run) -> None:
    """A directory with a blank in its name is quoted."""
    assert "Next: provision check 'a b/site.yaml'" in run("init", "a b").err
