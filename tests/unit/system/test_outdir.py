from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.errors import FileError
from provisioner.system.outdir import MANIFEST, Difference, compare, write

WANTED = {"roles/a.yaml": "a\n", "clients/ci/x.json": "{}\n"}


def tree(root: Path) -> dict[str, str]:
    """Return what stands in a directory, the manifest left out."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def test_a_new_directory(tmp_path: Path) -> None:
    """Everything that is missing is written, directories included, and then nothing is different."""
    root = tmp_path / "deep" / "out"
    assert write(root, WANTED).missing == ("clients/ci/x.json", "roles/a.yaml")
    assert tree(root) == WANTED
    assert not compare(root, WANTED)
    assert not write(root, WANTED)


def test_comparing_changes_nothing(tmp_path: Path) -> None:
    """A comparison makes no directory and no file."""
    assert compare(tmp_path / "out", WANTED)
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_difference(tmp_path: Path) -> None:
    """Missing, changed, stale and foreign files are told apart, each list sorted."""
    write(tmp_path, {**WANTED, "roles/b.yaml": "b", "bots/z.yaml": "z"})
    (tmp_path / "roles" / "a.yaml").write_text("other")
    (tmp_path / "clients" / "ci" / "x.json").unlink()
    (tmp_path / "roles" / "mine.yaml").write_text("mine")
    assert compare(tmp_path, WANTED) == Difference(
        missing=("clients/ci/x.json",),
        changed=("roles/a.yaml",),
        stale=("bots/z.yaml", "roles/b.yaml"),
        extra=("roles/mine.yaml",),
    )


def test_only_files_of_the_manifest_are_removed(tmp_path: Path) -> None:
    """What was rendered once is removed when it is no longer wanted; what others wrote stays."""
    write(tmp_path, {**WANTED, "roles/b.yaml": "b"})
    (tmp_path / "roles" / "mine.yaml").write_text("mine")
    (tmp_path / "site.yaml").write_text("site")
    assert write(tmp_path, WANTED).stale == ("roles/b.yaml",)
    assert tree(tmp_path) == {**WANTED, "roles/mine.yaml": "mine", "site.yaml": "site"}
    assert compare(tmp_path, WANTED) == Difference(extra=("roles/mine.yaml",))


def test_files_outside_of_ours_are_not_looked_at(tmp_path: Path) -> None:
    """A directory that holds other things as well, such as a repository, is no difference."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x")
    write(tmp_path, WANTED)
    assert not compare(tmp_path, WANTED)


def test_equal_files_are_left_alone(tmp_path: Path) -> None:
    """A file with the right content is not written again."""
    write(tmp_path, WANTED)
    before = (tmp_path / "roles" / "a.yaml").stat()
    write(tmp_path, {**WANTED, "roles/new.yaml": "n"})
    after = (tmp_path / "roles" / "a.yaml").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_manifest_lists_what_is_ours(tmp_path: Path) -> None:
    """The manifest says in a stable order which files may be removed some day."""
    write(tmp_path, WANTED)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest == {"format_version": "1.0", "files": sorted(WANTED)}


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written before an interrupt is in the manifest, so that it can be removed."""
    write(tmp_path, {"roles/old.yaml": "o"})
    mkdir = Path.mkdir

    def interrupted(self: Path, mode: int = 0o777, *, parents: bool, exist_ok: bool) -> None:
        if self.name == "ci":
            raise KeyboardInterrupt
        mkdir(self, mode, parents=parents, exist_ok=exist_ok)

    monkeypatch.setattr(Path, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, {"roles/a.yaml": "a", "clients/ci/x": "x", "tbot/a.yaml": "t"})
    monkeypatch.undo()
    assert write(tmp_path, {}).missing == ()
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"files": 5}',
        '{"files": []}',
        '{"format_version": "2.0", "files": []}',
        "5",
        "\udcff",
        '{"files": ' + "[" * 100_000,
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, manifest: str) -> None:
    """A manifest that cannot be read stops everything: nothing is known to be ours."""
    (tmp_path / MANIFEST).write_bytes(manifest.encode(errors="surrogateescape"))
    for act in (compare, write):
        with pytest.raises(FileError, match="not a manifest"):
            act(tmp_path, WANTED)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "name", ["../victim", "/etc/passwd", "roles/../../victim", "a\\b", "..", ""]
)
def test_a_manifest_never_leads_out(tmp_path: Path, name: str) -> None:
    """A manifest that somebody wrote by hand cannot have files elsewhere removed."""
    root, victim = tmp_path / "out", tmp_path / "victim"
    root.mkdir()
    victim.write_text("here")
    (root / MANIFEST).write_text(json.dumps({"files": [name]}))
    with pytest.raises(FileError):
        write(root, WANTED)
    assert victim.read_text() == "here"


def test_links_never_lead_out(tmp_path: Path) -> None:
    """A directory that is a link to elsewhere is not written to."""
    root, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "roles").symlink_to(elsewhere)
    with pytest.raises(FileError, match="symbolic link"):
        write(root, WANTED)
    assert list(elsewhere.iterdir()) == []


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    """A file where a directory is needed, and the other way round, are errors that name it."""
    (tmp_path / "roles").write_text("a file")
    with pytest.raises(FileError, match="roles"):
        write(tmp_path, WANTED)
    other = tmp_path / "other"
    (other / "roles" / "a.yaml").mkdir(parents=True)
    with pytest.raises(FileError, match=r"a\.yaml"):
        write(other, WANTED)
    with pytest.raises(FileError, match="File exists"):
        write(tmp_path / "roles", WANTED)


def test_what_a_killed_write_left_behind(tmp_path: Path) -> None:
    """A file that was never finished is nobody's: it is no difference, and the next write removes it."""
    write(tmp_path, {"roles/dev.yaml": "a"})
    left = tmp_path / "roles" / ".dev.yaml.provision-0123456789abcdef"
    left.write_text("half")
    assert not compare(tmp_path, {"roles/dev.yaml": "a"})
    assert not write(tmp_path, {"roles/dev.yaml": "a"})
    assert not left.exists()


def test_a_file_that_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    """What somebody else has put where we would write stops everything, unless it says the same."""
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/a.yaml").write_text("mine")
    with pytest.raises(FileError, match="roles/a.yaml: is there, says something else"):
        write(tmp_path, WANTED)
    assert tree(tmp_path) == {"roles/a.yaml": "mine"}
    (tmp_path / "roles/a.yaml").write_text(WANTED["roles/a.yaml"])
    assert write(tmp_path, WANTED).missing == ("clients/ci/x.json",)
