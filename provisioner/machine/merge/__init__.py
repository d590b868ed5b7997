"""What we render, merged into files that others have written: only our entries change.

A rendering is parsed, and its entries are put into the file's text by the editor of its language,
so that a template is the one source of what is written, into a new file and into an old one.
"""

from __future__ import annotations

from provisioner.machine.merge._base import Change, Conflict, Existing, Merged, Op
from provisioner.machine.merge.client import is_mergeable, merge_client
from provisioner.machine.merge.diff import diff
from provisioner.machine.merge.tbot import merge_tbot

__all__ = [
    "Change",
    "Conflict",
    "Existing",
    "Merged",
    "Op",
    "diff",
    "is_mergeable",
    "merge_client",
    "merge_tbot",
]
