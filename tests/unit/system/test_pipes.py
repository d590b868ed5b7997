from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from io import FileIO

import pytest

from provisioner.system import process
from provisioner.system.pipes import Overlong, chunks, lines, send, stop


@pytest.fixture
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """Return both ends of a pipe, unbuffered: the one to read, the one to write."""
    reading, writing = os.pipe()
    ends = FileIO(reading, "rb"), FileIO(writing, "wb")
    yield ends
    for end in ends:
        end.close()


def test_lines_come_whole_whatever_the_pieces() -> None:
    """A line is what ends with a newline, and the last one may have none."""
    said = b"one\r\n\n" + b"x" * 200_000 + b"\nlast"
    assert b"".join(lines(io.BytesIO(said), limit=1 << 20)) == said
    assert [len(line) for line in lines(io.BytesIO(said), limit=1 << 20)] == [5, 1, 200_001, 4]
    assert list(lines(None, limit=1)) == []


def test_a_line_comes_as_soon_as_it_is_there(pipe: tuple[FileIO, FileIO]) -> None:
    """Nothing waits for a buffer to be full."""
    reading, writing = pipe
    found = lines(reading, limit=100)
    for said in (b"one\n", b"two\n"):
        send(writing, said)
        assert next(found) == said


def test_a_line_without_an_end_is_refused() -> None:
    """What would fill the memory is given up soon after its limit."""
    with FileIO("/dev/zero") as endless, pytest.raises(Overlong, match="1,048,576"):
        next(lines(endless, limit=1 << 20))


def test_a_pipe_closed_by_another_thread_has_ended(pipe: tuple[FileIO, FileIO]) -> None:
    """Reading ends, and writing is as if nobody read any more."""
    for end in pipe:
        end.close()
    assert list(chunks(pipe[0])) == []
    with pytest.raises(BrokenPipeError):
        send(pipe[1], b"x")


def test_all_is_sent(pipe: tuple[FileIO, FileIO]) -> None:
    """More than a pipe holds is written on while the other side reads."""
    reading, writing = pipe
    data = os.urandom(1 << 20)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(chunks(reading)))
    reader.start()
    send(writing, data)
    writing.close()
    reader.join(10)
    assert b"".join(found) == data


def test_stopping_begins_politely() -> None:
    """A command that ends when its input does is not killed, and what it says last is read."""
    child = process.start((sys.executable, "-c", "import sys; sys.stdin.read(); print('bye')"))
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(chunks(child.stdout)))
    reader.start()
    stop(child, patience=10, readers=[reader])
    assert (child.returncode, b"".join(found)) == (0, b"bye\n")


def test_stopping_ends_for_certain() -> None:
    """A command that ignores the end of its input is killed once patience is over."""
    child = process.start(("sleep", "600"))
    stop(child, patience=0.1)
    assert child.returncode == -15
