from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.errors import FileError
from provisioner.system.files import (
    PRIVATE,
    PUBLIC,
    below,
    create,
    place,
    read_bytes,
    write,
)
from provisioner.system.remains import unfinished
from tests.users import unprivileged

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def plain_umask() -> Iterator[None]:
    """Set the usual umask, whoever runs the tests."""
    old = os.umask(0o022)
    yield
    os.umask(old)


class TestReadBytes:
    def test_content_comes_back_byte_for_byte(self, tmp_path: Path) -> None:
        """Nothing is decoded, stripped or translated."""
        (tmp_path / "f").write_bytes(b"\xef\xbb\xbf\r\n\x00\xff")
        assert read_bytes(tmp_path / "f") == b"\xef\xbb\xbf\r\n\x00\xff"

    def test_the_limit_is_inclusive(self, tmp_path: Path) -> None:
        """A file as large as the limit is read; one byte more is refused, with the number."""
        (tmp_path / "f").write_bytes(b"x" * 2000)
        assert len(read_bytes(tmp_path / "f", limit=2000)) == 2000
        with pytest.raises(FileError, match="is larger than 1,999 bytes"):
            read_bytes(tmp_path / "f", limit=1999)

    def test_the_default_limit_is_64_mb(self, tmp_path: Path) -> None:
        """A huge file is refused before it fills the memory."""
        with (tmp_path / "f").open("wb") as file:
            file.truncate((64 << 20) + 1)
        with pytest.raises(FileError, match="larger than 67,108,864 bytes"):
            read_bytes(tmp_path / "f")

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("missing", "cannot read: there is no such file"),
            (".", "cannot read: is a directory"),
            ("f/below", "cannot read: a part of the path is not a directory"),
            ("circle", "cannot read: a symbolic link on the way cannot be followed"),
            ("pipe", "is not a regular file"),
            ("n" * 300, "cannot read: the name is too long"),
            ("a\0b", "is not a path: .*embedded null"),
        ],
    )
    def test_what_cannot_be_read_is_explained(self, tmp_path: Path, name: str, reason: str) -> None:
        """The error names the path, the reason and a cure, and never hangs on a pipe."""
        (tmp_path / "f").touch()
        (tmp_path / "circle").symlink_to("circle")
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match=reason) as caught:
            read_bytes(tmp_path / name)
        assert str(tmp_path) in caught.value.message
        assert caught.value.hint

    def test_permission_denied_is_explained(self, tmp_path: Path) -> None:
        """A file that may not be read says so."""
        (tmp_path / "f").touch(mode=0)
        with (
            unprivileged(tmp_path / "f"),
            pytest.raises(FileError, match="cannot read: permission denied"),
        ):
            read_bytes(tmp_path / "f")


class TestWrite:
    def test_new_files_get_the_mode_asked_for(self, tmp_path: Path) -> None:
        """0644 by default and 0600 for secrets, and `write` says that it wrote."""
        assert write(tmp_path / "public", b"a")
        assert write(tmp_path / "private", b"b", mode=PRIVATE)
        assert (mode_of(tmp_path / "public"), mode_of(tmp_path / "private")) == (PUBLIC, PRIVATE)
        assert (tmp_path / "private").read_bytes() == b"b"

    def test_the_umask_is_respected(self, tmp_path: Path) -> None:
        """Somebody who keeps new files private gets private files."""
        os.umask(0o077)
        write(tmp_path / "f", b"a")
        assert mode_of(tmp_path / "f") == 0o600

    def test_equal_content_is_left_alone(self, tmp_path: Path) -> None:
        """A second write of the same bytes touches nothing and says so."""
        write(tmp_path / "f", b"same")
        os.utime(tmp_path / "f", (1, 1))
        inode = (tmp_path / "f").stat().st_ino
        assert not write(tmp_path / "f", b"same", mode=PRIVATE, backup=True)
        status = (tmp_path / "f").stat()
        assert (status.st_ino, status.st_mtime, mode_of(tmp_path / "f")) == (inode, 1, PUBLIC)
        assert names(tmp_path) == ["f"]

    @pytest.mark.parametrize("content", [b"diff", b"other length", b""])
    def test_other_content_replaces_the_file(self, tmp_path: Path, content: bytes) -> None:
        """The file is a new one, with its old mode, and no temporary file stays behind."""
        (tmp_path / "f").write_bytes(b"same")
        (tmp_path / "f").chmod(0o751)
        inode = (tmp_path / "f").stat().st_ino
        assert write(tmp_path / "f", content, mode=PRIVATE)
        assert (tmp_path / "f").read_bytes() == content
        assert mode_of(tmp_path / "f") == 0o751
        assert (tmp_path / "f").stat().st_ino != inode
        assert names(tmp_path) == ["f"]

    def test_a_reader_keeps_what_it_opened(self, tmp_path: Path) -> None:
        """Who has the old file open goes on reading the old content, whole."""
        write(tmp_path / "f", b"old")
        with (tmp_path / "f").open("rb") as reader:
            write(tmp_path / "f", b"newer")
            assert reader.read() == b"old"

    @needs_root
    def test_the_owner_is_kept(self, tmp_path: Path) -> None:
        """A file of somebody else still belongs to them after root has replaced it."""
        (tmp_path / "f").touch()
        os.chown(tmp_path / "f", 1234, 4321)
        write(tmp_path / "f", b"new", backup=True)
        for name in ("f", "f.bak"):
            status = (tmp_path / name).stat()
            assert (status.st_uid, status.st_gid) == (1234, 4321)

    @needs_root
    def test_a_file_is_not_taken_from_its_owner(self, tmp_path: Path) -> None:
        """Who cannot give the new file to the old owner is refused, and the old file stays."""
        (tmp_path / "f").write_bytes(b"old")
        os.chown(tmp_path / "f", 1234, 1234)
        tmp_path.chmod(0o777)
        with (
            unprivileged(tmp_path / "f"),
            pytest.raises(FileError, match="belongs to user 1234, group 1234"),
        ):
            write(tmp_path / "f", b"new")
        assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"old")]

    def test_links_are_followed_and_stay(self, tmp_path: Path) -> None:
        """Writing through a link, relative or dangling, changes its target; the link stays."""
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real/f")
        assert write(tmp_path / "link", b"1")
        assert write(tmp_path / "link", b"2")
        assert (tmp_path / "link").readlink() == Path("real/f")
        assert (tmp_path / "real" / "f").read_bytes() == b"2"

    def test_the_backup_holds_the_old_content(self, tmp_path: Path) -> None:
        """There is one backup, with the mode of the file, and a planted link does not divert it."""
        (tmp_path / "f").write_bytes(b"1")
        (tmp_path / "f").chmod(0o640)
        (tmp_path / "victim").write_bytes(b"mine")
        (tmp_path / "f.bak").symlink_to("victim")
        write(tmp_path / "f", b"2", backup=True)
        write(tmp_path / "f", b"3", backup=True)
        assert (tmp_path / "f.bak").read_bytes() == b"2"
        assert mode_of(tmp_path / "f.bak") == 0o640
        assert (tmp_path / "victim").read_bytes() == b"mine"

    def test_a_new_file_has_no_backup(self, tmp_path: Path) -> None:
        """There is nothing to keep of a file that was not there."""
        write(tmp_path / "f", b"1", backup=True)
        assert names(tmp_path) == ["f"]

    @pytest.mark.parametrize("failing", ["fsync", "replace"])
    def test_a_failed_write_leaves_all_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        """When the disk is full the old content and no temporary file is there."""

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "full")

        write(tmp_path / "f", b"old")
        monkeypatch.setattr(os, failing, full)
        with pytest.raises(FileError, match="cannot write: no space left") as caught:
            write(tmp_path / "f", b"new")
        assert caught.value.hint == "make room and run it again"
        assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"old")]

    def test_an_interrupt_leaves_all_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """^C in the middle removes the temporary file and goes on."""

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "f", b"new")
        assert names(tmp_path) == []

    @pytest.mark.parametrize("name", ["missing/f", "directory", "pipe"])
    def test_what_cannot_be_written_is_explained(self, tmp_path: Path, name: str) -> None:
        """A missing directory, a directory and a pipe are errors that name the path."""
        (tmp_path / "directory").mkdir()
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match=f"{tmp_path / name}: ") as caught:
            write(tmp_path / name, b"x")
        assert caught.value.hint


