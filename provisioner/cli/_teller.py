"""Long work is pleasant: a moving line on a terminal, and nothing anywhere else."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

import click

from provisioner.change import Event, Note, Progress, Started
from provisioner.text.terminal import plural, visible


class _Status(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def update(self, status: object) -> None: ...


class Teller:
    """Shows on stderr what moves on. As a context, it is quiet again when it ends."""

    def __init__(self) -> None:
        self._status: _Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.quiet()

    def hear(self, event: Event) -> None:
        """Tell of an event what is worth a moment's look; outcomes are for others to tell."""
        if isinstance(event, Note):
            self.line(visible(event.text), err=True)
        elif isinstance(event, Progress):
            share = f" {event.done}/{event.total}" if event.total else ""
            self._show(f"{visible(event.what)}{share}")
        elif isinstance(event, Started):
            self._show(f"sending {plural(len(event.changes), 'change')}")

    def line(self, text: str, *, err: bool = False) -> None:
        """Say a whole line; a reader who went away, or a full disk, does not stop the work half-way."""
        self.quiet()
        with suppress(OSError):
            click.echo(text, err=err)

    def quiet(self) -> None:
        """Take the moving line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _show(self, text: str) -> None:
        if not sys.stderr.isatty():
            return
        # As `Text`, brackets are brackets; in a `str` they would be rich's markup.
        words = importlib.import_module("rich.text").Text(text)
        if self._status is None:
            console = importlib.import_module("rich.console").Console(stderr=True)
            self._status = console.status(words)
            self._status.start()
        self._status.update(words)
