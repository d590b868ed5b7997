"""snapshot, local, doctor, schema; and what all commands have in common."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner import __version__, workflow
from provisioner.cli import COMMANDS
from provisioner.site.schema import site_schema
from tests.unit.cli.conftest import Run

# --- snapshot and local ------------------------------------------------------------------------


def test_a_snapshot(run: Run, cluster: str, tmp_path: Path) -> None:
    """A snapshot is a file; what is in it is counted on stderr, and stdout stays empty."""
    run("apply", "--cluster", cluster, "--yes")
    ran = run("snapshot", "--cluster", cluster, "-o", "live.json")
    assert (ran.code, ran.out) == (0, "")
    taken = json.loads((tmp_path / "live.json").read_text())
    roles = len(taken["documents"]["role"])
    assert ran.err == f"live.json: {roles} role, 1 bot of cluster cluster\n"
    assert taken["format_version"] == 1


def test_a_cluster_of_a_snapshot(run: Run, cluster: str) -> None:
    """A cluster made from a snapshot has its name, its release and its documents."""
    run("apply", "--cluster", cluster, "--yes")
    run("snapshot", "--cluster", cluster, "-o", "live.json")
    ran = run("local", "init", "copy.db", "--from", "live.json")
    assert (ran.code, ran.err) == (0, "copy.db: cluster cluster, Teleport 18.8.3\n")
    planned = run("plan", "--cluster", "local:copy.db", "--detailed-exitcode")
    assert (planned.code, "No changes." in planned.out) == (0, True)


def test_no_cluster_of_a_part(run: Run, site: Path, cluster: str, tmp_path: Path) -> None:
    """What was recorded for one site alone is no cluster: others would seem to be gone."""
    assert run("snapshot", site, "-o", "part.json", "--cluster", cluster).code == 0
    ran = run("local", "init", "new.db", "--from", "part.json")
    assert (ran.code, "recorded in part" in ran.err) == (1, True)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "site.yaml", "-o", "site.yaml"),
        ("plan", "--summary", "./site.yaml"),
        ("plan", "-o", "same", "--summary", "same"),
        ("plan", "-o", "cluster.db"),
        ("drift", "--summary", "site.yaml"),
        ("snapshot", "-o", "cluster.db"),
        ("snapshot", "site.yaml", "-o", "link.yaml"),
        ("apply", "--yes", "--report", "cluster.db"),
        ("apply", "--yes", "--report", "site.yaml"),
        ("adopt", "--all", "--yes", "--report", "site.yaml"),
    ],
)
def test_what_is_read_is_not_written_to(
    run: Run, site: Path, cluster: str, words: tuple[str, ...]
) -> None:
    """No output takes the place of the site, of a cluster that is a file, or of another output."""
    site.with_name("link.yaml").symlink_to("site.yaml")
    database = site.with_name("cluster.db")
    before = site.read_bytes(), database.read_bytes()
    ran = run(*words, "--cluster", cluster)
    assert (ran.code, "cannot be written to" in ran.err) == (64, True), ran.err
    assert (site.read_bytes(), database.read_bytes()) == before


def test_a_cluster_of_ones_own(run: Run) -> None:
    """Name and release can be chosen; a release that is none is refused."""
    ran = run("local", "init", "a.db", "--name", "prod", "--teleport-version", "18.2.0")
    assert (ran.code, ran.err) == (0, "a.db: cluster prod, Teleport 18.2.0\n")
    wrong = run("local", "init", "b.db", "--teleport-version", "newest")
    assert (wrong.code, "newest" in wrong.err) == (1, True)


def test_nothing_is_overwritten(run: Run, site: Path) -> None:
    """A file that exists is never made into a cluster."""
    before = site.read_bytes()
    ran = run("local", "init", site)
    assert (ran.code, "already exists" in ran.err) == (1, True)
    assert site.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"format_version": 9}'])
def test_no_snapshot(data: bytes, run: Run, tmp_path: Path) -> None:
    """A file that is no snapshot is an error, and no cluster is made of it."""
    (tmp_path / "live.json").write_bytes(data)
    ran = run("local", "init", "a.db", "--from", "live.json")
    assert (ran.code, "live.json" in ran.err, "Traceback" in ran.err) == (1, True, False)
    assert not (tmp_path / "a.db").exists()


# --- doctor and schema -------------------------------------------------------------------------


def test_a_workstation_that_will_do(run: Run, cluster: str) -> None:
    """Everything that is well is said to be, with exit code 0."""
    ran = run("doctor", "site.yaml", "--cluster", cluster)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["ok"] * 6


def test_a_workstation_that_will_not(run: Run) -> None:
    """What is not well is said with its cure, with exit code 1."""
    ran = run("doctor", "--cluster", "local:none.db")
    assert ran.code == 1
    assert ran.out.startswith("no  cluster")
    assert "\n    = make one with `provision local init none.db`\n" in ran.out


def test_a_site_that_asks_for_more(run: Run, site: Path) -> None:
    """With a site its own needs are looked at; a site with errors is an error."""
    run("local", "init", "old.db", "--teleport-version", "18.2.0")
    site.write_text(
        "version: 1\nsite: a\nteleport: {proxy: a:443}\n"
        "mcp_servers: {a: {app: {uri: 'mcp+https://x/'}}}\n"
    )
    ran = run("doctor", "site.yaml", "--cluster", "local:old.db")
    assert (ran.code, "needs Teleport 18.3" in ran.out) == (1, True)
    site.write_text("nonsense")
    assert "PV042" in run("doctor", "site.yaml", "--cluster", "local:old.db").err


def test_the_schema(run: Run) -> None:
    """The schema on stdout is the one that the model gives."""
    ran = run("schema")
    assert (ran.code, json.loads(ran.out)) == (0, site_schema())


# --- all commands ------------------------------------------------------------------------------


def test_help_lists_every_command(run: Run) -> None:
    """Help names every command with its one line, in the order of the work."""
    ran = run("--help")
    lines = [line.strip() for line in ran.out.splitlines()]
    listed = [line for line in lines if line.split(" ")[0] in COMMANDS]
    assert ran.code == 0
    assert [line.split(" ")[0] for line in listed] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, run: Run) -> None:
    """Each command says how it is used, and is the one of its name."""
    ran = run(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: provision {command}")


def test_version(run: Run) -> None:
    """The version is that of the package."""
    assert run("--version").out == f"provision, version {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("bogus",),
        ("check", "--bogus"),
        ("check", "--format", "xml"),
        ("plan", "--color", "green"),
        ("local",),
        ("local", "init"),
        ("snapshot",),
    ],
)
def test_usage_errors(words: tuple[str, ...], run: Run) -> None:
    """Wrong usage is exit code 64, told on stderr, and 2 stays free for differences."""
    ran = run(*words)
    assert (ran.code, ran.out) == (64, "")
    assert "Usage: provision" in ran.err


def test_a_defect_of_ours(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is told with its trace, and is not called the user's fault."""

    def broken(path: Path, *_: object) -> None:
        raise ZeroDivisionError(path)

    monkeypatch.setattr(workflow, "examine", broken)
    ran = run("check", site)
    assert (ran.code, ran.out) == (1, "")
    assert "ZeroDivisionError" in ran.err
    assert "This is a defect of provision, not of your site" in ran.err


