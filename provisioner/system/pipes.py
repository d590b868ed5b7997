"""Speak with a command over its pipes, line by line, and leave nothing of it behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import RawIOBase
from threading import Thread
from typing import IO, Final

from provisioner.errors import ProvisionError
from provisioner.system import process

Pipe = RawIOBase | IO[bytes]
"""An unbuffered stream of bytes. Buffered ones have locks, which a thread that is left waiting for
its next line would hold for ever."""

_CHUNK: Final = 1 << 16


class Overlong(ProvisionError):
    """A line that does not end within its limit."""


def chunks(pipe: Pipe | None) -> Iterator[bytes]:
    """Yield what a stream says as it comes, until it ends or another thread closes it.

    None is a stream of nothing: what `Popen` has where it was given no pipe.
    """
    while pipe is not None:
        try:
            chunk = pipe.read(_CHUNK)
        except ValueError:
            return
        if not chunk:
            return
        yield chunk


def lines(pipe: Pipe | None, *, limit: int) -> Iterator[bytes]:
    """Yield the lines of a stream as they come, ends included; the last one may have none.

    Raises Overlong for a line of more than `limit` bytes.
    """
    begun: list[bytes] = []
    size = 0
    for chunk in chunks(pipe):
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            begun.append(line)
            yield b"".join([*begun, b"\n"])
            begun, size = [], 0
        begun.append(rest)
        size += len(rest)
        if size > limit:
            raise Overlong(f"a line of more than {limit:,} bytes")
    if any(begun):
        yield b"".join(begun)


def send(pipe: Pipe | None, data: bytes) -> None:
    """Write all of `data`. Raises OSError when nobody reads it any more."""
    rest = memoryview(data)
    try:
        while rest and pipe is not None:
            rest = rest[pipe.write(rest) or 0 :]
    except ValueError as error:
        raise BrokenPipeError("closed by another thread") from error


def stop(
    child: subprocess.Popen[bytes], *, patience: float, readers: Sequence[Thread] = ()
) -> None:
    """End a command that was started with pipes: an end of input, then what `process.end` does.

    `patience` is how many seconds it has to come to an end by itself, and then each of `readers`
    to read what it has said.
    """
    try:
        close(child.stdin)
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    finally:
        process.end([child])
        for reader in readers:
            reader.join(patience)
        for pipe in (child.stdout, child.stderr):
            close(pipe)


def close(pipe: Pipe | None) -> None:
    """Close a pipe, whether or not somebody is at its other end."""
    if pipe is not None:
        with suppress(OSError):
            pipe.close()
