from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from provisioner.errors import FileError
from provisioner.system.scratch import scratch


def test_a_scratch_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory is lent that only its owner can look into, and is gone with all that is in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch() as directory:
        assert (directory.parent, stat.S_IMODE(directory.stat().st_mode)) == (tmp_path, 0o700)
        (directory / "f").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_a_scratch_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no place for one, the path and the cure are named."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent/tmp")
    with pytest.raises(FileError, match="/nonexistent/tmp: cannot write: there is no such file"):
        scratch().__enter__()
