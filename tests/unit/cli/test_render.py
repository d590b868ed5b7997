from __future__ import annotations

from pathlib import Path

from provisioner.system.outdir import MANIFEST
from tests.unit.cli.conftest import SITE, Run


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_what_is_written(run: Run, site: Path) -> None:
    """Every file of the site is written and told, and a second run has nothing to do."""
    ran = run("render", "-o", "out")
    assert (ran.code, ran.out) == (0, "new      bots/ci.yaml\nnew      roles/dev.yaml\n")
    assert ran.err == "out: 2 files, different\n"
    assert tree(site.parent / "out") == [MANIFEST, "bots/ci.yaml", "roles/dev.yaml"]
    again = run("render", "-o", "out")
    assert (again.code, again.out, again.err) == (0, "", "out: 2 files, no difference\n")


def test_check_changes_nothing(run: Run, site: Path) -> None:
    """--check tells differences by exit code 2 and makes not even the directory."""
    ran = run("render", "-o", "out", "--check")
    assert (ran.code, ran.out.splitlines()[0]) == (2, "missing  bots/ci.yaml")
    assert not (site.parent / "out").exists()
    run("render", "-o", "out")
    assert run("render", "-o", "out", "--check").code == 0


def test_differences_are_told_apart(run: Run, site: Path) -> None:
    """Changed, stale and foreign files have each their word; what is not ours is never removed."""
    run("render", "-o", "out")
    out = site.parent / "out"
    (out / "roles" / "dev.yaml").write_text("x")
    (out / "roles" / "mine.yaml").write_text("x")
    site.write_text(SITE.replace("  ci: {roles: [dev]}", "  new: {roles: [dev]}"))
    checked = run("render", "-o", "out", "--check")
    assert (checked.code, checked.out.splitlines()) == (
        2,
        [
            "missing  bots/new.yaml",
            "changed  roles/dev.yaml",
            "stale    bots/ci.yaml",
            "extra    roles/mine.yaml",
        ],
    )
    assert "removed  bots/ci.yaml" in run("render", "-o", "out").out
    assert tree(out) == [MANIFEST, "bots/new.yaml", "roles/dev.yaml", "roles/mine.yaml"]


def test_a_broken_site_writes_nothing(run: Run, site: Path) -> None:
    """Problems are told on stderr, counted, and no file is made."""
    site.write_text(SITE.replace("tools", "tool"))
    ran = run("render", "-o", "out")
    assert (ran.code, ran.out) == (1, "")
    assert "site.yaml:5:33: error PV040" in ran.err
    assert ran.err.endswith("\n1 error\n")
    assert not (site.parent / "out").exists()


def test_templates_of_the_user(run: Run, site: Path) -> None:
    """A template in --templates stands in for ours; a broken one is named with its line."""
    own = site.parent / "own" / "teleport"
    own.mkdir(parents=True)
    text = "# ours\nkind: bot\nversion: v1\nmetadata:\n  name: {{ name }}\n  labels: {{ labels }}\nspec: {}\n"
    (own / "bot.yaml.j2").write_text(text)
    assert run("render", "-o", "out", "--templates", "own").code == 0
    assert (site.parent / "out" / "bots" / "ci.yaml").read_text().startswith("# ours\n")
    (own / "bot.yaml.j2").write_text(text.replace("name }}", "nmae }}"))
    ran = run("render", "-o", "out", "--templates", "own")
    assert ran.code == 1
    assert "teleport/bot.yaml.j2:5:" in ran.err
    assert "see also site.yaml:7:3" in ran.err


def test_templates_that_are_no_text(run: Run, site: Path) -> None:
    """A template of other bytes than UTF-8 is an error, not a traceback."""
    own = site.parent / "own"
    own.mkdir()
    (own / "x.yaml.j2").write_bytes(b"\xff")
    ran = run("render", "-o", "out", "--templates", "own")
    assert ran.code == 1
    assert "x.yaml.j2" in ran.err
    assert "Traceback" not in ran.err


def test_usage(run: Run, site: Path) -> None:
    """Without a directory to write to, or with a file for it, the usage is wrong."""
    assert run("render").code == 64
    assert run("render", "-o", site).code == 64
    assert "an empty text names no directory" in run("render", "-o", "").err
    assert run("render", "-o", "out", "--templates", "nowhere").code == 64
