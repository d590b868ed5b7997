"""Updates on condition: tctl writes a role only if it still has the revision that was looked at.

`tctl edit` is the one command of tctl that has Teleport compare revisions (UpdateRole, which ends in
the backend's ConditionalUpdate; tool/tctl/common/edit_command.go in github.com/gravitational/teleport).
It writes the role to a temporary file and starts the editor that TELEPORT_EDITOR names. Ours is
`editor.py` beside this: it puts the new document there, if the file has that revision, and fails
if not. No shell has a part in it. Bots have no revision, and of apps and tokens edit compares none.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from provisioner.cluster.port import Verb, Write
from provisioner.cluster.tctl._base import Tool
from provisioner.cluster.unmoved import revision_of
from provisioner.errors import Rejected
from provisioner.system import files
from provisioner.system.process import Command
from provisioner.values import canonical_json

_EDITOR: Final = (sys.executable, "-I", str(Path(__file__).with_name("editor.py")))
_PLAIN: Final = re.compile(r"[^\s/,@-][^\s/,]*")


def is_conditional(tool: Tool, write: Write) -> bool:
    """Whether a write is one that tctl can make on condition, and shall."""
    return (
        tool.options.conditional
        and write.verb is Verb.UPDATE
        and write.key.kind == "role"
        and _PLAIN.fullmatch(write.key.name) is not None
        and revision_of(write.expected) != ""
    )


def speller(tool: Tool, directory: Path) -> Callable[[Sequence[Write]], Command]:
    """Return what spells the call for one write; documents wait in `directory` meanwhile.

    Raises Rejected where the editor cannot be named: tctl takes the words apart at blanks.
    """
    for word in (*_EDITOR, str(directory)):
        if re.search(r"\s", word):
            raise Rejected(
                f"a conditional update needs paths without blanks, and {word!r} has one",
                hint="install provision elsewhere, set TMPDIR, or leave --cas out",
            )

    numbers = count()

    def spell(writes: Sequence[Write]) -> Command:
        (write,) = writes
        path = directory / f"{next(numbers)}.json"
        revision = revision_of(write.expected)
        metadata = {**write.body["metadata"], "revision": revision}
        task = {"revision": revision, "document": {**write.body, "metadata": metadata}}
        files.write(path, canonical_json(task).encode(), mode=files.PRIVATE)
        editor = " ".join((*_EDITOR, str(path)))
        return tool.command("edit", str(write.key), env={"TELEPORT_EDITOR": editor})

    return spell
