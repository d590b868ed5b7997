"""What a bot's machine gets, merged into the files that are there: proposed, agreed to, written.

Nothing is written until all files have been read and merged without conflict. Then each file is
locked, read again, and replaced whole, with one backup; its ledger is widened before and narrowed
after that, or put back where the file could not be written. So an interrupt at any point leaves
every file as it was or as it shall be, and a second run finds what the first one did.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from provisioner.clients import FORMATS
from provisioner.errors import FileError, FileErrors, ProvisionError, Refused, Stale
from provisioner.machine import sidecar
from provisioner.machine.merge import Existing, Merged, diff, is_mergeable, merge_client, merge_tbot
from provisioner.machine.sidecar import Ledger
from provisioner.system import exposure, files
from provisioner.system.locks import lock
from provisioner.text.splice import SpliceError
from provisioner.text.terminal import plural

TBOT: Final = "tbot"
LIMIT: Final = 16 << 20
"""The largest file that is merged into, in bytes: configuration is written by people."""


class Write(Protocol):
    """What `files.write` does, so that a test can stand in the way of it."""

    def __call__(self, path: Path, data: bytes, *, mode: int, backup: bool = False) -> bool:
        """Make `data` the content of `path`."""


class Target(Struct, frozen=True):
    """A file of this machine, what is merged into it ("tbot" or a client format), for which bot.

    `rendering` None takes out what is ours.
    """

    what: str
    path: Path
    bot: str
    rendering: str | None


class Proposal(Struct, frozen=True):
    """What a target comes to: the file itself, links resolved, what it says and what it would."""

    target: Target
    real: Path
    before: str | None
    ledger: Ledger
    merged: Merged

    @property
    def writes(self) -> bool:
        """Whether the file itself changes."""
        return self.merged.text != self.before

    @property
    def is_needed(self) -> bool:
        """Whether the file or its ledger changes."""
        return self.writes or self.merged.ledger != self.ledger

    def diff(self) -> Iterator[str]:
        """Yield what changes, line by line, without what others keep in the file."""
        return diff(str(self.real), self.before, self.merged.text, self.merged.shown)


def propose(targets: Sequence[Target]) -> tuple[Proposal, ...]:
    """Read every file and merge into it in memory.

    Raises FileError, or FileErrors where several files cannot be read or merged into, and
    ProvisionError where two targets are one file.
    """
    proposals, failed = list[Proposal](), list[FileError]()
    for target in targets:
        try:
            proposals.append(_propose(target))
        except FileError as error:
            failed.append(error)
    if failed:
        raise failed[0] if len(failed) == 1 else FileErrors(tuple(failed))
    seen: dict[Path, Target] = {}
    for proposal in proposals:
        other = seen.setdefault(proposal.real, proposal.target)
        if other is not proposal.target:
            raise ProvisionError(
                f"{proposal.real}: is named for {other.what} and for {proposal.target.what}",
                hint="give each a file of its own",
            )
    return tuple(proposals)


def require_agreement(proposals: Iterable[Proposal]) -> None:
    """Raise Refused if there is a conflict, with the files that have some."""
    found = [proposal for proposal in proposals if proposal.merged.conflicts]
    if found:
        counted = (f"{one.real}: {plural(len(one.merged.conflicts), 'conflict')}" for one in found)
        raise Refused(
            "\n".join(counted), hint="nothing was written; each line with ! says what to do"
        )


def carry_out(proposals: Sequence[Proposal], write: Write = files.write) -> Iterator[Proposal]:
    """Write what was proposed, and yield each proposal whose file or ledger has changed.

    Raises FileError; Stale, before the first write, if somebody has changed what was proposed.
    """
    needed = [proposal for proposal in proposals if proposal.is_needed]
    with ExitStack() as locks:
        for real in sorted(proposal.real for proposal in needed):
            _make_directory(real.parent)
            locks.enter_context(lock(real.with_name(f".{real.name}.provision.lock")))
        fresh = [_again(proposal) for proposal in needed]
        for old, new in zip(needed, fresh, strict=True):
            if not _is_same(old, new):
                raise Stale(
                    f"{old.real}: was changed by somebody in the meantime, nothing was written",
                    hint="run it again and look at the difference",
                )
        for proposal in fresh:
            if proposal.is_needed:
                _carry_out(proposal, write)
                yield proposal


def _propose(target: Target) -> Proposal:
    return _merged(target, *_read(target))


def _again(proposal: Proposal) -> Proposal:
    """Return what a target comes to now: the same, without merging again, if nobody changed a file."""
    real, before, ledger = _read(proposal.target)
    if (real, before, ledger) == (proposal.real, proposal.before, proposal.ledger):
        return proposal
    return _merged(proposal.target, real, before, ledger)


def _read(target: Target) -> tuple[Path, str | None, Ledger]:
    """Return the file itself, what it says, and what in it is ours. Raises FileError."""
    real = _resolved(target.path)
    place = sidecar.beside(real)
    before, ledger = _content(real), _bytes(place)
    return real, before, Ledger() if ledger is None else sidecar.parse(ledger, place)


def _merged(target: Target, real: Path, before: str | None, ledger: Ledger) -> Proposal:
    existing = Existing(before, ledger, target.bot)
    try:
        if target.what == TBOT:
            merged = merge_tbot(existing, target.rendering)
        else:
            merged = merge_client(existing, target.rendering, FORMATS[target.what])
    except SpliceError as error:
        at = error.in_file(str(real))
        hint = "\n".join(line for line in (error.excerpt.strip(), error.hint) if line)
        raise FileError(str(at), hint=hint) from error
    return Proposal(target, real, before, ledger, merged)


def _is_same(old: Proposal, new: Proposal) -> bool:
    """Whether what was agreed to is still what happens; others may have changed what is theirs."""
    was_there, is_there = old.before is not None, new.before is not None
    same = old.merged.changes == new.merged.changes and was_there == is_there
    same = same and old.real == new.real  # what was agreed to, and locked
    return same and not new.merged.conflicts


def _resolved(path: Path) -> Path:
    """Return the file itself. Raises FileError, and Refused for files that are never edited."""
    try:
        real = exposure.target(path.expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise FileError(f"{path}: cannot be found: {error}", hint="check the path") from error
    if not real.name:
        raise FileError(f"{path}: is a directory", hint="name a file in it")
    if ".claude.json" in (path.name, real.name):
        raise Refused(
            f"{path}: Claude Code keeps its own state in this file and rewrites it all the time",
            hint="use a project's .mcp.json, or start `claude --mcp-config FILE`",
        )
    return real


def _bytes(path: Path) -> bytes | None:
    """Return the content of a file, None where there is none. Raises FileError."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # reading it says what is wrong
    return files.read_bytes(path, limit=LIMIT)