class TestBelow:
    def test_plain_names_are_joined(self, tmp_path: Path) -> None:
        """Names with dots, blanks and accents are fine, and need not exist."""
        assert below(tmp_path, "roles", "a b.é..yaml") == tmp_path / "roles" / "a b.é..yaml"

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "../f", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\ud800"]
    )
    def test_names_that_are_paths_are_refused(self, tmp_path: Path, name: str) -> None:
        """Traversal, absolute names, separators, NUL and broken text are errors."""
        with pytest.raises(FileError, match=r"cannot be the name of a file|is not a path"):
            below(tmp_path, "roles", name)

    @pytest.mark.parametrize("target", ["..", "/tmp", "../elsewhere"])
    def test_links_that_lead_out_are_refused(self, tmp_path: Path, target: str) -> None:
        """A link planted in the output directory cannot send a file elsewhere."""
        root = tmp_path / "out"
        root.mkdir()
        (root / "roles").symlink_to(target)
        for parts in (("roles",), ("roles", "f.yaml")):
            with pytest.raises(FileError, match="a symbolic link leads out of"):
                below(root, *parts)

    def test_links_that_stay_inside_are_fine(self, tmp_path: Path) -> None:
        """A link to a sibling is followed, and so is a link that is the root itself."""
        (tmp_path / "out" / "real").mkdir(parents=True)
        (tmp_path / "out" / "roles").symlink_to("real")
        (tmp_path / "root").symlink_to("out")
        path = below(tmp_path / "root", "roles", "f")
        assert path.resolve() == tmp_path.resolve() / "out" / "real" / "f"


def test_create_makes_directories(tmp_path: Path) -> None:
    """A file that is created has its content, and the directories above it exist."""
    path = tmp_path / "a" / "b" / "c"
    assert create(path, b"x")
    assert path.read_bytes() == b"x"


def test_create_leaves_what_is_there(tmp_path: Path) -> None:
    """Whatever has the name already, a link that leads nowhere included, is left as it is."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "directory").mkdir()
    for name in ("file", "link", "directory"):
        assert not create(tmp_path / name, b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(FileError, match="cannot write"):
        create(tmp_path / "file" / "below", b"")


def test_a_name_that_is_taken_meanwhile(tmp_path: Path) -> None:
    """What has got the name while a file was being made keeps it, whatever it is."""
    path = tmp_path / "file"
    with unfinished(path, 0o600) as (temporary, _):
        temporary.write_text("ours")
        path.symlink_to("nowhere")
        assert not place(temporary, path)
        assert path.is_symlink()
        path.unlink()
        path.write_text("theirs")
        assert not place(temporary, path)
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["file"]


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file system has none, a file gets its name all the same, unless something has it."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    assert create(tmp_path / "file", b"x")
    assert not create(tmp_path / "file", b"y")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"x")]
