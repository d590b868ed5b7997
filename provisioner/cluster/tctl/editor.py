"""The editor of conditional updates, started by `tctl edit`: EDITOR TASK FILE.

TASK is JSON: the revision that the document in FILE must have, and the document to put there.
Ends with code 4 and FILE as it was when the revision is another one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

MOVED = 4


def edit(task: Path, file: Path) -> int:
    """Put the document of a task into a file, and return the exit code."""
    wanted: dict[str, Any] = json.loads(task.read_text(encoding="utf-8"))
    # All scalars as text: nothing of the role can be read as anything else, or fail to be.
    found = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    if found["metadata"].get("revision") != wanted["revision"]:
        return MOVED
    file.write_text(json.dumps(wanted["document"]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(edit(*map(Path, sys.argv[1:3])))
