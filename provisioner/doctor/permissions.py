"""What a user of this machine may do with a file: mode bits and POSIX access control lists.

tbot gives its `readers` access by such a list, which the mode bits alone do not tell. Only root
and the user can try it out; for any other user it is worked out as acl(5) says.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.values import Plain

READ: Final = 4
WRITE: Final = 2
SEARCH: Final = 1

_ATTRIBUTE: Final = "system.posix_acl_access"
_ENTRY: Final = struct.Struct("<HHI")
_HEADER: Final = 4
_NAMED_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_ALL: Final = READ | WRITE | SEARCH


class User(Struct, frozen=True):
    """A user of this machine, and the groups it is in, by their numbers."""

    name: str
    uid: int
    groups: frozenset[int]


def user_named(name: str) -> User | None:
    """Return a user by its name, None where there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):  # NUL is in nobody's name
        return None
    return User(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def this_user() -> User:
    """Return the user that runs this."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return User(name, uid, frozenset((os.getegid(), *os.getgroups())))


def is_among(user: User, readers: Iterable[Mapping[str, Plain]]) -> bool:
    """Whether a user is one of tbot's readers, by its name or by a group that it is in."""
    for reader in readers:
        if reader.get("user") in (user.name, str(user.uid)):
            return True
        try:
            if grp.getgrnam(str(reader.get("group", ""))).gr_gid in user.groups:
                return True
        except KeyError:  # there is no such group here
            continue
    return False


def obstacle(user: User, path: Path, wanted: int) -> Path | None:
    """Return the first part of `path` that keeps `user` from it, None where nothing does.

    `wanted` is what the user wants of `path` itself, READ, WRITE or both; the directories on the way
    must let it search. What does not exist is no obstacle. Raises OSError for what cannot be seen.
    """
    if user.uid == 0:
        return None
    real = Path(os.path.realpath(path))  # links in a circle lead nowhere: nothing is there
    for part in (*reversed(real.parents), real):
        if not part.exists():
            return None
        needed = SEARCH if part != real else wanted | (SEARCH if part.is_dir() else 0)
        if not _grants(user, part, needed):
            return part
    return None


def _grants(user: User, path: Path, needed: int) -> bool:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if user.uid == status.st_uid:
        return not needed & ~(mode >> 6)
    entries = list(_access_list(path))
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), _ALL)
    for tag, bits, number in entries:
        if tag == _NAMED_USER and number == user.uid:
            return not needed & ~(bits & mask)
    # With a list, the mode's bits for the group are the mask.
    owning = next((bits for tag, bits, _ in entries if tag == _OWNING_GROUP), mode >> 3)
    groups = [bits for tag, bits, number in entries if tag == _GROUP and number in user.groups]
    groups += [owning] if status.st_gid in user.groups else []
    if groups:
        return any(not needed & ~(bits & mask) for bits in groups)
    return not needed & ~mode


def _access_list(path: Path) -> Iterator[tuple[int, int, int]]:
    """Yield tag, permissions and number of each entry; nothing where there are only mode bits."""
    if sys.platform != "linux":
        return
    try:
        data = os.getxattr(path, _ATTRIBUTE)
    except OSError:  # there is no list, or there are none on this file system
        return
    yield from _ENTRY.iter_unpack(data[_HEADER:])


__all__ = ["READ", "WRITE", "User", "is_among", "obstacle", "this_user", "user_named"]
