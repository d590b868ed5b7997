"""What goes on, told to people on stderr.

A terminal gets one line that moves. Anything else gets a line for each phase in which there is
something to wait for; with `verbose`, both get every program that is started, how it ended, and what is left alone.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath

import click

from provisioner.cli._live import Live
from provisioner.cli._stopwatch import Stopwatch
from provisioner.effort import Call, Called, Kept, Phase
from provisioner.errors import ProvisionError
from provisioner.events import Done, Event, Note, Progress, Skipped
from provisioner.text.terminal import visible


class Spoken:
    """Tells events as text. `watch` hears of each before this does."""

    def __init__(self, watch: Stopwatch, *, verbose: bool) -> None:
        self._watch, self._verbose = watch, verbose
        self._live = Live(sys.stderr, self._moving) if _can_move() else None
        self._phase = Phase("")
        self._told = ""
        self._done = 0
        self._what = ""

    def hear(self, event: Event) -> None:
        """Tell what is worth a line, and keep what the moving line shows."""
        if isinstance(event, Phase):
            self._begin(event)
        elif isinstance(event, Call | Progress):
            self._wait(event)
        elif isinstance(event, Called):
            self._ended(event)
        elif isinstance(event, Done | Skipped):
            self._done += 1
        elif isinstance(event, Note):
            self.say(visible(event.text))
        elif isinstance(event, Kept) and self._verbose:
            self.say(visible(f"{event.resource}: left alone: {', '.join(event.options)}"))
        self._move()

    def aside(self, event: Event) -> None:
        """Hear an event that stands on stdout already."""
        if not isinstance(event, Note):
            self.hear(event)

    def say(self, text: str) -> None:
        """Say something for good; a stderr that cannot be written to stops no work."""
        self.quiet()
        with suppress(OSError):
            click.echo(text, err=True, color=True)
        self._move()

    def error(self, _error: ProvisionError, text: str) -> None:
        """Say what ends the work, as `text`."""
        self.say(text)

    def fact(self, _level: str, _event: str, _facts: Mapping[str, object], text: str = "") -> None:
        """Say `text`, unless it is empty."""
        if text:
            self.say(text)

    def quiet(self) -> None:
        """Take the moving line away."""
        if self._live is not None:
            self._live.hide()

    def rest(self) -> None:
        """Take it away until the next phase."""
        self.quiet()
        self._phase = Phase("")

    def close(self) -> None:
        """Tell no more."""
        if self._live is not None:
            self._live.close()

    def _begin(self, phase: Phase) -> None:
        self._phase = phase
        self._done, self._what = 0, ""

    def _move(self) -> None:
        """Show the moving line, if there is one and something goes on."""
        if self._live is not None and self._phase.name:
            self._live.show()

    def _wait(self, event: Call | Progress) -> None:
        if isinstance(event, Call):
            self._what = _shown((PurePath(event.argv[0]).name, *event.argv[1:]))
        else:
            share = f" {event.done}/{event.total}" if event.total else ""
            self._what = f"{visible(event.what)}{share}"
        if self._live is None and self._phase.name not in ("", self._told):
            self._told = self._phase.name
            self.say(f"{self._phase.name} ...")
        if self._verbose and isinstance(event, Call):
            self.say(f"$ {_shown(event.argv)}")

    def _ended(self, event: Called) -> None:
        if self._verbose:
            self.say(f"  {event.seconds:.2f} s{_end(event)}: {_shown(event.argv)}")

    def _moving(self) -> str:
        share = f" {self._done}/{self._phase.total}" if self._phase.total else ""
        what = f": {self._what}" if self._what else ""
        also = f" and {self._watch.running - 1} more" if self._watch.running > 1 else ""
        elapsed = self._watch.elapsed
        return (
            f"{self._phase.name}{share}{f', {elapsed:.0f} s' if elapsed >= 1 else ''}{what}{also}"
        )


def _can_move() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb")


def _shown(argv: tuple[str, ...]) -> str:
    return visible(shlex.join(argv))


def _end(event: Called) -> str:
    if event.timed_out:
        return ", no answer"
    if event.code < 0:
        return f", signal {-event.code}"
    return f", exit code {event.code}" if event.code else ""
