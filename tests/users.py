"""To be somebody else for a while."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOMEBODY: Final = 4321
"""The user that root is for a while."""


def open_up(place: Path) -> None:
    """Let everybody search the directories above a place, below that of all temporary files."""
    for parent in place.parents:
        if parent == Path(tempfile.gettempdir()).resolve():
            break
        parent.chmod(parent.stat().st_mode | 0o055)


@contextmanager
def unprivileged(place: Path) -> Iterator[None]:
    """Give up being root for a while, in a place that others may reach."""
    if os.geteuid() != 0:
        yield
        return
    open_up(place)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
