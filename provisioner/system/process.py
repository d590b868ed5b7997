"""Run commands: no shell, no terminal, bounded in time and output, several at once if wanted.

A child gets a session of its own: ^C at the terminal reaches `provision` alone, which then decides
what becomes of a child in the middle of a write, and no child can open the terminal to ask for a
second factor that nobody will type. All waiting is done by one loop in the calling thread, so
that an interrupt or a closed generator never leaves a child behind. If we are killed, so are they.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from typing import IO, Final

from msgspec import Struct

from provisioner.errors import ProvisionError
from provisioner.system import mortal
from provisioner.values import EMPTY, Secret

Notify = Callable[[tuple[str, ...]], None]
"""Is told the masked argv of every command as it starts."""

_CHUNK: Final = 1 << 20
_GRACE: Final = 2.0
_SECRET_FLAGS: Final = frozenset({"--token", "--password", "--secret", "--registration-secret"})
_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[ -/]*[0-~]"  # everything shorter
)


class Command(Struct, frozen=True):
    """What to run.

    `argv[0]` is a path or a name to look up on PATH. A `Secret` among the arguments is revealed to
    the child only (and to `ps`: prefer `stdin`). `stdin` None means closed at once. `env` is laid
    over the environment of this process. `timeout` is in seconds from the start; `limit` in bytes
    of output and error output together. A command whose error output matches `hopeless` is ended
    without waiting any longer: it asks for what nobody can give it here.
    """

    argv: tuple[str | Secret, ...]
    stdin: bytes | None = None
    timeout: float = 60.0
    env: Mapping[str, str] = EMPTY
    limit: int = 512 << 20
    hopeless: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Command({self.argv!r})"  # what goes in at stdin is not for a log


class Result(Struct, frozen=True):
    """What became of a command: `argv` is masked, `code` negative after a signal.

    Texts are UTF-8, with U+FFFD for what is not. `timed_out` says that we killed it, for its time
    was up or its case hopeless; what it had printed until then is kept.
    """

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False


def masked(argv: Sequence[str | Secret]) -> tuple[str, ...]:
    """Return `argv` as it may be shown: `Secret`s and the values of flags such as --token hidden."""
    shown: list[str] = []
    hide_next = False
    for argument in argv:
        flag, equals, _ = ("", "", "") if isinstance(argument, Secret) else argument.partition("=")
        if isinstance(argument, Secret) or hide_next:
            shown.append("<secret>")
        elif equals and flag in _SECRET_FLAGS:
            shown.append(f"{flag}=<secret>")
        else:
            shown.append(argument)
        hide_next = flag in _SECRET_FLAGS and not equals
    return tuple(shown)


def strip_ansi(text: str) -> str:
    """Return `text` without terminal escape sequences."""
    return _ESCAPES.sub("", text)


def run(command: Command, notify: Notify | None = None) -> Result:
    """Run one command to its end; a failing exit code is a result, not an exception.

    Raises ProvisionError when it cannot be started or prints more than its limit.
    """
    with closing(run_all((command,), width=1, notify=notify)) as results:
        return next(results)[1]


def run_all(
    commands: Iterable[Command], *, width: int, notify: Notify | None = None
) -> Generator[tuple[int, Result], None, None]:
    """Run commands, at most `width` at a time; yield (index, result) in the order they end.

    A command is taken from `commands` when there is room for it, so a generator can stop early.
    Whatever ends the iteration early (an exception, ^C, closing the generator) kills the children
    that still run. Raises ProvisionError when one cannot be started or prints more than its limit.
    """
    waiting = enumerate(commands)
    children: list[_Child] = []
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for index, command in islice(waiting, width - len(children)):
                    if notify is not None:
                        notify(masked(command.argv))
                    with mortal.unbroken():
                        children.append(_Child(index, command, selector))
                if not children:
                    return
                soonest = min(child.deadline for child in children)
                for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
                    key.data()
                for child in [child for child in children if child.ended()]:
                    children.remove(child)
                    yield child.index, child.result()
        finally:
            end([child.process for child in children])
            for child in children:
                child.close()


def start(
    argv: Sequence[str | Secret],
    *,
    stdin: int = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    env: Mapping[str, str] = EMPTY,
    orphaned: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own and return it; `end` is then up to the caller.

    Its pipes are not buffered. `stderr` None is ours. `orphaned` is the signal that it gets when
    this process is killed. Raises ProvisionError when it cannot be started.
    """
    name = masked(argv)[0]
    try:
        return subprocess.Popen(
            [a.reveal() if isinstance(a, Secret) else a for a in argv],
            bufsize=0,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **env},
            start_new_session=True,
            preexec_fn=mortal.with_us(orphaned),
        )
    except FileNotFoundError as error:
        hint = "install it, or give the full path of the program"
        raise ProvisionError(f"{name}: there is no such command", hint=hint) from error
    except PermissionError as error:
        hint = f"check the path, or make it executable: chmod +x {name}"
        raise ProvisionError(f"{name}: is not an executable file", hint=hint) from error
    except (OSError, ValueError) as error:
        hint = "check that it is a program for this machine and that its arguments are plain text"
        raise ProvisionError(f"{name}: could not be started: {error}", hint=hint) from error


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End whole process groups: TERM, a moment to tidy up, KILL; reap."""
    try:
        for process in processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            _signal(process, signal.SIGKILL)  # also what it started itself
            process.wait()


class _Child:
    """One running command: its process, what it has printed, when its time is up."""

    def __init__(self, index: int, command: Command, selector: selectors.BaseSelector) -> None:
        self.index = index
        self.argv = masked(command.argv)
        self.limit, self.hopeless = command.limit, command.hopeless
        self.started = time.monotonic()
        self.deadline = self.started + command.timeout
        self.timed_out = False
        stdin = subprocess.DEVNULL if command.stdin is None else subprocess.PIPE
        self.process = start(command.argv, stdin=stdin, env=command.env, orphaned=signal.SIGKILL)
        self._selector = selector
        self._stdin = memoryview(command.stdin or b"")
        self._printed: dict[IO[bytes], bytearray] = {}
        self._open = 0
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                self._printed[pipe] = bytearray()
                self._watch(pipe, selectors.EVENT_READ, self._read)
        if self.process.stdin is not None:
            self._watch(self.process.stdin, selectors.EVENT_WRITE, self._write)

    def ended(self) -> bool:
        """Say whether the command is over, ending it when its time is up."""
        if self._open and time.monotonic() < self.deadline:
            return False
        try:  # with its pipes closed it is about to exit; if it is not, its time runs on
            self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.timed_out = True
        if self.timed_out or self._open:  # open pipes now belong to what it left behind
            end([self.process])
            self._drain()
        self.close()
        return True

    def result(self) -> Result:
        stdout, stderr = (bytes(b).decode("utf-8", "replace") for b in self._printed.values())
        seconds = time.monotonic() - self.started
        return Result(
            self.argv, self.process.returncode, stdout, stderr, seconds, timed_out=self.timed_out
        )

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                self._unwatch(pipe)

    def _drain(self) -> None:
        for pipe in self._printed:
            with suppress(BlockingIOError):
                while not pipe.closed:
                    self._read(pipe)

    def _read(self, pipe: IO[bytes]) -> None:
        data = os.read(pipe.fileno(), _CHUNK)
        self._printed[pipe] += data
        if pipe is self.process.stderr and self._is_hopeless():
            self.deadline = 0.0
        if not data:
            self._unwatch(pipe)
        elif sum(map(len, self._printed.values())) > self.limit:
            raise ProvisionError(
                f"{' '.join(self.argv)}: printed more than {self.limit:,} bytes and was stopped",
                hint="run it by hand to see what it prints",
            )

    def _is_hopeless(self) -> bool:
        """Whether the end of its error output says that there is nothing to wait for."""
        if self.hopeless is None or self.process.stderr is None:
            return False
        said = self._printed[self.process.stderr][-_CHUNK:].decode("utf-8", "replace")
        return self.hopeless.search(said) is not None

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            self._stdin = self._stdin[os.write(pipe.fileno(), self._stdin[:_CHUNK]) :]
        except BrokenPipeError:  # the child wants no more; its exit code says why
            self._stdin = self._stdin[:0]
        if not self._stdin:
            self._unwatch(pipe)

    def _watch(self, pipe: IO[bytes], event: int, react: Callable[[IO[bytes]], None]) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, event, partial(react, pipe))
        self._open += 1

    def _unwatch(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        pipe.close()
        self._open -= 1


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group is gone, or only a zombie
        os.killpg(process.pid, number)
