"""Which commit a site comes from, read from git's own files: nothing is started for it.

Sources: https://git-scm.com/docs/gitrepository-layout, .../git-worktree, and the variables that
GitHub Actions (GITHUB_SHA) and GitLab (CI_COMMIT_SHA) set for a job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from provisioner.errors import FileError
from provisioner.system import files

_HASH: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VARIABLES: Final = (("GITHUB_SHA", "GITHUB_REF"), ("CI_COMMIT_SHA", "CI_COMMIT_REF_NAME"))
_LIMIT: Final = 64 << 10


class Commit(Struct, frozen=True):
    """A commit by its hash, the branch or tag that was checked out if any, and who says so."""

    sha: str
    ref: str
    source: str


def commit(site: Path, environ: Mapping[str, str]) -> Commit | None:
    """Return the commit of the checkout around a site file, or else what a CI job says it is.

    None where nobody says it, or nobody in a way that can be understood. Raises nothing.
    """
    found = [*_checked_out(files.repository(site)), *_of_job(environ)]
    return found[0] if found else None


def _of_job(environ: Mapping[str, str]) -> Iterator[Commit]:
    for variable, ref in _VARIABLES:
        sha = environ.get(variable, "")
        if _HASH.fullmatch(sha):
            yield Commit(sha, environ.get(ref, ""), variable)


def _checked_out(root: Path) -> Iterator[Commit]:
    try:
        directory = _git_directory(root)
        head = _text(directory / "HEAD")
        ref = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
        sha = _resolved(directory, ref) if ref else head
    except FileError:
        return
    if _HASH.fullmatch(sha):
        yield Commit(sha, ref, "git")


def _git_directory(root: Path) -> Path:
    """Return where git keeps its files: beside the work tree, or where a file there says."""
    git = root / ".git"
    return root / _text(git).removeprefix("gitdir: ") if git.is_file() else git


def _resolved(directory: Path, ref: str) -> str:
    """Return what a branch points to: in a file of its own, or in a line among packed ones."""
    shared = directory / "commondir"
    places = [directory, directory / _text(shared)] if shared.is_file() else [directory]
    for place in places:
        loose = files.below(place, *ref.split("/"))
        if loose.is_file():
            return _text(loose)
    packed = files.read_bytes(places[-1] / "packed-refs").decode("utf-8", "replace")
    lines = (line.partition(" ") for line in packed.splitlines())
    return next((sha for sha, _, name in lines if name == ref), "")


def _text(path: Path) -> str:
    return files.read_bytes(path, limit=_LIMIT).decode("utf-8", "replace").strip()
