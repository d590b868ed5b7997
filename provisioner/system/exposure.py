"""What others on this machine could do to a file: change it, replace it, lead a write elsewhere."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from provisioner.errors import FileError

_LINKS: Final = 40  # as many as Linux follows


def exposed(path: Path) -> str:
    """Say how anybody could change a file, with the cure after a line break; "" where nobody can.

    Links are followed. A directory that anybody may write to is as good as the file itself, unless
    it is sticky, as /tmp is. A file that is not there is nobody's. Raises FileError.
    """
    try:
        real = path.resolve()
        if real.stat().st_mode & stat.S_IWOTH:
            return f"{path}: anybody can write to it\nchmod o-w {path}"
        if open_to_all(real.parent):
            return f"{path}: anybody can replace it, as {real.parent} is writable by all\nchmod o-w {real.parent}"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError(f"{str(path)!r}: cannot be looked at: {error}") from error
    return ""


def open_to_all(directory: Path) -> bool:
    """Whether anybody may remove what others have put into a directory. Raises OSError."""
    mode = directory.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def target(path: Path) -> Path:
    """Return what a path means once the links at its end are followed, as the kernel does.

    In a sticky directory that anybody may write to, such as /tmp, a link of somebody else could
    send what is written to a file of ours (proc(5), protected_symlinks), at the end of a path or on
    the way. Raises FileError and OSError.
    """
    for directory in path.parents:
        if directory.is_symlink():
            _require_trusted(directory)
    for _ in range(_LINKS):
        if not path.is_symlink():
            return path
        _require_trusted(path)
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _require_trusted(path: Path) -> None:
    link, directory = path.lstat(), path.parent.stat()
    is_open = stat.S_ISVTX | stat.S_IWOTH
    others = link.st_uid not in (os.geteuid(), directory.st_uid)
    if others and directory.st_mode & is_open == is_open:
        raise FileError(
            f"{path}: is a link that somebody else has put there",
            hint="remove it, or write elsewhere",
        )