def _content(path: Path) -> str | None:
    data = _bytes(path)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: is not UTF-8 at byte {error.start}", hint="save it as UTF-8 and run it again"
        ) from error


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{path}: cannot make this directory: {error.strerror}",
            hint="make it, or check its owner",
        ) from error


def _carry_out(proposal: Proposal, write: Write) -> None:
    """Replace one file; at each moment its ledger lists what is ours in it."""
    real, merged = proposal.real, proposal.merged
    place, mode = sidecar.beside(real), _mode(real)
    if proposal.writes:
        with ExitStack() as undo:
            undo.callback(_keep_ledger, proposal, mode, write)
            write(place, sidecar.dump(proposal.ledger.widened(merged.ledger)), mode=mode)
            if merged.text is None:
                _remove(real)
            else:
                write(real, merged.text.encode(), mode=files.PUBLIC, backup=True)
            undo.pop_all()
    _put_ledger(merged.ledger, place, mode, write)


def _keep_ledger(proposal: Proposal, mode: int, write: Write) -> None:
    """Put the old ledger back where the file stayed as it was: nothing in it is ours that was not.

    What goes wrong with that is not told, for something else did first; a ledger that lists too
    much is what an interrupt leaves as well.
    """
    with suppress(FileError):
        if _content(proposal.real) == proposal.before:
            _put_ledger(proposal.ledger, sidecar.beside(proposal.real), mode, write)


def _put_ledger(ledger: Ledger, place: Path, mode: int, write: Write) -> None:
    if ledger:
        write(place, sidecar.dump(ledger), mode=mode)
    else:
        _remove(place)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(
            f"{path}: cannot remove it: {error.strerror}", hint="check the owner of its directory"
        ) from error


def _mode(path: Path) -> int:
    """Return the mode for a ledger: whoever may read the file may know what is ours in it."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o666
    except FileNotFoundError:
        return files.PUBLIC


__all__ = [
    "LIMIT", "TBOT", "Proposal", "Target", "Write", "carry_out", "is_mergeable", "propose",
    "require_agreement",
]  # fmt: skip
