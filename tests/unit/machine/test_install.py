from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import FileError, FileErrors, ProvisionError, Refused, Stale
from provisioner.machine import install, sidecar
from provisioner.machine.install import LIMIT, TBOT, Proposal, Target
from provisioner.system import files
from provisioner.system.locks import lock
from tests.conftest import ROOT
from tests.machines import bundle_with
from tests.users import unprivileged

ENTRY = {"command": "tsh", "args": ["mcp", "connect", "search"]}
THEIRS = '{"theme": "dark", "mcpServers": {"gh": {"command": "npx"}}}\n'


def rendering(**entries: Any) -> str:
    return json.dumps({"mcpServers": entries})


OURS = rendering(search=ENTRY)


def target(path: Path, wanted: str | None = OURS, *, bot: str = "ci") -> Target:
    return Target("cursor", path, bot, wanted)


def run(*targets: Target) -> list[Proposal]:
    proposals = install.propose(targets)
    install.require_agreement(proposals)
    return list(install.carry_out(proposals))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def servers(path: Path) -> set[str]:
    return set(json.loads(path.read_text())["mcpServers"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a client's file, in a directory with nothing else in it."""
    directory = tmp_path / "client"
    directory.mkdir()
    (directory / "mcp.json").write_text(THEIRS)
    return directory / "mcp.json"


class TestWriting:
    def test_a_file_a_backup_and_a_ledger(self, path: Path) -> None:
        """The file is replaced, the old one kept beside it, and what is ours listed."""
        (done,) = run(target(path))
        assert done.writes
        assert servers(path) == {"gh", "search"}
        assert names(path.parent) == [".mcp.json.provision.json", "mcp.json", "mcp.json.bak"]
        assert path.with_name("mcp.json.bak").read_text() == THEIRS
        ledger = sidecar.parse(sidecar.beside(path).read_bytes(), path)
        assert [owned.digests for owned in ledger.entries.values()] == [(sidecar.digest(ENTRY),)]

    def test_a_second_run_touches_nothing(self, path: Path) -> None:
        """What is there already is not written again."""
        run(target(path))
        before = [
            (file, file.stat().st_ino, file.stat().st_mtime_ns) for file in path.parent.iterdir()
        ]
        assert run(target(path)) == []
        assert before == [
            (file, file.stat().st_ino, file.stat().st_mtime_ns) for file in path.parent.iterdir()
        ]

    def test_removing_gives_the_original(self, path: Path) -> None:
        """After a removal the file is as it was, and no ledger is left."""
        run(target(path))
        run(target(path, None))
        assert path.read_text() == THEIRS
        assert names(path.parent) == ["mcp.json", "mcp.json.bak"]

    def test_a_new_file_comes_and_goes(self, tmp_path: Path) -> None:
        """A file, and the directories to it, are made; the file goes again."""
        path = tmp_path / "a/b/mcp.json"
        run(target(path))
        assert path.read_text() == OURS
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        run(target(path, None))
        assert names(path.parent) == []

    def test_nothing_to_remove(self, path: Path) -> None:
        """A removal where nothing was installed changes nothing and makes nothing."""
        assert run(target(path, None)) == []
        assert run(target(path.parent / "none/mcp.json", None)) == []
        assert names(path.parent) == ["mcp.json"]

    def test_an_equal_entry_is_only_listed(self, path: Path) -> None:
        """Taking over an entry writes the ledger alone."""
        path.write_text(OURS)
        (done,) = run(target(path))
        assert not done.writes
        assert names(path.parent) == [".mcp.json.provision.json", "mcp.json"]

    def test_mode_and_links_are_kept(self, path: Path, tmp_path: Path) -> None:
        """A private file stays private, with its ledger; a link stays a link to the real one."""
        path.chmod(0o600)
        link = tmp_path / "link.json"
        link.symlink_to(path)
        (done,) = run(target(link))
        assert done.real == path
        assert link.is_symlink()
        assert names(tmp_path) == ["client", "link.json"]
        for file in (path, sidecar.beside(path), path.with_name("mcp.json.bak")):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_a_link_to_what_is_not_there_yet(self, path: Path) -> None:
        """A link may be there before its file."""
        link = path.with_name("link")
        link.symlink_to(path.with_name("later.json"))
        run(target(link))
        assert servers(path.with_name("later.json")) == {"search"}

    def test_several_files_at_once(self, path: Path, tmp_path: Path) -> None:
        """tbot.yaml and every client are proposed together and written one after the other."""
        found = bundle_with(tmp_path, "cursor", "codex")
        done = run(
            Target(TBOT, tmp_path / "tbot.yaml", "ci", found.tbot),
            Target("codex", tmp_path / "config.toml", "ci", found.clients["codex"]),
            Target("cursor", path, "ci", found.clients["cursor"]),
        )
        assert [proposal.target.what for proposal in done] == [TBOT, "codex", "cursor"]
        assert (tmp_path / "tbot.yaml").read_text() == found.tbot
        assert "[mcp_servers" in (tmp_path / "config.toml").read_text()
        assert servers(path) == {"gh", "search"}


class TestProposals:
    def test_nothing_is_written(self, path: Path) -> None:
        """A proposal reads, merges and shows; it makes no file, directory or lock."""
        proposals = install.propose([target(path), target(path.parent / "new/mcp.json")])
        assert all(proposal.is_needed for proposal in proposals)
        assert any('"search"' in line for line in proposals[0].diff())
        assert names(path.parent) == ["mcp.json"]

    def test_all_conflicts_are_told_at_once(self, path: Path) -> None:
        """Every file with an entry that is somebody else's is named, before anything is written."""
        other = path.with_name("other.json")
        path.write_text(rendering(search={"command": "mine"}))
        other.write_text(rendering(search={"command": "mine"}, more={"command": "mine"}))
        wanted = rendering(search=ENTRY, more=ENTRY)
        targets = [target(path, wanted), target(other, wanted), target(path.with_name("new.json"))]
        told = [
            [conflict.message.partition(" ")[0] for conflict in proposal.merged.conflicts]
            for proposal in install.propose(targets)
        ]
        assert told == [["search"], ["search", "more"], []]
        with pytest.raises(Refused) as caught:
            run(*targets)
        assert caught.value.message == f"{path}: 1 conflict\n{other}: 2 conflicts"
        assert names(path.parent) == ["mcp.json", "other.json"]

    def test_all_that_cannot_be_read_is_told_at_once(self, path: Path) -> None:
        """Of several files that are broken each is told, with its own cure, and none is written."""
        broken, missing = path.with_name("broken.json"), path.with_name("binary.json")
        broken.write_text('{"mcpServers": {')
        missing.write_bytes(b"\xff")
        with pytest.raises(FileErrors) as caught:
            run(target(path), target(broken), target(missing))
        first, second = caught.value.errors
        assert first.message.startswith(f"{broken}:1:17: ")
        assert second.message == f"{missing}: is not UTF-8 at byte 0"
        assert "save it as UTF-8" in second.hint
        assert path.read_text() == THEIRS

    def test_one_file_for_two_targets(self, path: Path) -> None:
        """One file cannot be written for two purposes in one run, whatever it is called."""
        link = path.with_name("link.json")
        link.symlink_to(path)
        with pytest.raises(ProvisionError, match="is named for cursor and for cursor"):
            install.propose([target(path), target(link)])

    @pytest.mark.parametrize("named", ["direct", "link"])
    def test_claude_codes_state_is_never_edited(self, named: str, tmp_path: Path) -> None:
        """The file that Claude Code keeps for itself is refused, with what to use instead."""
        state = tmp_path / ".claude.json"
        state.write_text("{}")
        (tmp_path / "link").symlink_to(state)
        with pytest.raises(Refused, match="rewrites it all the time") as caught:
            run(target(state if named == "direct" else tmp_path / "link"))
        assert ".mcp.json" in caught.value.hint


class TestHostileFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"mcpServers": {', r"mcp\.json:1:17: "),
            (b'{"mcpServers": 5}', "is a single value, not an object"),
            (b"\xff\xfe{\x00}\x00", "is not UTF-8 at byte 0"),
            (b"[" * 100_000, "mcp.json:1:"),
        ],
    )
    def test_a_broken_file_stays_as_it_is(self, content: bytes, message: str, path: Path) -> None:
        """What cannot be merged into is told with its place, and not a byte of it changes."""
        path.write_bytes(content)
        with pytest.raises(FileError, match=message) as caught:
            run(target(path))
        assert caught.value.hint
        assert path.read_bytes() == content
        assert names(path.parent) == ["mcp.json"]

    def test_no_secret_is_told_of_a_broken_file(self, path: Path) -> None:
        """The line that an error shows has its values blanked."""
        path.write_text('{"token": "hush" "x"}')
        with pytest.raises(FileError) as caught:
            run(target(path))
        assert '"token":' in caught.value.hint
        assert "hush" not in caught.value.hint + caught.value.message

    def test_a_huge_file_is_refused(self, path: Path) -> None:
        """A file that no person has written is not read to its end."""
        with path.open("wb") as file:
            file.truncate(LIMIT + 1)
        with pytest.raises(FileError, match="is larger than 16,777,216 bytes"):
            run(target(path))

    def test_other_than_files(self, path: Path) -> None:
        """Directories, pipes and links in a circle are told, and nothing waits for them."""
        os.mkfifo(path.with_name("pipe"))
        path.with_name("circle").symlink_to("circle")
        for name, message in (
            (".", "is a directory"),
            ("pipe", "is not a regular file"),
            ("circle", "cannot be found|cannot be followed"),  # Python 3.13 follows it later
            ("mcp.json/below", "cannot make this directory"),
            ("a\0b", "cannot be found"),
        ):
            with pytest.raises(FileError, match=message):
                run(target(path.parent / name))

    def test_a_broken_ledger(self, path: Path) -> None:
        """Without knowing what is ours nothing is written; removing the ledger is the way out."""
        run(target(path))
        sidecar.beside(path).write_text("{")
        with pytest.raises(FileError, match="this is not what provision wrote there"):
            run(target(path))
        sidecar.beside(path).unlink()
        (done,) = run(target(path))
        assert [change.op for change in done.merged.changes] == ["take"]


class TestWithoutTheRight:
    @pytest.mark.parametrize(
        ("mode", "directory", "message"),
        [
            (0o644, 0o555, "cannot lock: permission denied"),
            (0o000, 0o777, "cannot read: permission denied"),
            (0o644, 0o000, "permission denied"),
        ],
    )
    def test_it_is_told_and_nothing_changes(
        self, mode: int, directory: int, message: str, path: Path
    ) -> None:
        """Files that may not be read, and directories that may not be written to, are told."""
        path.chmod(mode)
        path.parent.chmod(directory)
        try:
            with unprivileged(path), pytest.raises(FileError, match=message) as caught:
                run(target(path))
        finally:
            path.parent.chmod(0o755)
            path.chmod(0o644)
        assert caught.value.hint
        assert path.read_text() == THEIRS
        assert names(path.parent) == ["mcp.json"]


def start(path: Path, *lines: str, wanted: str = OURS, bot: str = "ci") -> subprocess.Popen[str]:
    """Start another process that installs into a file, after some lines of its own."""
    program = "\n".join(
        (
            "import resource, signal, sys, time",
            "from pathlib import Path",
            "from provisioner.machine import install",
            "from provisioner.system import files",
            "from provisioner.errors import ProvisionError",
            "from provisioner.machine.install import Target",
            *lines,
            "try:",
            f"    proposals = install.propose([Target('cursor', Path({str(path)!r}), {bot!r}, {wanted!r})])",
            "    list(install.carry_out(proposals))",
            "except ProvisionError as error:",
            "    sys.exit(error.message)",
        )
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_a_full_disk(path: Path) -> None:
    """Where a file cannot be written to its end, the old one stays and nothing is left beside it."""
    path.write_text(THEIRS + " " * 4000)
    child = start(
        path,
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))",
    )
    _, said = child.communicate(timeout=30)
    assert child.returncode == 1
    assert "cannot write: File too large" in said
    assert path.read_text() == THEIRS + " " * 4000
    assert names(path.parent) == ["mcp.json"]
    assert [proposal.writes for proposal in run(target(path))] == [True]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4000


