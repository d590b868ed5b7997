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


@contextmanager
def unprivileged(place: Path) -> Iterator[None]:
    """Give up being root for a while, in a place that others may reach."""
    if os.geteuid() != 0:
        yield
        return
    for parent in place.parents:
        if parent == Path(tempfile.gettempdir()).resolve():
            break
        parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
