from __future__ import annotations

import io
import sys

import pytest

from provisioner.change import Event, Note, Progress, Started
from provisioner.cli._teller import Teller
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, desired, role

CHANGES = plan(desired(role()), (), CLUSTER).changes


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error


def test_nothing_moves_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Where stderr is no terminal, only notes are told."""
    with Teller() as teller:
        teller.hear(Progress("reading", 1, 2))
        teller.hear(Started(CHANGES))
        teller.hear(Note("wait\x1b"))
    assert capsys.readouterr() == ("", "wait\\x1b\n")


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal, and return what is written to it."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Progress("reading roles", 1, 2), "reading roles 1/2"),
        (Progress("reading"), "reading"),
        (Started(CHANGES), "sending 1 change"),
        (Progress("tctl --identity=[/bold] [red]\x1b"), "tctl --identity=[/bold] [red]\\x1b"),
    ],
)
def test_a_moving_line(event: Event, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the work is named as it is, and the line is gone at the end."""
    terminal = terminal_for(monkeypatch)
    with Teller() as teller:
        teller.hear(event)
    assert shown in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_whole_lines_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said for good takes the place of the moving line."""
    terminal = terminal_for(monkeypatch)
    with Teller() as teller:
        teller.hear(Progress("reading"))
        teller.line("a whole line", err=True)
    assert terminal.getvalue().endswith("\x1b[2Ka whole line\n")


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "no space left")])
def test_a_reader_that_went_away(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """A line that nobody reads, or for which there is no room, stops nothing."""
    monkeypatch.setattr(sys, "stdout", Closed(error))
    Teller().line("nobody reads this")
