from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import Unresolved
from provisioner.system.lookup import look_up


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference leads to the value of its variable, behind its prefix, and shows none of it."""
    monkeypatch.setenv("TOKEN", "hunter2")
    assert look_up({"env": "TOKEN"}).reveal() == "hunter2"
    found = look_up({"env": "TOKEN", "prefix": "Bearer "})
    assert (found.reveal(), repr(found)) == ("Bearer hunter2", "<secret>")


@pytest.mark.parametrize("written", ["hunter2", "hunter2\n", "hunter2\r\n"])
def test_a_file(tmp_path: Path, written: str) -> None:
    """A reference leads to what its file holds; a line break at its end does not count."""
    (tmp_path / "token").write_bytes(written.encode())
    assert look_up({"file": str(tmp_path / "token")}).reveal() == "hunter2"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\nX-Admin: yes\n", "holds a line break"),
        (b"hunter2\0", "holds a line break"),
        (b"hunter2\xff", "not UTF-8"),
        (b"hunter2" * 10000, "is larger than"),
    ],
)
def test_what_no_header_can_hold(tmp_path: Path, written: bytes, said: str) -> None:
    """What could end one header and begin another is refused, and so is nothing; the value is not told."""
    (tmp_path / "token").write_bytes(written)
    with pytest.raises(Unresolved) as caught:
        look_up({"file": str(tmp_path / "token")})
    assert said in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set and a file that is not there are told by their names."""
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(Unresolved, match="environment variable TOKEN is not set"):
        look_up({"env": "TOKEN"})
    with pytest.raises(Unresolved, match="no such file"):
        look_up({"file": str(tmp_path / "gone")})
