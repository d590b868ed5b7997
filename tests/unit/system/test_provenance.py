from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioner.system.provenance import Commit, commit

SHA = "0123456789abcdef0123456789abcdef01234567"
QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
}  # fmt: skip


def git(directory: Path, *words: str) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(directory), **QUIET}
    ran = subprocess.run(
        ["git", *words], cwd=directory, env=environ, check=True, capture_output=True
    )
    return ran.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a real checkout with one commit on branch `team/main`."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "team/main")
    git(root, "commit", "-q", "--allow-empty", "-m", "one")
    return root


def said(root: Path) -> tuple[str, str, str]:
    found = commit(root / "sites" / "site.yaml", {"GITHUB_SHA": "f" * 40})
    assert found
    return found.sha, found.ref, found.source


def test_a_branch(checkout: Path) -> None:
    """The commit of the branch that is checked out is told, wherever in the checkout the site is."""
    (checkout / "sites").mkdir()
    assert said(checkout) == (git(checkout, "rev-parse", "HEAD"), "refs/heads/team/main", "git")


def test_packed_branches(checkout: Path) -> None:
    """A branch that git has packed away is found in the file of packed ones."""
    git(checkout, "tag", "-a", "v1", "-m", "one")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git" / "refs" / "heads" / "team" / "main").exists()
    assert said(checkout)[:2] == (git(checkout, "rev-parse", "HEAD"), "refs/heads/team/main")


def test_no_branch(checkout: Path) -> None:
    """CI jobs check out a commit and no branch: then there is no name of one."""
    git(checkout, "checkout", "-q", "--detach")
    assert said(checkout) == (git(checkout, "rev-parse", "HEAD"), "", "git")


@pytest.mark.parametrize("packed", [False, True])
def test_another_work_tree(packed: bool, checkout: Path) -> None:
    """A work tree beside the first one has its own branch, and shares the rest."""
    git(checkout, "worktree", "add", "-q", "-b", "other", "../tree")
    git(checkout.parent / "tree", "commit", "-q", "--allow-empty", "-m", "two")
    if packed:
        git(checkout, "pack-refs", "--all")
    tree = checkout.parent / "tree"
    assert said(tree) == (git(tree, "rev-parse", "HEAD"), "refs/heads/other", "git")
    assert said(tree)[0] != said(checkout)[0]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"GITHUB_SHA": SHA, "GITHUB_REF": "refs/heads/x"}, Commit(SHA, "refs/heads/x", "GITHUB_SHA")),
        ({"CI_COMMIT_SHA": SHA, "CI_COMMIT_REF_NAME": "x"}, Commit(SHA, "x", "CI_COMMIT_SHA")),
        ({"CI_COMMIT_SHA": "a" * 64}, Commit("a" * 64, "", "CI_COMMIT_SHA")),
        ({"GITHUB_SHA": "main", "CI_COMMIT_SHA": SHA}, Commit(SHA, "", "CI_COMMIT_SHA")),
        ({"GITHUB_SHA": "main"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_jobs(environ: dict[str, str], expected: Commit | None, tmp_path: Path) -> None:
    """Without a checkout the variables of a CI job say it, if they hold a hash."""
    assert commit(tmp_path / "site.yaml", environ) == expected


@pytest.mark.parametrize(
    "head",
    [
        "", "ref: ", "ref: refs/heads/gone", "ref: ../../secret", "ref: /etc/passwd", "x" * 70_000,
        SHA[:-1], SHA.upper(), "ref: refs/heads/.invalid", "\0", "ref: refs\0heads",
    ],
)  # fmt: skip
def test_what_cannot_be_understood(head: str, tmp_path: Path) -> None:
    """Whatever stands in git's files, nothing outside of them is read, and nothing raised."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    (tmp_path / "secret").write_text(SHA)
    assert commit(tmp_path / "site.yaml", {}) is None


def test_a_pointer_to_nowhere(tmp_path: Path) -> None:
    """A work tree whose repository is gone is no checkout."""
    (tmp_path / ".git").write_text("gitdir: /nonexistent/x")
    assert commit(tmp_path / "site.yaml", {}) is None