class Failing:
    """Writes files until its number is up; then the disk is full, for one write or for good."""

    def __init__(self, number: int, *, forever: bool) -> None:
        self.number, self.forever = number, forever

    def __call__(self, path: Path, data: bytes, *, mode: int, backup: bool = False) -> bool:
        self.number -= 1
        if self.number == 0 or (self.forever and self.number < 0):
            raise FileError(f"{path}: cannot write: no space left on the device")
        return files.write(path, data, mode=mode, backup=backup)


@pytest.mark.parametrize("forever", [True, False])
@pytest.mark.parametrize("before", [None, rendering(old=ENTRY)])
def test_a_write_that_fails_gives_nobody_elses_entry_to_us(
    before: str | None, forever: bool, path: Path
) -> None:
    """After a write that failed, an entry that somebody else then puts in is still his."""
    if before is not None:
        run(target(path, before))
    place = sidecar.beside(path)
    ledger = place.read_bytes() if place.exists() else None
    old = path.read_text()
    with pytest.raises(FileError, match="no space left"):
        list(install.carry_out(install.propose([target(path)]), Failing(2, forever=forever)))
    assert path.read_text() == old
    if ledger is None or not forever:  # on a full disk a file can go, but not be written anew
        assert (place.read_bytes() if place.exists() else None) == ledger
        path.write_text(rendering(gh={}, search={"command": "mine"}))
        (proposal,) = install.propose([target(path)])
        assert [conflict.message[:20] for conflict in proposal.merged.conflicts] == [
            "search is there alre"
        ]


