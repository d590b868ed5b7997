"""Read files within bounds, replace them whole or not at all, stay below a root."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from provisioner.errors import FileError
from provisioner.system.exposure import target
from provisioner.system.remains import sweep, unfinished

PUBLIC: Final = 0o644
PRIVATE: Final = 0o600

_LIMIT: Final = 64 << 20
_REASONS: Final = {
    errno.ENOENT: ("there is no such file", "check the path"),
    errno.EISDIR: ("is a directory", "name a file in it"),
    errno.ENOTDIR: ("a part of the path is not a directory", "check the path"),
    errno.EACCES: ("permission denied", "check its mode and owner, and those of its directories"),
    errno.EPERM: ("permission denied", "only its owner or root can do this"),
    errno.EROFS: ("the file system is read-only", "choose another place"),
    errno.ENOSPC: ("no space left on the device", "make room and run it again"),
    errno.EDQUOT: ("the disk quota is used up", "make room and run it again"),
    errno.ELOOP: ("a symbolic link on the way cannot be followed", "remove it"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}


def read_bytes(path: Path, *, limit: int = _LIMIT) -> bytes:
    """Return the content of a regular file of at most `limit` bytes. Raises FileError."""
    with explained(path, "read"):
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _require_regular(path, os.fstat(descriptor))
            data = file.read(limit + 1)
    if len(data) > limit:
        raise FileError(
            f"{path}: is larger than {limit:,} bytes", hint="split it, or check that it is the file"
        )
    return data


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file. Raises FileError, with the place of a byte that is none."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 at byte {error.start}") from error


def real(path: Path) -> Path:
    """Return what a path means once links are followed; those in a circle stay, to be told when opened.

    Raises FileError for what is no path.
    """
    with explained(path, "find"):
        return Path(os.path.realpath(path))


def repository(path: Path) -> Path:
    """Return the resolved root of the git repository around a file, or else its directory.

    Raises FileError for what is no path.
    """
    start = real(path).parent
    return next((place for place in (start, *start.parents) if (place / ".git").exists()), start)


def matching(root: Path, pattern: str) -> list[Path]:
    """Return the files that a glob below `root` matches; none for a pattern that is none."""
    try:
        return [path for path in root.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError, OSError):
        return []


def write(path: Path, data: bytes, *, mode: int = PUBLIC, backup: bool = False) -> bool:
    """Make `data` the content of the file and say whether that took a write.

    The file has its old content or the new one, whatever happens in between. Symbolic links are
    followed, but for those that others put where anybody may. An existing file keeps its mode and
    owner; a new one gets `mode`, less the umask. With `backup` the old content is kept beside it,
    with `.bak` added to its name. The directory must exist. Raises FileError.
    """
    with explained(path, "write"):
        real = target(path)
        try:
            before = real.stat()
        except FileNotFoundError:
            _replace(real, data, mode, None)
            return True
        _require_regular(path, before)
        if backup or before.st_size == len(data):
            old = read_bytes(real, limit=before.st_size)
            if old == data:
                return False
            if backup:
                _back_up(real.with_name(real.name + ".bak"), old, mode, before)
        _replace(real, data, mode, before)
        return True


def create(path: Path, data: bytes, *, mode: int = PUBLIC) -> bool:
    """Write a file that does not exist yet, and the directories above it; say whether it did not.

    Whatever has the name, links that lead nowhere included, is left as it is. Raises FileError.
    """
    with explained(path, "write"):
        target(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            return False
        sweep(path.parent)
        with unfinished(path, mode) as (temporary, descriptor):
            _fill(descriptor, data)
            return place(temporary, path)


def place(temporary: Path, path: Path) -> bool:
    """Give a whole file its name, unless something has that; say whether it was free. Raises OSError."""
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            return False
        temporary.rename(path)
    return True


def below(root: Path, *names: str) -> Path:
    """Return `root/name/name...` for names that come from data, each a single plain component.

    Raises FileError when a name is empty, `.`, `..` or holds a separator or NUL, and when symbolic
    links that exist would lead out of `root`.
    """
    for name in names:
        if name in ("", ".", "..") or any(character in name for character in "/\\\0"):
            raise FileError(
                f"{root}: {name!r} cannot be the name of a file in it",
                hint="choose a name without slashes that is not . or ..",
            )
    path = root.joinpath(*names)
    with explained(path, "resolve"):
        real, inside = path.resolve(), root.resolve()
    if not real.is_relative_to(inside):
        raise FileError(
            f"{path}: a symbolic link leads out of {root}, to {real}",
            hint="remove the link, or choose another output directory",
        )
    return path


def _replace(real: Path, data: bytes, mode: int, like: os.stat_result | None) -> None:
    """Put a new file in the place of `real`, itself never followed; durable when this returns."""
    sweep(real.parent)
    # Until it has the owner and mode of the old file, nobody else may look into the new one.
    with unfinished(real, PRIVATE if like else mode) as (temporary, descriptor):
        if like is not None:
            _own(descriptor, like, real)
        _fill(descriptor, data)
        temporary.replace(real)
    with suppress(OSError):  # the file is in place; some file systems cannot sync a directory
        _sync_directory(real.parent)


def _back_up(path: Path, data: bytes, mode: int, like: os.stat_result) -> None:
    with explained(path, "write"):
        _replace(path, data, mode, like)


def _fill(descriptor: int, data: bytes) -> None:
    """Write a file that stays open; durable afterwards."""
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _own(descriptor: int, like: os.stat_result, path: Path) -> None:
    mine = os.fstat(descriptor)
    try:
        if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)
    except PermissionError as error:
        raise FileError(
            f"{path}: cannot write: the file belongs to user {like.st_uid}, group {like.st_gid}, "
            "and a new one could not be given to them",
            hint="run this as that user or as root",
        ) from error
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _require_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{path}: is not a regular file", hint="pipes and devices cannot be used here"
        )


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what the system says into a FileError that names the file and the cure."""
    try:
        yield
    except OSError as error:
        reason, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), ""))
        raise FileError(f"{path}: cannot {doing}: {reason}", hint=hint) from error
    except (ValueError, RuntimeError) as error:  # a NUL or a lone surrogate; links in a circle
        raise FileError(f"{str(path)!r}: is not a path: {error}", hint="check the path") from error
