"""Editors of other people's files: our entries change, every other byte stays.

Each format is a module with the same four functions over a file's text and a path of keys: `get`
an entry, `put` it, `trace` what `put` will find, and `remove` the entry again, which with that
trace gives the original text. `put_all` and `remove_all` do so for several entries of one parent.
"""

from __future__ import annotations

from provisioner.text.splice._base import (
    NEVER,
    Edit,
    Group,
    Path,
    Source,
    Span,
    SpliceError,
    Trace,
    cuts,
    failure,
    indentation,
    least,
    starts_line,
    touched,
)

__all__ = [
    "NEVER",
    "Edit",
    "Group",
    "Path",
    "Source",
    "Span",
    "SpliceError",
    "Trace",
    "cuts",
    "failure",
    "indentation",
    "least",
    "starts_line",
    "touched",
]
