"""Pinned tools against what servers say, for programs.

`format_version`: readers ignore keys they do not know, and refuse another major.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from provisioner.rbac.inquiry import Scene
from provisioner.tools.drift import Comparison, Finding
from provisioner.tools.lock import PARTS, Pin, Tool
from provisioner.values import Plain, sha256, thaw

_CONTRACT: Final = ("description", "inputSchema")


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
        "hashes": _hashes(found) if found else None,
        "added": [_finding(each) for each in comparison.added],
        "removed": [_finding(each) for each in comparison.removed],
        "changed": [_finding(each) for each in comparison.changed],
        "unseen": list(comparison.unseen),
    }


def _hashes(found: Pin) -> dict[str, Plain]:
    """Return the hash of each definition, and that of the part of it on which other locks agree."""
    return {
        name: {"sha256": tool.sha256, "contract_sha256": _contract(tool)}
        for name, tool in sorted(found.tools.items())
    }


def _contract(tool: Tool) -> str:
    """Hash what RugSnare (docs/PIN-SPEC.md, section 3) and mcpseal (hash.py) hash."""
    parts = {part: tool.definition[part] for part in _CONTRACT if part in tool.definition}
    return sha256({"name": tool.name, **parts})


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
