"""Pinned tools against what servers say, for programs.

`format_version`: readers ignore keys they do not know, and refuse another major.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from provisioner.rbac.inquiry import Scene
from provisioner.tools.drift import Comparison, Finding
from provisioner.tools.lock import PARTS, Tool
from provisioner.values import Plain, thaw


def as_json(comparisons: Iterable[Comparison], lock: str, scene: Scene | None = None) -> str:
    """Return one JSON document; `lock` is the path of the lock file, `scene` who may call what."""
    document = {
        "format_version": "1.0",
        "lock": lock,
        **({"scene": scene.name, "remarks": list(scene.remarks)} if scene else {}),
        "servers": [_server(c) for c in comparisons],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _server(comparison: Comparison) -> dict[str, Plain]:
    pinned, found = comparison.pinned, comparison.found
    return {
        "server": comparison.server,
        "state": comparison.state,
        "message": comparison.why,
        "pinned_at": pinned.pinned_at if pinned else None,
        "complete": found.complete if found else None,
        "tools": sorted(found.tools) if found else None,
        "added": [_finding(each) for each in comparison.added],
        "removed": [_finding(each) for each in comparison.removed],
        "changed": [_finding(each) for each in comparison.changed],
        "unseen": list(comparison.unseen),
    }


def _finding(finding: Finding) -> dict[str, Plain]:
    granted = finding.grants
    change = finding.change
    said: dict[str, Plain] = {"tool": finding.tool.name}
    if change is None:
        said["sha256"] = finding.tool.sha256
    else:
        said["parts"] = list(change.parts)
        said["before"] = _definition(change.before, change.parts)
        said["after"] = _definition(change.after, change.parts)
    said["granted"] = granted and [
        {"role": each.role, "pattern": each.pattern, "bots": list(each.bots)} for each in granted
    ]
    return said


def _definition(tool: Tool, parts: Iterable[str]) -> dict[str, Plain]:
    return {"sha256": tool.sha256, **{p: thaw(tool.definition.get(PARTS[p])) for p in parts}}
