"""Files of a machine that nothing can be merged into: told clearly, and left exactly as they are.

Each attack is one on `provision install`, in each of the languages that it edits: JSON, TOML, YAML and
tbot.yaml. What the same files do to the editors themselves is in tests/unit/text and tests/property.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from provisioner import cli
from provisioner.machine.install import LIMIT
from provisioner.system import outdir
from provisioner.system.locks import lock
from tests.conftest import ROOT
from tests.faults.cases import TEMPORARY
from tests.machines import rendered, site_text
from tests.users import unprivileged

FILES: Final = {
    "cursor": "mcp.json",
    "codex": "config.toml",
    "goose": "g.yaml",
    "tbot": "tbot.yaml",
}
SOUND: Final = {
    "cursor": '{\n  // theirs\n  "mcpServers": {"gh": {"command": "npx"}},\n}\n',
    "codex": '# theirs\nmodel = "o3"\n[mcp_servers.gh]\ncommand = "npx"\n',
    "goose": "# theirs\nextensions:\n  gh: {type: stdio, cmd: npx}\n",
    "tbot": "# theirs\nversion: v2\nproxy_server: example.teleport.sh:443\nservices:\n  - type: x\n",
}
"""What a file of each says where it is as it should be."""

LADDER: Final = "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("bcdefgh", "cdefghi", strict=True)
)  # fmt: skip
"""A text that stands for 9 ** 7 values."""

BROKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "cursor": (
        '{"mcpServers": {', '{"a": 1,, }', '{"a": tru}', '{"mcpServers": {}} x', "\0", "{'a': 1}",
        '{"a": NaN}', "[" * 100_000, '{"a":' * 100_000, '{"mcpServers": {"search": {"command": "x}}}',
    ),
    "codex": (
        "a = ", "[x", "a = 1\na = 2\n", "[mcp_servers]\n[mcp_servers]\n", "a = 2020-13-01\n", "\0",
        'a = "\x01"\n', "a = " + "[" * 100_000, 'a = """never ends', "[mcp_servers.search\n",
    ),
    "goose": (
        "a: [", "\ta: b\n", "{a: b", '"x', "a: *nope\n", "a: &a [*a]\n", "%YAML 3.0\n---\na: b\n",
        "---\na: 1\n---\nb: 2\n", "\0", "[" * 100_000, 'a: "\\ud800"\n', "a: b: c\n", "- a\nb: c\n",
    ),
    "tbot": ("a: [", "\ta: b\n", "version: v2\nversion\n", "version: v2\nservices: [\n", "\0"),
}  # fmt: skip
"""What is not of the language at all."""

OF_ANOTHER_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "cursor": (
        "[]", "5", '"text"', "null", '{"mcpServers": []}', '{"mcpServers": null}',
        '{"mcpServers": 5}', '{"mcpServers": "text"}', '{"mcpServers": {"search": []}}',
        '{"mcpServers": {"search": null}}',
    ),
    "codex": (
        "mcp_servers = 5\n", "mcp_servers = []\n", "[[mcp_servers]]\na = 1\n", "mcp_servers = {}\n",
        "mcp_servers.search = 5\n", "[mcp_servers]\nsearch = []\n", "[[mcp_servers.search]]\na = 1\n",
    ),
    "goose": (
        "- a\n", "5\n", "text\n", "extensions: text\n", "extensions: [a]\n", "extensions: &x {a: {}}\n",
        "extensions: !map {a: {}}\n", "extensions: {search: 5}\n", "extensions:\n  search:\n    - a\n",
    ),
    "tbot": (
        "- a\n", "5\n", "null\n", "version: [v2]\n", "version: 2\n", "version: v2\nservices: 5\n",
        "version: v2\nservices: {a: b}\n", "version: v2\nservices: &s [{type: x}]\noutputs: *s\n",
        "version: v2\nproxy_server: []\n",
        "version: v2\nservices: [{type: identity, destination: {path: /opt/machine-id, readers: bob}}]\n",
    ),
}  # fmt: skip
"""What is of the language, with something else where our entries would stand."""


