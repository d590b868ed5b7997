"""Files that decide about access, and that anybody on this machine could change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provisioner.cli import _base
from provisioner.errors import Refused
from provisioner.system.exposure import exposed
from provisioner.text.terminal import visible
from provisioner.tools import lock
from provisioner.workflow import Prepared


def warn(*paths: Path) -> None:
    """Say which of these files anybody could change."""
    for found in filter(None, map(exposed, paths)):
        said, cure = found.split("\n")
        _base.say(f"warning: {visible(said)}\n  = {visible(cure)}")


def require_closed(prepared: Prepared, templates: Path | None, *, reviewed: bool) -> None:
    """Warn of what anybody could change. Raises Refused unless somebody has `reviewed` the plan.

    What was reviewed is in the digest: whoever changed a file since has changed that too.
    """
    paths = tuple(_inputs(prepared, templates))
    found = [each for each in map(exposed, paths) if each]
    if reviewed or not found:
        warn(*paths)
        return
    said, cures = zip(*(each.split("\n") for each in found), strict=True)
    raise Refused(
        "nobody reviews this apply, and what it is made from can be changed by anybody:\n"
        + "\n".join(said),
        hint="\n".join(dict.fromkeys((*cures, "or apply a reviewed plan: --expect DIGEST"))),
    )


def _inputs(prepared: Prepared, templates: Path | None) -> Iterator[Path]:
    document = prepared.document
    yield from map(Path, document.files)
    yield Path(document.file).with_name(lock.FILE)
    if templates is not None:
        yield from sorted(path for path in templates.rglob("*.j2") if path.is_file())
