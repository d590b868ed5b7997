"""Long work is pleasant: what goes on is told on stderr, as whoever reads it wants it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from provisioner.cli import _stopwatch
from provisioner.cli._spoken import Spoken
from provisioner.effort import Phase
from provisioner.errors import ProvisionError
from provisioner.events import Event

if TYPE_CHECKING:
    from provisioner.cli._jsonlog import JsonLog


class Teller:
    """Hears what goes on and tells it. When it ends as a context, nothing moves on the terminal any more.

    What comes next belongs to results then, until another phase begins.
    """

    def __init__(
        self, *, verbose: bool = False, timings: bool = False, as_json: bool = False
    ) -> None:
        self._timings = timings
        self._phase: Phase | None = None
        self._watch = _stopwatch.Stopwatch()
        self._voice: Spoken | JsonLog = (
            _logging(verbose=verbose) if as_json else Spoken(self._watch, verbose=verbose)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._phase = None
        self._watch.hear(Phase(_stopwatch.RESULTS))
        self._voice.rest()

    def hear(self, event: Event) -> None:
        """Tell of an event what is worth it; a phase that goes on does not begin again."""
        if isinstance(event, Phase):
            if event == self._phase:
                return
            self._phase = event
        self._watch.hear(event)
        self._voice.hear(event)

    def phase(self, name: str, total: int = 0) -> None:
        """Say that a part of the work begins."""
        self.hear(Phase(name, total))

    def line(self, text: str, event: Event | None = None) -> None:
        """Say a whole line on stdout, for `event` if there is one.

        A reader who went away, or a full disk, does not stop the work half-way.
        """
        self._voice.quiet()
        with suppress(OSError):
            click.echo(text)
        if event is not None:
            self._watch.hear(event)
            self._voice.aside(event)

    def say(self, text: str) -> None:
        """Say something that is not data, on stderr, if it can be written to."""
        self._voice.say(text)

    def error(self, error: ProvisionError, text: str) -> None:
        """Say what went wrong; `text` is how people are told."""
        self._voice.error(error, text)

    def quiet(self) -> None:
        """Take the moving line away."""
        self._voice.quiet()

    def fact(self, level: str, name: str, facts: Mapping[str, object], text: str = "") -> None:
        """Log facts for programs, or say `text`, unless empty, to people."""
        self._voice.fact(level, name, facts, text)

    def end(self, code: int) -> None:
        """Tell where the time went, if that is wanted, and what it came to."""
        self._voice.close()
        if self._timings:
            text = "\n".join(_stopwatch.lines(self._watch))
            self.fact("info", "timings", _stopwatch.data(self._watch), text)
        self.fact("info", "end", {"exit_code": code})


def _logging(*, verbose: bool) -> JsonLog:
    from provisioner.cli._jsonlog import JsonLog

    return JsonLog(verbose=verbose)
