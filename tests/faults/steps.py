"""Stop a program before any one of its system calls that touch its files, and do something there.

The program is a function, run in a fork of this process. A seccomp filter in it hands each of the
calls below to us and holds it until we have answered (SECCOMP_RET_USER_NOTIF, Linux 5.5:
https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html). So the steps are those of the kernel:
nothing in the product knows of them, and what SQLite or another library does in C is counted too.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h in https://github.com/torvalds/linux.
_TABLES: Final[dict[str, dict[str, int]]] = {
    "x86_64": {
        "read": 0, "write": 1, "open": 2, "pread64": 17, "pwrite64": 18, "writev": 20,
        "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "rename": 82, "mkdir": 83,
        "rmdir": 84, "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "fchmod": 91,
        "fchown": 93, "openat": 257, "mkdirat": 258, "unlinkat": 263, "renameat": 264,
        "linkat": 265, "fchmodat": 268, "renameat2": 316,
    },
    "aarch64": {
        "flock": 32, "mkdirat": 34, "unlinkat": 35, "linkat": 37, "renameat": 38, "ftruncate": 46,
        "fchmod": 52, "fchmodat": 53, "fchown": 55, "openat": 56, "read": 63, "write": 64,
        "writev": 66, "pread64": 67, "pwrite64": 68, "fsync": 82, "fdatasync": 83,
        "renameat2": 276,
    },
}  # fmt: skip
CALLS: Final = _TABLES.get(platform.machine(), {})
_NAMES: Final = {number: name for name, number in CALLS.items()}
_READING: Final = frozenset({"read", "pread64"})
# Which argument names the file: a descriptor, a path, or a path behind the descriptor of a directory.
_PATH: Final = frozenset({"open", "rename", "mkdir", "rmdir", "link", "unlink", "symlink", "chmod"})
_PATH_AT: Final = frozenset(
    {"openat", "mkdirat", "unlinkat", "renameat", "linkat", "fchmodat", "renameat2"}
)

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _NEW_LISTENER, _NO_NEW_PRIVS = 1, 8, 38
_ALLOW, _USER_NOTIF = 0x7FFF0000, 0x7FC00000
_RECV, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_CHILD_SUBREAPER, _AT_FDCWD = 36, -100
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_NOTIF, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")


@dataclass(frozen=True, slots=True)
class Step:
    """A process is about to make a system call on a file, as the `number`th from 1.

    `main` is the program itself, `pid` the process: the same, or one that it has started.
    """

    number: int
    call: str
    path: Path
    pid: int
    main: int

    @property
    def reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.call in _READING

    def __str__(self) -> str:
        return f"step {self.number}, {self.call} {self.path.name}"


Answer = int | None
"""None lets the call be made; an error number fails it before it is."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: its exit code, negative after a signal, and the steps that it made.

    `orphans` are the command lines of what it had started and that outlived it by more than its grace; it is
    ended by now.
    """

    code: int
    steps: tuple[Step, ...]
    orphans: tuple[str, ...] = ()


def run(
    program: Callable[[], int],
    root: Path,
    act: Callable[[Step], Answer] = lambda _: None,
    *,
    seconds: float = 60.0,
    grace: float = 1.0,
) -> Ending:
    """Run a program in a fork, and `act` before each step on a file below `root`.

    What it has started may outlive it by `grace` seconds. Raises TimeoutError, with everything ended, if it takes longer than `seconds`.
    """
    _LIBC.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)  # what it leaves behind becomes ours
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            _be(program, theirs)
        theirs.close()
        listener = socket.recv_fds(ours, 1, 1)[1][0]
    watch = _Watch(listener, pid, root, act, (seconds, grace))
    try:
        return watch.until_the_end()
    finally:
        os.close(listener)


def available() -> bool:
    """Say whether this machine can hand over system calls."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    return bool(CALLS) and actions.exists() and "user_notif" in actions.read_text()