def test_an_interrupt_anywhere(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """^C is exit code 130, whatever was going on."""

    def interrupted(path: Path, *_: object) -> None:
        raise KeyboardInterrupt(path)

    monkeypatch.setattr(workflow, "examine", interrupted)
    ran = run("check", site)
    assert (ran.code, "Interrupted." in ran.err) == (130, True)


def test_names_of_any_bytes(run: Run, tmp_path: Path) -> None:
    """A path that is no text is shown as one, and is no traceback."""
    name = "\udcff\x1b[31m.yaml"
    for command in ("check", "plan"):
        ran = run(command, name)
        assert (ran.code, "\\udcff\\x1b[31m.yaml" in ran.err) == (1, True)
    (tmp_path / name).write_text("version: 1\nsite: a\nteleport: {proxy: a:443}\n")
    assert run("check", name).out == "\\udcff\\x1b[31m.yaml: no problems\n"
    assert run("local", "init", "c.db").code == 0
    for words in (("--format", "markdown"), ("--summary", "s.md"), ("--whole-at", "\udcff")):
        ran = run("plan", name, *words, "--cluster", "local:c.db")
        assert (ran.code, ran.err) == (0, "")
    ran = run("plan", name, "--cluster", f"local:{'x' * 300}")
    assert (ran.code, "the name is too long" in ran.err) == (1, True)
