"""pyinfra: a `files.template` operation a document, dry, on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peers._base import Fleet, write_templates

PACKAGE = "pyinfra==3.10.0"
LARGEST = 200
NOTE = "files.template for each document, --dry; what it pays for each file buys remote hosts"

DEPLOY = """
import json
from pyinfra.operations import files
site = json.load(open("site.json"))
for kind in ("role", "bot"):
    for name, facts in site[kind + "s"].items():
        files.template(
            name=name, src=kind + ".j2", dest="live/" + name, mode="644", item={"name": name, **facts}
        )
"""


def prepare(root: Path, fleet: Fleet) -> None:
    """Write the deploy, its data, its templates, and the files as they are."""
    (root / "deploy.py").write_text(DEPLOY)
    (root / "site.json").write_text(json.dumps({"roles": fleet.roles, "bots": fleet.bots}))
    write_templates(root, fleet)


def command(root: Path, programs: Path) -> list[str]:
    """Return the command; it finds its files in the directory in which it is run."""
    return [str(programs / "pyinfra"), "@local", str(root / "deploy.py"), "--dry"]


def differences(output: str) -> int:
    """Return how many operations would change something, as the table of changes has it."""
    return len(re.findall(r"\s\d+ \(@local\)", output))