class _Watch:
    """One run of a program, from its first step to the end of the last process."""

    def __init__(
        self,
        listener: int,
        pid: int,
        root: Path,
        act: Callable[[Step], Answer],
        patience: tuple[float, float],
    ) -> None:
        self._listener, self._pid, self._root, self._act = listener, pid, f"{root}/", act
        self._deadline, self._grace = time.monotonic() + patience[0], patience[1]
        self._steps: list[Step] = []
        self._code: int | None = None

    def until_the_end(self) -> Ending:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while True:
            if any(event & select.POLLIN for _, event in poll.poll(20)):
                self._serve()
            elif not self._reap():
                return self._ending(())
            elif time.monotonic() > self._deadline:
                left = _end_children()
                if self._code is None:
                    raise TimeoutError(f"not at its end: {left}")
                return self._ending(left)

    def _ending(self, orphans: tuple[str, ...]) -> Ending:
        return Ending(self._code or 0, tuple(self._steps), orphans)

    def _serve(self) -> None:
        """Take one call, and answer it; a process that was ended meanwhile needs none."""
        buffer = bytearray(_NOTIF.size)
        with suppress(OSError):
            fcntl.ioctl(self._listener, _RECV, buffer)
            number, pid, _, call, _, _, *arguments = _NOTIF.unpack(buffer)
            step = self._step(pid, _NAMES[call], arguments)
            error = None if step is None else self._act(step)
            answer = (0, _CONTINUE) if error is None else (-error, 0)
            fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(number, 0, *answer))

    def _step(self, pid: int, call: str, arguments: list[int]) -> Step | None:
        path = _path(pid, call, arguments)
        if not path.startswith(self._root):
            return None
        step = Step(len(self._steps) + 1, call, Path(path), pid, self._pid)
        self._steps.append(step)
        return step

    def _reap(self) -> bool:
        """Collect what has ended; say whether there is anything left."""
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._pid:
                    self._code = os.waitstatus_to_exitcode(found[1])
                    self._deadline = min(self._deadline, time.monotonic() + self._grace)
        except ChildProcessError:
            return False
        return True


def _be(program: Callable[[], int], to: socket.socket) -> None:
    """Be the program, in the fork."""
    code = 70
    try:
        listener = _listen()
        socket.send_fds(to, [b"x"], [listener])
        os.close(listener)
        to.close()
        code = program()
    finally:
        os._exit(code)


def _listen() -> int:
    """Install the filter, and return the descriptor that tells of the calls."""
    numbers = list(CALLS.values())
    code = [(0x20, 0, 0, 0)]  # load the number of the call
    code += [(0x15, len(numbers) - n, 0, number) for n, number in enumerate(numbers)]
    code += [(0x06, 0, 0, _ALLOW), (0x06, 0, 0, _USER_NOTIF)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in code))
    program = struct.pack("@HP", len(code), ctypes.addressof(text))
    _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    number = _SECCOMP[platform.machine()]
    listener: int = _LIBC.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _path(pid: int, call: str, arguments: list[int]) -> str:
    """Return the file that a call is about, "" where it is none."""
    with suppress(OSError):
        if call in _PATH:
            return _absolute(_text(pid, arguments[0]), f"/proc/{pid}/cwd")
        if call in _PATH_AT:
            here = ctypes.c_int32(arguments[0]).value
            base = f"/proc/{pid}/cwd" if here == _AT_FDCWD else f"/proc/{pid}/fd/{here}"
            return _absolute(_text(pid, arguments[1]), base)
        return str(Path(f"/proc/{pid}/fd/{arguments[0]}").readlink())
    return ""


def _absolute(path: str, base: str) -> str:
    return os.path.normpath(path if path.startswith("/") else f"{Path(base).readlink()}/{path}")


def _text(pid: int, address: int) -> str:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(4096).partition(b"\0")[0].decode()


def _end_children() -> tuple[str, ...]:
    """End all that this process has started, and return their command lines."""
    found = []
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while pids := children.read_text().split():  # what they have started becomes ours
        pid = pids[0]
        with suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip())
            os.kill(int(pid), signal.SIGKILL)
            os.waitpid(int(pid), 0)
    return tuple(found)
