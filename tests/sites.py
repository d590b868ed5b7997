"""Site files that tests are made of: the least that a site needs, and what follows it."""

from __future__ import annotations

from pathlib import Path

from provisioner import workflow
from provisioner.cli._base import load_templates
from provisioner.errors import Problem
from provisioner.site.decode import decode
from provisioner.site.model import Site
from provisioner.text import source
from provisioner.text.source import Document

HEAD = "version: 1\nsite: acme\nteleport: {proxy: example.teleport.sh:443}\n"
TEMPLATES = load_templates(None)


def document(text: str, file: str = "site.yaml") -> Document:
    """Return a YAML text as a document; it must be readable."""
    read, problems = source.load(text.encode(), file)
    assert read is not None, problems
    return read


def site(rest: str = "") -> Site:
    """Return the site that `rest`, after the usual head, says; it must be without type errors."""
    decoded = decode(document(HEAD + rest))
    assert decoded.site is not None, decoded.problems
    return decoded.site


def write(directory: Path, rest: str = "", *, head: str = HEAD) -> Path:
    """Write a site file and return its path."""
    path = directory / "site.yaml"
    path.write_text(head + rest)
    return path


def problems(directory: Path, rest: str, *, head: str = HEAD) -> tuple[Problem, ...]:
    """Return everything that `provision check` finds in a site."""
    return workflow.check(write(directory, rest, head=head)).problems


def shown(found: tuple[Problem, ...]) -> list[tuple[str, int, int]]:
    """Return code, line and column of each problem; lines count from the one after the head."""
    below = HEAD.count("\n")
    return [(p.code, p.at.line - below, p.at.column) for p in found if p.at]
