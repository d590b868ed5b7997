from __future__ import annotations

import io
import json
import sys
import time
from typing import Any

import pytest

from provisioner.cli import _live
from provisioner.cli._teller import Teller
from provisioner.effort import Call, Called, Kept, Phase
from provisioner.errors import FileError, Place, Problem, Rejected, SiteError
from provisioner.events import Done, Event, Note, Progress, Skipped, Started
from provisioner.planning.plan import plan
from tests.bodies import CLUSTER, bot, desired, role

CHANGES = plan(desired(role(), bot(roles=["dev"])), (), CLUSTER).changes
READING = Phase("reading the cluster")
CALL = Call(("/opt/tctl", "get", "role", "--auth-server=[a b]"))
CALLED = Called(CALL.argv, 0.25, 0)


class Terminal(io.StringIO):
    """What is written to a terminal, until it is gone."""

    gone = False

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().write(text)

    def isatty(self) -> bool:
        return True

    def shows(self, text: str) -> bool:
        """Whether a text appears soon."""
        deadline = time.monotonic() + 10
        while text not in self.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        return text in self.getvalue()


class Closed(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error


def told(capsys: pytest.CaptureFixture[str], teller: Teller, *events: Event) -> str:
    """Let somebody tell events, and return what stands on stderr; nothing may stand on stdout."""
    with teller:
        for event in events:
            teller.hear(event)
    out, err = capsys.readouterr()
    assert out == ""
    return err


class TestElsewhere:
    """Where stderr is no terminal."""

    def test_a_line_for_each_phase_with_something_to_wait_for(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A phase is told once, when it begins to wait; one that only computes is not."""
        err = told(capsys, Teller(), Phase("planning"), READING, CALL, CALLED, CALL, CALLED)
        assert err == "reading the cluster ...\n"

    def test_a_phase_that_goes_on_is_not_told_again(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What begins again before anything else was told is the same to whoever reads it."""
        err = told(capsys, Teller(), READING, CALL, Phase("planning"), READING, CALL)
        assert err == "reading the cluster ...\n"

    def test_progress_is_waiting(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What counts its steps is told like what calls programs."""
        err = told(capsys, Teller(), Phase("reading tools"), *(Progress("server", 1, 2),) * 2)
        assert err == "reading tools ...\n"

    def test_notes_are_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What the user should know is visible text on a line of its own."""
        err = told(capsys, Teller(), Started(CHANGES), Note("wait\x1b"))
        assert err == "wait\\x1b\n"

    def test_verbose(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each program is shown as one would type it, and how long it took; a failure says how."""
        killed = Called(CALL.argv, 1, -9)
        refused = Called(CALL.argv, 1, 1)
        late = Called(CALL.argv, 60, -15, timed_out=True)
        err = told(capsys, Teller(verbose=True), CALL, CALLED, killed, refused, late)
        shown = "/opt/tctl get role '--auth-server=[a b]'"
        assert err.splitlines() == [
            f"$ {shown}",
            f"  0.25 s: {shown}",
            f"  1.00 s, signal 9: {shown}",
            f"  1.00 s, exit code 1: {shown}",
            f"  60.00 s, no answer: {shown}",
        ]

    def test_what_is_left_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Options that stay because nobody here knows them are named if that is asked for, visibly."""
        kept = Kept("role/dev", ("a", "b\x1b"))
        assert told(capsys, Teller(verbose=True), kept) == "role/dev: left alone: a, b\\x1b\n"
        assert told(capsys, Teller(), kept) == ""


def terminal_for(monkeypatch: pytest.MonkeyPatch, columns: int = 60) -> Terminal:
    """Make stderr a terminal on which the moving line comes at once, and return what it shows."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(_live, "_DELAY", 0.0)
    monkeypatch.setattr(_live, "_PAUSE", 0.01)
    return stream


class TestTerminal:
    @pytest.mark.parametrize(
        ("events", "shown"),
        [
            ([Phase("planning")], " planning"),
            ([READING, CALL], " reading the cluster: tctl get role '--auth-server=[a b]'"),
            ([READING, CALL, CALL, CALL], "... and 2 more"),
            ([Phase("reading tools", 3), Progress("server\x1b", 1, 3)], "server\\x1b 1/3"),
            ([Phase("applying", 4), Done(CHANGES[0]), Skipped(CHANGES[1], CHANGES[0].key)], "2/4"),
        ],
    )
    def test_a_moving_line(
        self, monkeypatch: pytest.MonkeyPatch, events: list[Event], shown: str
    ) -> None:
        """On a terminal the work is named as it is, and the line is gone at the end."""
        terminal = terminal_for(monkeypatch, 200)
        with Teller() as teller:
            for event in events:
                teller.hear(event)
            assert terminal.shows(shown.removeprefix("..."))
        assert terminal.getvalue().endswith("\r\x1b[2K")
        teller.end(0)

    def test_it_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The line never wraps: a terminal cannot erase what went over its edge."""
        terminal = terminal_for(monkeypatch)
        with Teller() as teller:
            teller.hear(Phase("reading " + "漢" * 100))
            assert terminal.shows("漢...")
        teller.end(0)
        lines = terminal.getvalue().split("\r\x1b[2K")
        assert max(map(len, lines)) < 60

    def test_whole_lines_stay(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What is said for good takes the place of the moving line, which goes on below."""
        terminal = terminal_for(monkeypatch)
        with Teller() as teller:
            teller.hear(READING)
            assert terminal.shows(" reading the cluster")
            teller.line("a result")
            teller.say("a whole line")
            assert "\x1b[2Ka whole line\n" in terminal.getvalue()
            assert terminal.shows("\x1b[2Ka whole line\n\r\x1b[2K")
        teller.end(0)
        assert capsys.readouterr().out == "a result\n"

    def test_what_is_over_in_a_moment_shows_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line that flickers helps nobody."""
        terminal = terminal_for(monkeypatch)
        monkeypatch.setattr(_live, "_DELAY", 30.0)
        with Teller() as teller:
            teller.hear(READING)
            time.sleep(0.05)
        teller.end(0)
        assert terminal.getvalue() == ""

    @pytest.mark.parametrize("term", ["", "dumb"])
    def test_a_terminal_that_cannot_move(self, monkeypatch: pytest.MonkeyPatch, term: str) -> None:
        """It gets lines, as a file does."""
        terminal = terminal_for(monkeypatch)
        monkeypatch.setenv("TERM", term)
        with Teller() as teller:
            teller.hear(READING)
            teller.hear(CALL)
        assert terminal.getvalue() == "reading the cluster ...\n"

    def test_a_terminal_that_went_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who closes the terminal does not stop the work."""
        terminal = terminal_for(monkeypatch)
        with Teller() as teller:
            teller.hear(READING)
            assert terminal.shows("reading")
            terminal.gone = True
            teller.hear(CALL)
            teller.say("still here")
        teller.end(0)


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "no space left")])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_went_away(
    monkeypatch: pytest.MonkeyPatch, error: OSError, as_json: bool
) -> None:
    """A line that nobody reads, or for which there is no room, stops nothing."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Closed(error))
    teller = Teller(as_json=as_json, timings=True)
    teller.line("nobody reads this")
    teller.say("nor this")
    teller.end(0)


def logged(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log, without their times."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line.pop("time").endswith("Z") for line in lines)
    return lines


class TestJson:
    def test_every_event_is_an_object(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each event has a line, with its level, its name and its facts."""
        refused = Rejected("no\x1b", hint="mend it")
        err = told(
            capsys,
            Teller(as_json=True, verbose=True),
            READING,
            CALL,
            CALLED,
            Kept("role/dev", ("a",)),
            Progress("server", 1, 2),
            Note("wait"),
            Started(CHANGES),
            Done(CHANGES[0]),
            Done(CHANGES[0], refused),
            Skipped(CHANGES[1], CHANGES[0].key),
        )
        argv = list(CALL.argv)
        change = {"change": "role/dev", "action": "create"}
        assert logged(err) == [
            {"level": "info", "event": "phase", "phase": "reading the cluster"},
            {"level": "debug", "event": "call", "argv": argv},
            {
                "level": "debug", "event": "called", "argv": argv,
                "seconds": 0.25, "exit_code": 0, "timed_out": False,
            },
            {"level": "debug", "event": "kept", "resource": "role/dev", "options": ["a"]},
            {"level": "info", "event": "progress", "what": "server", "done": 1, "total": 2},
            {"level": "warning", "event": "note", "message": "wait"},
            {"level": "info", "event": "started", "changes": ["role/dev", "bot/ci"]},
            {"level": "info", "event": "done", **change},
            {"level": "error", "event": "failed", **change, "message": "no\x1b", "hint": "mend it"},
            {
                "level": "warning", "event": "skipped", "change": "bot/ci", "action": "create",
                "blocker": "role/dev",
            },
        ]  # fmt: skip

    def test_a_phase_that_goes_on_does_not_begin_again(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Two parts of the code that say the same of one piece of work are one line of the log."""
        err = told(capsys, Teller(as_json=True), READING, CALL, READING, Phase("planning"), READING)
        assert [each["phase"] for each in logged(err)] == [READING.name, "planning", READING.name]

    def test_details_only_if_verbose(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Who did not ask for them is not told of programs, nor of what is left alone."""
        assert told(capsys, Teller(as_json=True), CALL, CALLED, Kept("role/dev", ("a",))) == ""

    def test_what_stands_on_stdout_is_logged_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Outcomes are for people on stdout and for programs in the log."""
        Teller(as_json=True).line("+ role/dev  created", Done(CHANGES[0]))
        out, err = capsys.readouterr()
        assert (out, logged(err)[0]["event"]) == ("+ role/dev  created\n", "done")

    def test_messages_have_no_colours(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What is painted for people is plain here."""
        Teller(as_json=True).say("\x1b[31mred\x1b[0m")
        assert logged(capsys.readouterr().err)[0]["message"] == "red"

    def test_problems_have_a_line_each(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Problems of a site have code and place, and the error that they come to has an exit code."""
        problem = Problem("PV130", "error", "no such role", "mend it", Place("site.yaml", 3, 5, 9))
        Teller(as_json=True).error(SiteError((problem,)), "for people")
        first, last = logged(capsys.readouterr().err)
        assert {key: first[key] for key in ("event", "level", "code", "file", "line")} == {
            "event": "problem", "level": "error", "code": "PV130", "file": "site.yaml", "line": 3,
        }  # fmt: skip
        assert (last["event"], last["message"], last["exit_code"]) == (
            "error", "1 problem in the site", 1,
        )  # fmt: skip

    def test_the_end(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The last lines are the timings, if they are wanted, and the exit code."""
        teller = Teller(as_json=True, timings=True)
        told(capsys, teller, READING, CALL, CALLED)
        teller.error(FileError("gone"), "for people")
        teller.end(1)
        _, timings, end = logged(capsys.readouterr().err)
        reading = next(p for p in timings["phases"] if p["phase"] == READING.name)
        assert (reading["programs"], reading["program_seconds"]) == (1, 0.25)
        assert timings["peak_memory_bytes"] > 1 << 20
        assert end == {"level": "info", "event": "end", "exit_code": 1}
