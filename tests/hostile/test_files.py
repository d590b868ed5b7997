"""Files that somebody else laid out: links, names that lead away, files that anybody can change."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import cli
from provisioner.errors import FileError
from provisioner.machine.install import Target, propose
from provisioner.system import exposure, files, locks, outdir
from tests.sites import HEAD, write

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="files of others take root to make")
SITE = "roles: {dev: {app_labels: {env: dev}, tools: [read]}}\n"
STRANGER = 65534  # nobody


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory of one's own that has a site and a cluster."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SITE)
    assert cli.main(["local", "init", "c.db"]) == 0
    return tmp_path


@pytest.fixture
def sticky(tmp_path: Path) -> Path:
    """Return a directory such as /tmp, where a stranger has put a link to a file of ours."""
    (tmp_path / "ours").write_text("precious")
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    (directory / "out").symlink_to(tmp_path / "ours")
    return directory


@ROOT_ONLY
def test_a_link_of_a_stranger_is_not_followed(sticky: Path) -> None:
    """In a directory like /tmp, what is written does not follow the link of somebody else."""
    os.lchown(sticky / "out", STRANGER, STRANGER)
    with pytest.raises(FileError, match="is a link that somebody else has put there"):
        files.write(sticky / "out", b"x")
    assert (sticky.parent / "ours").read_text() == "precious"


@ROOT_ONLY
def test_a_link_of_a_stranger_on_the_way_is_not_followed(sticky: Path) -> None:
    """A directory that a stranger's link stands for is no better than a file, old or new."""
    (sticky.parent / "home").mkdir()
    (sticky / "way").symlink_to(sticky.parent / "home")
    os.lchown(sticky / "way", STRANGER, STRANGER)
    for put in (files.write, files.create):
        with pytest.raises(FileError, match="way: is a link that somebody else has put there"):
            put(sticky / "way" / "out", b"x")
    assert list((sticky.parent / "home").iterdir()) == []


@ROOT_ONLY
def test_nothing_is_merged_through_the_link_of_a_stranger(sticky: Path) -> None:
    """What is installed into a link in a directory like /tmp does not reach a file of ours."""
    os.lchown(sticky / "out", STRANGER, STRANGER)
    target = Target("claude-code", sticky / "out", "ci", '{"mcpServers": {"a": {"command": "x"}}}')
    with pytest.raises(FileError, match="is a link that somebody else has put there"):
        propose([target])