def test_two_at_once(path: Path) -> None:
    """Of many processes that install at once each succeeds or says who is at it; no entry is lost."""
    entries = {f"s{n}": {"command": "tsh", "args": [str(n)]} for n in range(6)}
    children = [
        start(path, wanted=rendering(**{name: entry}), bot=f"bot-{name}")
        for name, entry in entries.items()
    ]
    results = [(child.communicate(timeout=60)[1], child.returncode) for child in children]
    done = {name for name, (_, code) in zip(entries, results, strict=True) if code == 0}
    assert done
    assert servers(path) == {"gh", *done}
    for said, code in results:
        assert code == 0 or "is locked by" in said or "changed by somebody" in said
    ledger = sidecar.parse(sidecar.beside(path).read_bytes(), path)
    assert {at[-1] for at in ledger.entries} == done


def test_the_lock_is_told(path: Path) -> None:
    """While another process writes, an install says which one, and writes nothing."""
    with (
        lock(path.with_name(".mcp.json.provision.lock")),
        pytest.raises(FileError, match=f"is locked by process {os.getpid()}"),
    ):
        run(target(path))
    assert path.read_text() == THEIRS


class TestChangesInTheMeantime:
    def test_what_others_changed_is_kept(self, path: Path) -> None:
        """An application that rewrites its own settings before the write loses none of them."""
        proposals = install.propose([target(path)])
        path.write_text(THEIRS.replace("dark", "light"))
        assert len(list(install.carry_out(proposals))) == 1
        assert json.loads(path.read_text())["theme"] == "light"
        assert servers(path) == {"gh", "search"}

    @pytest.mark.parametrize(
        "meanwhile",
        [rendering(search=ENTRY), rendering(search={"command": "mine"}), None],
    )
    def test_what_was_agreed_to_must_still_be_so(self, meanwhile: str | None, path: Path) -> None:
        """Where something else would happen than was shown, nothing does."""
        proposals = install.propose([target(path), target(path.with_name("new.json"))])
        path.unlink()
        if meanwhile is not None:
            path.write_text(meanwhile)
        with pytest.raises(Stale, match="was changed by somebody in the meantime"):
            list(install.carry_out(proposals))
        assert names(path.parent) == ([] if meanwhile is None else ["mcp.json"])


