"""Programs that answer JSON-RPC on stdin and stdout, one message a line."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

PATIENCE: Final = 120.0
"""How long a program may run, in seconds."""

Talking = subprocess.Popen[str]


@contextmanager
def talking(
    argv: Sequence[str | Path], directory: Path, env: Mapping[str, str]
) -> Iterator[Talking]:
    """Run a program in a directory, with nothing but `env` around it."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=directory, env=env,
    ) as program:  # fmt: skip
        watch = threading.Timer(PATIENCE, program.kill)
        watch.start()
        try:
            yield program
        finally:
            watch.cancel()
            program.kill()


def ask(program: Talking, number: int, method: str, params: Any) -> Any:
    """Send one request and return its result, past whatever else is said meanwhile."""
    assert program.stdin
    assert program.stdout
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    program.stdin.write(f"{json.dumps(request)}\n")
    program.stdin.flush()
    for line in program.stdout:
        message = json.loads(line)
        if message.get("id") == number:
            return message["result"]
    pytest.fail(f"no answer to {method}")