@ROOT_ONLY
def test_no_output_follows_the_link_of_a_stranger(
    sticky: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plans, summaries, reports, snapshots and rendered files: none goes through such a link."""
    os.lchown(sticky / "out", STRANGER, STRANGER)
    (here / "tree").mkdir()
    (sticky / "tree").symlink_to(here / "tree")
    os.lchown(sticky / "tree", STRANGER, STRANGER)
    out, where = str(sticky / "out"), ("--cluster", "local:c.db")
    for argv in (
        ("plan", "-o", out, *where),
        ("plan", "--summary", out, *where),
        ("snapshot", "-o", out, *where),
        ("render", "-o", str(sticky / "tree")),
        ("apply", "--yes", "-o", str(sticky / "tree"), *where),
        ("apply", "--yes", "--report", out, *where),
        ("local", "init", out),
    ):
        assert cli.main(argv) == 1, argv
        assert "error: " in capsys.readouterr().err
    assert (here / "ours").read_text() == "precious"
    assert list((here / "tree").iterdir()) == []


def test_a_link_of_our_own_is_followed(sticky: Path) -> None:
    """Whoever has put the link there may go through it."""
    files.write(sticky / "out", b"x")
    assert (sticky.parent / "ours").read_text() == "x"


def test_links_in_a_circle(tmp_path: Path) -> None:
    """Links that lead to each other are an error, not an endless walk."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileError, match="a symbolic link on the way cannot be followed"):
        files.write(tmp_path / "a", b"x")


@pytest.mark.parametrize(
    "words",
    [
        ("check", "circle"),
        ("check", "includes.yaml"),
        ("check", "extends.yaml"),
        ("check", "circle", "site.yaml"),
        ("plan", "circle", "--cluster", "local:c.db"),
        ("plan", "site.yaml", "--cluster", "file:circle"),
        ("drift", "circle", "--cluster", "local:c.db"),
        ("apply", "--plan", "circle", "--cluster", "local:c.db", "--yes"),
        ("apply", "--report", "circle", "--cluster", "local:c.db", "--yes"),
        ("render", "-o", "circle"),
        ("snapshot", "--cluster", "local:c.db", "-o", "circle"),
        ("install", "ci", "circle", "--tbot", "tbot.yaml", "--dry-run"),
        ("init", "circle"),
        ("tools", "check", "circle"),
    ],
)
def test_no_command_is_led_in_a_circle(
    words: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link that leads to itself, as any file that a command is given, is named and no traceback."""
    (here / "circle").symlink_to("circle")
    for key, value in (("includes", "include: [circle]"), ("extends", "extends: circle")):
        (here / f"{key}.yaml").write_text(f"{HEAD}{value}\n{SITE}")
    capsys.readouterr()
    assert cli.main(list(words)) == 1
    said = "".join(capsys.readouterr())
    assert "circle" in said
    assert "defect" not in said


@pytest.mark.parametrize("planted", ["roles", outdir.MANIFEST, "roles/dev.yaml"])
def test_an_output_directory_is_not_left(here: Path, planted: str) -> None:
    """A link planted in an output directory leads no file out of it, the manifest included."""
    outside = here / "outside"
    outside.mkdir()
    (outside / "dev.yaml").write_text("precious")
    (outside / "manifest").write_text('{"format_version": "1.0", "files": []}')
    link = here / "out" / planted
    link.parent.mkdir(parents=True)
    targets = {"roles": outside, outdir.MANIFEST: outside / "manifest"}
    link.symlink_to(targets.get(planted, outside / "dev.yaml"))
    before = {path: path.read_bytes() for path in outside.iterdir()}
    assert cli.main(["render", "-o", "out"]) == 1
    assert {path: path.read_bytes() for path in outside.iterdir()} == before


@pytest.mark.parametrize(
    "text",
    [
        "roles: {../../x: {}}",
        "roles: {'..': {}}",
        "roles: {/etc/passwd: {}}",
        "bots: {../x: {}}",
        "mcp_servers: {../x: {labels: {a: b}, app: {command: a, run_as_host_user: b}}}",
        "bots: {a: {join: {method: github, name: ../x, allow: [{repository: a/b}]}}}",
        "bots: {a: {identity: {path: /opt}, clients: [{format: {custom: ../../x.j2}, servers: [s]}]}}",
        "include: [../*.yaml]",
        "include: [/etc/*.yaml]",
        "extends: ../other/base.yaml",
        "extends: /etc/passwd",
    ],
)
def test_a_name_is_no_path(here: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Names that become files, and paths in a site, never lead out of where they belong."""
    (here / ".git").mkdir()
    for command in (["check"], ["render", "-o", "out"]):
        write(here, text + "\n")
        assert cli.main(command) == 1
        said = capsys.readouterr()
        assert "error" in said.out + said.err
        assert "Traceback" not in said.out + said.err
    assert not (here / "out").exists()


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_that_anybody_can_write(here: Path, mode: int) -> None:
    """A file with the write bit of others is exposed, and the cure is named."""
    (here / "site.yaml").chmod(mode)
    said = exposure.exposed(Path("site.yaml"))
    assert said == "site.yaml: anybody can write to it\nchmod o-w site.yaml"


def test_a_file_that_anybody_can_replace(here: Path) -> None:
    """So is a file whose directory is writable by all; in a sticky directory it is not."""
    here.chmod(0o777)
    assert "anybody can replace it" in exposure.exposed(Path("site.yaml"))
    here.chmod(0o1777)
    assert exposure.exposed(Path("site.yaml")) == ""
    here.chmod(0o775)
    assert exposure.exposed(Path("site.yaml")) == ""


def test_a_file_behind_a_link(here: Path) -> None:
    """What counts is the file that is read, not the link; what is not there is nobody's."""
    (here / "shared.yaml").write_text(HEAD)
    (here / "shared.yaml").chmod(0o666)
    (here / "link.yaml").symlink_to("shared.yaml")
    assert "anybody can write" in exposure.exposed(Path("link.yaml"))
    assert exposure.exposed(Path("none.yaml")) == ""
    with pytest.raises(FileError):
        exposure.exposed(Path("a\0b"))


EXPOSED = ("site.yaml", "tools.lock.yaml", "more/x.yaml", "templates/teleport/role.yaml.j2")


def all_inputs(here: Path) -> list[str]:
    """Lay out a site with everything that one is made of; return the options that use it."""
    (here / "more").mkdir()
    (here / "more/x.yaml").write_text("bots: {}\n")
    (here / "site.yaml").write_text(HEAD + "include: [more/*.yaml]\n" + SITE)
    (here / "tools.lock.yaml").write_text("version: 1\nservers: {}\n")
    ours = Path(cli.__file__).parents[2] / "templates/teleport/role.yaml.j2"
    (here / "templates/teleport").mkdir(parents=True)
    (here / "templates/teleport/role.yaml.j2").write_text(ours.read_text())
    return ["--templates", "templates", "--cluster", "local:c.db"]


@pytest.mark.parametrize("name", EXPOSED)
def test_nobody_applies_unseen_what_anybody_can_change(
    here: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`apply --yes` refuses when site, include, lock or template can be changed by anybody."""
    options = all_inputs(here)
    (here / name).chmod(0o646)
    assert cli.main(["apply", "--yes", *options]) == 3
    said = capsys.readouterr().err
    assert f"{name}: anybody can write to it" in said
    assert f"chmod o-w {name}" in said
    (here / name).chmod(0o644)
    assert cli.main(["apply", "--yes", *options]) == 0


def test_a_reviewed_plan_needs_no_such_care(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a digest that was reviewed, a file that anybody can change is a warning."""
    options = all_inputs(here)
    capsys.readouterr()
    assert cli.main(["plan", *options]) == 0
    digest = capsys.readouterr().out.split("Digest: ")[1].split()[0]
    (here / "site.yaml").chmod(0o666)
    assert cli.main(["apply", "--yes", "--expect", digest, *options]) == 0
    assert "warning: site.yaml: anybody can write to it" in capsys.readouterr().err


def test_check_warns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says which files of the site anybody can change, and judges it all the same."""
    (here / "site.yaml").chmod(0o666)
    assert cli.main(["check"]) == 0
    assert "warning: site.yaml: anybody can write to it" in capsys.readouterr().err


def test_a_lock_where_anybody_could_take_it_away(tmp_path: Path) -> None:
    """A lock in a directory that all may write to would hold nobody: it is refused."""
    tmp_path.chmod(0o777)
    with (
        pytest.raises(FileError, match="anybody could take this lock away"),
        locks.lock(tmp_path / "lock"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def modes(*paths: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}


def test_modes_of_what_is_written(here: Path) -> None:
    """Nothing is written that others may write to; what holds a cluster, only its owner may read."""
    where = ["--cluster", "local:c.db"]
    for argv in (
        ["plan", "-o", "plan.json", "--summary", "summary.md", *where],
        ["apply", "--yes", "--report", "report.json", "-o", "out", *where],
        ["snapshot", "-o", "live.json", *where],
        ["init", "new"],
    ):
        assert cli.main(argv) == 0
    assert modes(here / "c.db") == {"c.db": "0o600"}
    made = [path for path in here.rglob("*") if path.name != "c.db"]
    assert len(made) > 8
    loose = [path for path in made if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    assert loose == []
