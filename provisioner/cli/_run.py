"""One run of the program: how it is told, and the signal that ended it, if one did."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from provisioner.cli._teller import Teller

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Run:
    """What the options say of telling, which are read before anything is told."""

    def __init__(self, argv: Sequence[str] = ()) -> None:
        self.verbose = False
        self.timings = False
        self.log_format = "json" if _wants_json(argv) else "text"
        self.signal = signal.SIGINT
        self._teller: Teller | None = None

    @property
    def teller(self) -> Teller:
        """What tells; made when it is needed, for `--help` needs none."""
        if self._teller is None:
            make: type[Teller] = importlib.import_module("provisioner.cli._teller").Teller
            as_json = self.log_format == "json"
            self._teller = make(verbose=self.verbose, timings=self.timings, as_json=as_json)
        return self._teller

    def end(self, code: int) -> int:
        """Tell the end, if that is wanted, and return the exit code."""
        if self._teller is not None or self.timings or self.log_format == "json":
            self.teller.end(code)
        return code

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Raise KeyboardInterrupt inside when a signal asks the program to end; then ignore more.

        What is left to do afterwards is to say what came of it. Signals that were ignored before,
        as under nohup, stay so.
        """
        for number in _ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._interrupt)
        try:
            yield
        finally:
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        raise KeyboardInterrupt


def _wants_json(argv: Sequence[str]) -> bool:
    """Whether errors of the command line itself, which keep it from being read, shall be JSON."""
    words = [*argv, "--"][: [*argv, "--"].index("--")]
    asked = "--log-format=json" in words or ("--log-format", "json") in pairwise(words)
    return asked or os.environ.get("PROVISION_LOG_FORMAT") == "json"


def current() -> Run:
    """Return the run that a command belongs to."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Run) if context is not None else None
    return found or Run()
