"""Stand between an MCP client and a real server, and enforce a bot's roles as Teleport would.

One thread reads the client, one the server. Whichever side goes away first, the session is wound
down, and nothing of the server is left behind.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from threading import Event, Lock, Thread
from typing import Final

from provisioner.proxy._referee import DENIED, Referee, Verdict
from provisioner.rbac.access import Checker, Server
from provisioner.system import pipes, process
from provisioner.text.terminal import plural, visible

__all__ = ["DENIED", "Referee", "Verdict", "referee", "serve"]

Tell = Callable[[str], None]
"""Is told what is kept from the client, line by line."""

PATIENCE: Final = 10.0
"""Seconds that a server has to end by itself once its client is gone, as Teleport gives it."""

_LONGEST: Final = 256 << 20
_TICK: Final = 100  # milliseconds
_SIGNALLED: Final = 128


def referee(checker: Checker, server: Server) -> Referee:
    """Return who judges a session of this identity with this server."""
    return Referee(lambda tool: checker.decide(server, tool).allowed)


def serve(
    argv: Sequence[str],
    judge: Referee,
    client: tuple[int, int],
    tell: Tell,
    *,
    patience: float = PATIENCE,
) -> int:
    """Run a server behind `judge` until either side ends; return its exit code.

    `client` are the file descriptors on which the client is read and written to. The server's
    errors go where ours go. A signal N that ended the server is 128 + N. Raises ProvisionError
    when it cannot be started.
    """
    child = process.start(argv, stderr=None)
    session = _Session(child, judge, client, tell)
    left = 0.0
    try:
        session.run()
        left = patience
    finally:
        pipes.stop(child, patience=left, readers=[session.down])
    return child.returncode if child.returncode >= 0 else _SIGNALLED - child.returncode


class _Session:
    """Both directions of one session."""

    def __init__(
        self, child: subprocess.Popen[bytes], judge: Referee, client: tuple[int, int], tell: Tell
    ) -> None:
        self.down = Thread(target=self._pass_down, daemon=True)
        self._up = Thread(target=self._pass_up, daemon=True)
        self._child = child
        self._judge = judge
        self._client_in, self._client_out = (
            FileIO(number, mode, closefd=False)
            for number, mode in zip(client, ("rb", "wb"), strict=True)
        )
        self._tell = tell
        for number in client:  # who started us may have left them otherwise
            os.set_blocking(number, True)
        self._writing = Lock()
        self._over = Event()

    def run(self) -> None:
        """Pass messages on until one side has nothing more to say, or is gone."""
        gone = select.poll()
        gone.register(self._client_out.fileno(), 0)  # tells only of a reader that has gone
        self._up.start()
        self.down.start()
        while not self._over.is_set() and self._child.poll() is None and not gone.poll(_TICK):
            pass

    def _pass_up(self) -> None:
        with self._ending():
            for line in pipes.lines(self._client_in, limit=_LONGEST):
                verdict = self._judge.from_client(line)
                for name in verdict.kept:
                    self._tell(f"refused a call of {visible(name)}")
                pipes.send(self._child.stdin, verdict.forward)
                self._answer(verdict.reply)

    def _pass_down(self) -> None:
        with self._ending():
            for line in pipes.lines(self._child.stdout, limit=_LONGEST):
                verdict = self._judge.from_server(line)
                if verdict.kept:
                    names = ", ".join(map(visible, verdict.kept))
                    self._tell(f"hid {plural(len(verdict.kept), 'tool')}: {names}")
                elif not verdict.forward:
                    self._tell("dropped a line of the server that is no JSON-RPC message")
                self._answer(verdict.forward)
        pipes.close(self._child.stdout)  # a server whose client is gone shall not wait for it

    def _answer(self, data: bytes) -> None:
        with self._writing:
            pipes.send(self._client_out, data)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """End the session with what is inside, however that ends."""
        try:
            yield
        except pipes.Overlong as error:
            self._tell(str(error))
        except OSError:  # the other side is gone
            pass
        finally:
            self._over.set()