class Interrupting:
    """Writes files until its number is up; then it is interrupted, before or after the write."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.number, self.after = number, after

    def __call__(self, path: Path, data: bytes, *, mode: int, backup: bool = False) -> bool:
        self.number -= 1
        if self.number == 0 and not self.after:
            raise KeyboardInterrupt
        written = files.write(path, data, mode=mode, backup=backup)
        if self.number == 0:
            raise KeyboardInterrupt
        return written


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("before", [None, OURS, rendering(old=ENTRY)])
def test_an_interrupt_at_any_point(
    before: str | None, number: int, after: bool, path: Path
) -> None:
    """Wherever an install ends, every file is old or new, and a second one finds what is ours."""
    other = path.with_name("other.json")
    if before is not None:
        run(target(path, before), target(other, before))
    wanted = rendering(search={"command": "new"}, more=ENTRY)
    old, new = {"gh"} | servers_in(before), {"gh", "search", "more"}
    targets = [target(path, wanted), target(other, wanted)]
    with pytest.raises(KeyboardInterrupt):
        list(install.carry_out(install.propose(targets), Interrupting(number, after=after)))
    assert servers(path) in (old, new)
    assert not other.exists() or servers(other) in (old - {"gh"}, new - {"gh"})
    assert not [name for name in names(path.parent) if "lock" in name]
    for proposal in install.propose(targets):
        assert not any(change.edited for change in proposal.merged.changes)
    run(*targets)
    assert servers(path) == new
    run(*(target(each.path, None) for each in targets))
    assert path.read_text() == THEIRS
    assert not [name for name in names(path.parent) if "provision" in name]


def servers_in(text: str | None) -> set[str]:
    return set(json.loads(text)["mcpServers"]) if text else set()


def test_a_killed_process_locks_nobody_out(path: Path) -> None:
    """After a process was killed in the middle of a write the next one goes on."""
    child = start(
        path,
        "def stop(*_, **__):",
        "    print('here', file=sys.stderr, flush=True)",
        "    time.sleep(60)",
        "install.carry_out.__defaults__ = (stop,)",
    )
    assert child.stderr is not None
    assert child.stderr.readline() == "here\n"
    with pytest.raises(FileError, match=f"is locked by process {child.pid}"):
        run(target(path))
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert servers(run(target(path))[0].real) == {"gh", "search"}
