"""A directory for what must be a file while another program reads it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.system.files import explained


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a new directory that nobody else can look into, and that is gone afterwards.

    Raises FileError when there is no place for one.
    """
    with explained(Path(tempfile.gettempdir()), "write"):
        directory = tempfile.TemporaryDirectory(prefix="provision-")
    with directory as name:
        yield Path(name)