class Machine:
    """A machine with the rendered files of a bot, and one file that is not as it should be."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        self.place = root / "etc"
        self.place.mkdir()

    def lay(self, what: str, content: bytes) -> Path:
        path = self.place / FILES[what]
        path.write_bytes(content)
        return path

    def argv(self, what: str, *more: str) -> tuple[str, ...]:
        path = str(self.place / FILES[what])
        named = ("--tbot", path) if what == "tbot" else ("--client", f"{what}={path}")
        return ("install", "ci", "--from", str(self.root / "files"), *named, "--yes", *more)

    def install(self, what: str, *more: str) -> tuple[int, str]:
        """Install and return the exit code and all that was said."""
        code = cli.main(self.argv(what, *more))
        return code, "".join(self._capsys.readouterr())

    def refuses(self, what: str, content: bytes) -> str:
        """Install into a file of this content; nothing may change. Return what was said."""
        path = self.lay(what, content)
        code, said = self.install(what)
        assert code in (1, 3), said
        assert path.read_bytes() == content
        assert names(self.place) == [path.name]
        assert str(path) in said
        assert "  = " in said
        assert "Traceback" not in said
        return said


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    """Return a machine with what is rendered for a bot with a client of each language."""
    outdir.write(tmp_path / "files", rendered(tmp_path, site_text("cursor", "codex", "goose")))
    return Machine(tmp_path, capsys)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def each(texts: Mapping[str, tuple[str, ...]]) -> list[object]:
    return [
        pytest.param(what, text, id=f"{what}-{text[:30]!r}")
        for what, listed in texts.items()
        for text in listed
    ]


@pytest.mark.parametrize(("what", "text"), each(BROKEN))
def test_a_broken_file(what: str, text: str, machine: Machine) -> None:
    """A file that is not of its language is told with line and column, and stays as it is."""
    said = machine.refuses(what, text.encode())
    assert re.search(rf"{FILES[what]}:[1-9]\d*:[1-9]\d*: ", said), said
    assert len(said) < 2_000


@pytest.mark.parametrize(("what", "text"), each(OF_ANOTHER_TYPE))
def test_something_else_where_entries_would_stand(what: str, text: str, machine: Machine) -> None:
    """A list, a number or null where entries would stand is never replaced by them."""
    machine.refuses(what, text.encode())


@pytest.mark.parametrize("what", FILES)
def test_bytes_that_are_no_text(what: str, machine: Machine) -> None:
    """UTF-16, and a byte in the middle that is no UTF-8, are told with their offset."""
    assert "is not UTF-8 at byte 0" in machine.refuses(what, SOUND[what].encode("utf-16"))
    broken = SOUND[what].encode().replace(b"theirs", b"the\xe9rs")
    assert f"is not UTF-8 at byte {broken.index(0xE9)}" in machine.refuses(what, broken)


@pytest.mark.parametrize("what", FILES)
def test_a_huge_file(what: str, machine: Machine) -> None:
    """A file that no person has written is refused before it is read to its end."""
    path = machine.lay(what, SOUND[what].encode())
    os.truncate(path, LIMIT + 1)
    before = path.stat()
    code, said = machine.install(what)
    assert (code, f"{path}: is larger than 16,777,216 bytes" in said) == (1, True)
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino, before.st_size, before.st_mtime_ns
    )  # fmt: skip
    assert names(machine.place) == [path.name]


def test_a_text_that_stands_for_millions_of_values(machine: Machine) -> None:
    """Anchors that multiply are refused before anything is made of them."""
    said = machine.refuses("goose", (LADDER + "extensions: {}\n").encode())
    assert "aliases repeat this too often" in said


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize(
    ("mode", "directory", "message"),
    [
        (0o000, 0o777, "cannot read: permission denied"),
        (0o644, 0o555, "cannot lock: permission denied"),
        (0o644, 0o000, "permission denied"),
    ],
    ids=["unreadable file", "read-only directory", "closed directory"],
)
def test_without_the_right(
    what: str, mode: int, directory: int, message: str, machine: Machine
) -> None:
    """Who may not read the file, or not write beside it, is told so; root is somebody else for this."""
    path = machine.lay(what, SOUND[what].encode())
    machine.install(what, "--dry-run")  # so that all code is loaded that somebody else may not read
    path.chmod(mode)
    path.parent.chmod(directory)
    try:
        with unprivileged(path):
            code, said = machine.install(what)
    finally:
        path.parent.chmod(0o755)
        path.chmod(0o644)
    assert code == 1
    assert message in said
    assert f"error: {machine.place}" in said
    assert path.read_text() == SOUND[what]
    assert names(machine.place) == [path.name]


@pytest.mark.parametrize("what", FILES)
def test_a_full_disk(what: str, machine: Machine) -> None:
    """Where the new file cannot be written to its end the old one stays, with nothing beside it."""
    padding = ("//" if what == "cursor" else "#") + " padding " * 1000 + "\n"
    path = machine.lay(what, (padding + SOUND[what]).encode())
    program = (
        "import resource, signal, sys; from provisioner import cli;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000));"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", program, *machine.argv(what)]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, "cannot write: File too large" in ran.stderr) == (1, True), ran.stderr
    assert path.read_text() == padding + SOUND[what]
    assert names(machine.place) == [path.name]
    assert machine.install(what)[0] == 0


@pytest.mark.parametrize("what", ["codex", "tbot"])
def test_several_writers(what: str, machine: Machine) -> None:
    """Of several installs at once each is done or says who is at it; the file is whole at each moment."""
    path = machine.lay(what, SOUND[what].encode())
    command = [sys.executable, "-m", "provisioner", *machine.argv(what)]
    children = [
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT)
        for _ in range(3)
    ]  # fmt: skip
    seen = {path.read_text()}
    while any(child.poll() is None for child in children):
        seen.add(path.read_text())
        time.sleep(0.002)
    ended = [(child.communicate(timeout=60)[1], child.returncode) for child in children]
    seen.add(path.read_text())
    assert any(code == 0 for _, code in ended), ended
    for said, code in ended:
        assert code == 0 or "is locked by process" in said or "changed by somebody" in said, said
    assert SOUND[what] in seen
    assert len(seen) == 2
    assert not [name for name in names(machine.place) if TEMPORARY.fullmatch(name)]
    assert machine.install(what, "--remove")[0] == 0
    assert path.read_text() == SOUND[what]


@pytest.mark.parametrize("what", FILES)
def test_while_somebody_else_writes(what: str, machine: Machine) -> None:
    """While another process holds the file, an install says which one and writes nothing."""
    path = machine.lay(what, SOUND[what].encode())
    with lock(path.with_name(f".{path.name}.provision.lock")):
        code, said = machine.install(what)
    assert (code, f"is locked by process {os.getpid()}" in said) == (1, True)
    assert path.read_text() == SOUND[what]
    assert names(machine.place) == [path.name]
