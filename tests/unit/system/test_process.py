from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from provisioner.errors import ProvisionError
from provisioner.system import mortal, process
from provisioner.system.process import Command, masked, run, run_all, strip_ansi
from provisioner.values import Secret
from tests.processes import gone


def sh(script: str, *arguments: str | Secret) -> tuple[str | Secret, ...]:
    return ("sh", "-c", script, "sh", *arguments)


def test_a_failing_command_is_a_result() -> None:
    """Exit code and both outputs come back whole, and a failure is not an exception."""
    result = run(Command(sh("echo out; echo err >&2; exit 3")))
    assert (result.code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert not result.timed_out
    assert 0 < result.seconds < 10


def test_no_shell_reads_the_arguments() -> None:
    """What a shell would expand or split reaches the child as it is."""
    words = ("$HOME", "a b", "*", "; echo x", "")
    result = run(Command((sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)))
    assert result.stdout.strip() == repr(list(words))


def test_standard_input_is_what_was_given_or_closed() -> None:
    """A child reads the bytes it was given, or an end of file: never the terminal."""
    assert run(Command(("cat",), stdin="é\n".encode())).stdout == "é\n"
    assert run(Command(("cat",))).stdout == ""
    assert run(Command(("cat",), stdin=b"")).stdout == ""


def test_the_terminal_is_out_of_reach() -> None:
    """A child has a session of its own, so it gets no ^C and cannot open the terminal."""
    result = run(Command((sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())")))
    assert result.stdout == "True\n"


def test_large_input_and_output_do_not_block_each_other() -> None:
    """Megabytes in, out and err at once pass through whole."""
    data = b"x" * 5_000_000
    result = run(Command(sh("tee /dev/stderr"), stdin=data))
    assert (len(result.stdout), len(result.stderr)) == (len(data), len(data))


def test_a_child_that_does_not_read_its_input_is_judged_by_its_exit_code() -> None:
    """A broken pipe on our side is the child's business."""
    assert run(Command(("true",), stdin=b"x" * 5_000_000)).code == 0


def test_the_environment_is_laid_over_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not named in `env` is inherited."""
    monkeypatch.setenv("KEPT", "1")
    result = run(Command(sh('echo "$KEPT$ADDED"'), env={"ADDED": "2"}))
    assert result.stdout == "12\n"


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    """Output is always text."""
    assert run(Command(sh(r"printf 'a\377b'"))).stdout == "a\ufffdb"


def test_time_is_up_for_the_whole_group() -> None:
    """At the timeout the child and what it started die, and what it printed is kept."""
    result = run(Command(sh("sleep 60 & echo $!; wait"), timeout=0.3))
    assert result.timed_out
    assert result.code == -signal.SIGTERM
    assert gone(int(result.stdout))


@pytest.mark.parametrize("silent", ["", "exec >&- 2>&-; "])
def test_a_child_that_ignores_term_is_killed(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """KILL follows TERM, also when the child has closed its outputs."""
    monkeypatch.setattr("provisioner.system.process._GRACE", 0.1)
    result = run(Command(sh(silent + 'trap "" TERM; while :; do sleep 0.05; done'), timeout=0.3))
    assert (result.timed_out, result.code) == (True, -signal.SIGKILL)


def test_last_words_at_the_timeout_are_kept() -> None:
    """What a child prints while it tidies up is in the result."""
    script = 'trap "echo bye; exit 0" TERM; echo hi; while :; do sleep 0.05; done'
    result = run(Command(sh(script), timeout=0.3))
    assert (result.stdout, result.timed_out) == ("hi\nbye\n", True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_do_not_outlive_us() -> None:
    """When we are killed, a child that ignores every gentler signal is gone with us."""
    code = """
import sys
from provisioner.system.process import Command, run
run(Command(("sh", "-c", "trap '' TERM HUP INT; echo $$ > $0; while :; do sleep 0.05; done", sys.argv[1])))
"""
    with tempfile.TemporaryDirectory() as directory:
        pid = Path(directory, "pid")
        parent = subprocess.Popen([sys.executable, "-c", code, str(pid)])
        while not pid.exists() or not pid.read_text():
            time.sleep(0.02)
        parent.kill()
        parent.wait()
        assert gone(int(pid.read_text()))


def test_a_hopeless_command_is_not_waited_for() -> None:
    """What asks for what nobody will give is ended at once, and what it asked is kept."""
    asks = re.compile(r"tap any\s+key", re.IGNORECASE)
    script = "printf 'Tap any' >&2; sleep 0.1; echo ' key' >&2; sleep 60"
    began = time.monotonic()
    result = run(Command(sh(script), hopeless=asks))
    assert (result.stderr, result.timed_out) == ("Tap any key\n", True)
    assert time.monotonic() - began < 20


def test_questions_on_stdout_are_data() -> None:
    """Only error output can make a command hopeless: anything may stand in what it prints."""
    result = run(Command(sh("echo tap any key; sleep 0.1"), hopeless=re.compile("tap any key")))
    assert (result.code, result.timed_out) == (0, False)


def test_output_has_a_limit() -> None:
    """A child that prints without end is stopped, and the error says how much was too much."""
    with pytest.raises(ProvisionError, match=r"yes: printed more than 100,000 bytes"):
        run(Command(("yes",), limit=100_000))


def test_a_missing_command_says_so() -> None:
    """The error names the command and a cure."""
    with pytest.raises(ProvisionError, match="no-such-tctl: there is no such command") as caught:
        run(Command(("no-such-tctl", "get")))
    assert "install it" in caught.value.hint


def test_a_file_that_is_no_program_says_so(tmp_path: Path) -> None:
    """A file without the executable bit, or without a format, is explained."""
    (tmp_path / "tctl").write_bytes(b"\0\1\2")
    with pytest.raises(ProvisionError, match="is not an executable file") as caught:
        run(Command((str(tmp_path / "tctl"),)))
    assert "chmod +x" in caught.value.hint
    (tmp_path / "tctl").chmod(0o755)
    with pytest.raises(ProvisionError, match=r"could not be started: .*format"):
        run(Command((str(tmp_path / "tctl"),)))


def test_an_argument_with_nul_is_an_error() -> None:
    """What no program can be given is refused as an error, not as a traceback."""
    with pytest.raises(ProvisionError, match=r"could not be started: .*null byte"):
        run(Command(("echo", "a\0b")))


def test_many_run_side_by_side(tmp_path: Path) -> None:
    """`run_all` runs `width` at a time, starts all, and labels each result with its index."""
    wait = f"touch {tmp_path}/%d; until [ -e {tmp_path}/%d ]; do sleep 0.02; done; exit %d"
    commands = [Command(sh(wait % (n, (n + 1) % 4, n)), timeout=60) for n in range(4)]
    results = dict(run_all(commands, width=4))  # each waits for the next one to be there
    assert {n: r.code for n, r in results.items()} == {0: 0, 1: 1, 2: 2, 3: 3}


def test_width_is_kept(tmp_path: Path) -> None:
    """No more than `width` children live at once."""
    script = f"echo $$ > {tmp_path}/$1; ls {tmp_path} | wc -l; sleep 0.1; rm {tmp_path}/$1"
    commands = [Command(sh(script, str(n))) for n in range(6)]
    assert max(int(r.stdout) for _, r in run_all(commands, width=2)) == 2


def test_commands_are_taken_when_there_is_room() -> None:
    """A generator of commands can stop for what it has seen: nothing is started ahead of time."""
    codes: list[int] = []
    commands = (Command(sh(f"exit {n}")) for n in range(9) if 2 not in codes)
    for _, result in run_all(commands, width=1):
        codes.append(result.code)
    assert codes == [0, 1, 2]


def test_results_come_as_they_are_ready() -> None:
    """A quick command does not wait for a slow one."""
    commands = [Command(("sleep", "0.5")), Command(("true",))]
    assert [index for index, _ in run_all(commands, width=2)] == [1, 0]


def test_closing_the_results_ends_the_children() -> None:
    """Who stops listening leaves no child behind."""
    before = children()
    commands = [Command(sh("echo $$")), Command(("sleep", "61"))]
    with closing(run_all(commands, width=2)) as results:
        ended = int(next(results)[1].stdout)
        (sleeping,) = children() - before - {ended}
    assert gone(ended)
    assert gone(sleeping)


def children() -> set[int]:
    """Return the processes that this thread has started and that are still there."""
    return set(
        map(int, Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())
    )


def test_an_interrupt_kills_the_child_and_goes_on(tmp_path: Path) -> None:
    """^C ends the running child and is not swallowed."""
    pid = tmp_path / "pid"

    def interrupt() -> None:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(Command(sh(f"echo $$ > {pid}; exec sleep 60")))
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_while_a_child_starts(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """What comes between the start of a child and the moment when it is known leaves no child."""
    started: list[int] = []
    real = process.start

    def start(*words: Any, **options: Any) -> Any:
        child = real(*words, **options)
        started.append(child.pid)
        os.kill(os.getpid(), number)
        time.sleep(0.01)  # a handler would be called here
        started.append(child.pid)
        return child

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "start", start)
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(Command(("sleep", "60")))
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)
    assert len(started) == 2
    assert gone(started[0])


def test_signals_that_are_ignored_stay_so() -> None:
    """Under nohup a closed terminal ends nothing, not even a moment later; other threads just start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with mortal.unbroken():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, Command(("true",))).result().code == 0


def test_a_consumer_that_takes_its_time_costs_no_child_its_result() -> None:
    """A child that ended in time is not called late because nobody looked."""
    results = run_all([Command(("true",)), Command(sh("sleep 0.1; echo x"), timeout=3.0)], width=2)
    next(results)
    time.sleep(3.2)
    _, late = next(results)
    assert (late.stdout, late.code, late.timed_out) == ("x\n", 0, False)


def test_the_hook_and_the_result_see_masked_arguments_only() -> None:
    """A secret reaches the child, and neither the hook nor the result nor a repr."""
    seen: list[tuple[str, ...]] = []
    command = Command(sh('echo "$1" | wc -c', Secret("hunter2")), stdin=b"hunter2")
    result = run(command, notify=seen.append)
    assert result.stdout.strip() == "8"
    assert result.argv == seen[0] == ("sh", "-c", 'echo "$1" | wc -c', "sh", "<secret>")
    assert "hunter2" not in repr((seen, result.argv, command))


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (("--token", "abc", "x"), ("--token", "<secret>", "x")),
        (("--token=abc", "x"), ("--token=<secret>", "x")),
        (("--identity", "/opt/machine-id/identity"), ("--identity", "/opt/machine-id/identity")),
        (("rm", Secret("a=b")), ("rm", "<secret>")),
    ],
)
def test_masking(argv: tuple[str | Secret, ...], shown: tuple[str, ...]) -> None:
    """Values of secret flags and `Secret`s are hidden; paths of identities are fine."""
    assert masked(argv) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mERROR: \x1b[0mno",
        "\x1b[1;38;5;9mERROR:\x1b[K no",
        "\x1b]0;title\x07ERROR: no",
        "\x1b]8;;https://x\x1b\\ERROR: \x1b]8;;\x1b\\no",
        "\x1b(BERROR: \x1b=no",
    ],
)
def test_escape_sequences_are_stripped(text: str) -> None:
    """Colours, titles and links leave the words alone."""
    assert strip_ansi(text) == "ERROR: no"
