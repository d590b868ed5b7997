"""The house stands: imports point down, and only the named modules touch the world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "provisioner"

FLOORS = (
    "errors values scalars",
    "units terminal jsonfile source patterns splice expressions files process",
    "change provenance fields kinds diagnostics placement lock pipes template_text traits yamledit outdir redaction sitefile sidecar",
    "digests joins canonical cluster teleport access sandbox",
    "resource model unmoved plan_format",
    "memory local snapshot tctl templates inventory proxy",
    "pinned worlds inputs saved_plan subtract wording clients compare gate tokens",
    "decode rules documents impact approval acceptance inquiry drift holdings doctor schema bundle merge locations",
    "machines part lifeline install machine starter severity",
    "render desired alone",
    "plan",
    "apply judge adoption report",
    "execution run_report",
    "workflow",
    "scenes",
    "cli",
    "__main__",
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}

# What may touch files, processes and the network, and through what.
WORLD = {"os", "subprocess", "socket", "sqlite3", "shutil", "tempfile", "fcntl", "http", "urllib"}
AT_THE_EDGE = {"files", "process", "local", "cli", "machine", "pipes", "inventory", "proxy"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULES = dict(modules())


def test_every_module_has_a_floor() -> None:
    """A new module must say where it stands."""
    unplaced = {name.split(".")[0] for name in MODULES if name} - FLOOR.keys()
    assert not unplaced
    assert not FLOOR.keys() - {name.split(".")[0] for name in MODULES}


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_point_down(name: str) -> None:
    """A module imports lower floors only; inside a package, siblings import only `_shared` ones."""
    own = name.split(".")
    for target in imports(MODULES[name]):
        parts = target.split(".")
        if parts[0] != "provisioner" or len(parts) < 2 or parts[1] not in FLOOR:
            continue
        if parts[1] != own[0]:
            assert FLOOR[parts[1]] < FLOOR[own[0]], f"{name} imports {target}"
        elif len(own) > 1 and len(parts) > 2 and ".".join(parts[1:3]) in MODULES:
            assert parts[2].startswith("_"), f"{name} imports its sibling {target}"


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_only_the_edge_touches_the_world(name: str) -> None:
    """Files, processes and sockets are touched by the modules made for it, and by no other."""
    if name.split(".", maxsplit=1)[0] not in AT_THE_EDGE:
        assert not WORLD & {target.split(".")[0] for target in imports(MODULES[name])}
