"""The house stands: imports point down, and only the named modules touch the world."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "provisioner"

HOUSE = (
    "clients effort errors values",
    "change rbac schema system text",
    "events",
    "cluster machine proxy templating",
    "site",
    "tools",
    "checks",
    "planning rendering",
    "report",
    "applying",
    "doctor importing workflow",
    "scenes",
    "cli",
    "__main__",
)
"""The rooms of the package, from the ground up."""

ROOMS = {
    "applying": "gate apply approval lifeline run_report | execution saved_plan | judge",
    "checks": "acceptance explanation worlds | rules | severity | alone",
    "cluster": "kinds port teleport | canonical snapshot | resource | references unmoved | local memory tctl",
    "doctor": "certificate diagnosis permissions | workstation | machine",
    "importing": "choice entries | insertion summary | importer",
    "machine": "bundle locations sidecar | merge | install",
    "planning": "state | digests inputs lookups reduction tokens | compare impact | desired holdings plan_format | part | plan | adoption",
    "rbac": "engine labels | expressions patterns | traits | access | inquiry",
    "rendering": "documents readback | machines | render",
    "schema": "faults | kinds | records | published",
    "site": "fields raw redaction sitefile | apps joins | model | formats schema subtract wording | decode keys starter",
    "system": "exposure remains | files mortal | locks lookup process | outdir pipes provenance scratch",
    "templating": "placement sandbox template_text | outline | templates",
    "text": "jsonfile scalars source terminal units | diagnostics splice | yamledit",
    "tools": "lock | drift inventory pinned",
}
"""The floors inside a room. Where there are none, siblings share only what begins with `_`."""

# What may touch files, processes and the network, and through what.
WORLD = {"os", "subprocess", "socket", "sqlite3", "shutil", "tempfile", "fcntl", "http", "urllib"}
AT_THE_EDGE = (
    "cli",
    "cluster.local",
    "doctor.machine",
    "doctor.permissions",
    "proxy",
    "system.exposure",
    "system.files",
    "system.locks",
    "system.lookup",
    "system.mortal",
    "system.pipes",
    "system.process",
    "system.remains",
    "system.scratch",
    "tools.inventory",
)


def floors(levels: Iterable[str]) -> dict[str, int]:
    return {name: number for number, names in enumerate(levels) for name in names.split()}


FLOOR = floors(HOUSE)
INSIDE = {room: floors(levels.split("|")) for room, levels in ROOMS.items()}


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
    """A new module must say where it stands, and a floor has no module that is gone."""
    assert {name.split(".")[0] for name in MODULES if name} == FLOOR.keys()
    for room, inside in INSIDE.items():
        assert {name.split(".")[1] for name in MODULES if name.startswith(f"{room}.")} == set(
            inside
        )


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_point_down(name: str) -> None:
    """A module imports lower floors only; siblings without floors import only `_shared` ones."""
    room, *inner = name.split(".")
    for target in imports(MODULES[name]):
        package, _, path = target.partition(".")
        parts = path.split(".")
        if package != "provisioner" or parts[0] not in FLOOR:
            continue
        if parts[0] != room:
            assert FLOOR[parts[0]] < FLOOR[room], f"{name} imports {target}"
        elif inner and room in INSIDE and parts[1:] and parts[1] != inner[0]:
            assert INSIDE[room][parts[1]] < INSIDE[room][inner[0]], f"{name} imports {target}"
        else:
            assert not crosses(parts, name.split(".")), f"{name} imports its sibling {target}"


def crosses(target: list[str], own: list[str]) -> bool:
    """Say whether a module imports a sibling that is not shared."""
    depth = len(own) - 1
    sibling = ".".join(target[: depth + 1])
    return (
        0 < depth < len(target)
        and target[:depth] == own[:depth]
        and sibling in MODULES
        and sibling != ".".join(own)
        and not any(part.startswith("_") for part in target[: depth + 1])
    )


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_only_the_edge_touches_the_world(name: str) -> None:
    """Files, processes and sockets are touched by the modules made for it, and by no other."""
    if not f"{name}.".startswith(tuple(f"{edge}." for edge in AT_THE_EDGE)):
        assert not WORLD & {target.split(".")[0] for target in imports(MODULES[name])}
