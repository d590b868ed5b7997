"""A plan as data, in the format of `plan_format`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from provisioner import __version__
from provisioner.change import (
    Access,
    AccessRow,
    Change,
    ClusterInfo,
    Field,
    Inputs,
    Plan,
    TestResult,
)
from provisioner.errors import Place
from provisioner.planning.digests import FORMAT_VERSION
from provisioner.report._base import counts
from provisioner.text import diagnostics
from provisioner.values import Plain, thaw


def as_json(plan: Plan, created_at: datetime) -> str:
    """Return the plan as one JSON document, in a stable order; `created_at` is not in the digest."""
    # What live documents hold as `Secret` is told as `<secret>`.
    return json.dumps(document(plan, created_at), indent=2, ensure_ascii=False, default=repr)


def document(plan: Plan, created_at: datetime) -> dict[str, Plain]:
    """Return the plan as plain values."""
    drifted, pending = plan.apart()
    effects = _effects(plan.access)
    return {
        "format_version": FORMAT_VERSION,
        "tool": f"provision {__version__}",
        "created_at": created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "site": plan.site,
        "file": plan.file,
        "cluster": cluster(plan.cluster),
        "mode": plan.mode,
        "only": [str(key) for key in plan.only],
        "inputs": inputs(plan.inputs),
        "scope": list(plan.scope),
        "access": _access(plan.access),
        "changes": [{**_change(change), **_effect(change, effects)} for change in plan.changes],
        "notes": [_change(note) for note in plan.notes],
        "tests": [_test(test) for test in plan.tests],
        "problems": [diagnostics.entry(problem) for problem in plan.problems],
        "summary": {
            **counts(plan),
            "drift": len(drifted),
            "pending": len(pending),
            "unchanged": plan.unchanged,
            "owned": plan.owned,
        },
        "digest": plan.digest,
    }


def drift_document(plan: Plan, created_at: datetime) -> dict[str, Plain]:
    """Return a plan as plain values with what drifted apart from what is pending.

    Its format is versioned as that of plans is, and its entries are theirs.
    """
    drifted, pending = plan.apart()
    return {
        "format_version": FORMAT_VERSION,
        "tool": f"provision {__version__}",
        "created_at": created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "site": plan.site,
        "file": plan.file,
        "cluster": cluster(plan.cluster),
        "inputs": inputs(plan.inputs),
        "drift": [_change(change) for change in drifted],
        "pending": [_change(change) for change in pending],
        "problems": [diagnostics.entry(problem) for problem in plan.problems],
        "summary": {
            "drift": len(drifted),
            "pending": len(pending),
            "conflicts": len(plan.standing),
            "unchanged": plan.unchanged,
            "owned": plan.owned,
        },
        "digest": plan.digest,
    }


def cluster(info: ClusterInfo) -> dict[str, Plain]:
    """Return which cluster was read."""
    return {
        "name": info.name,
        "version": info.version,
        "client": info.client,
        "via": info.via,
        "taken": info.taken or None,
    }


def inputs(made_from: Inputs | None) -> dict[str, Plain] | None:
    """Return the hashes of what a plan was made from, None where nobody took them."""
    if made_from is None:
        return None
    return {
        "site_sha256": made_from.site,
        "templates_sha256": made_from.templates,
        "tools_lock_sha256": made_from.lock,
    }


def _change(change: Change) -> dict[str, Plain]:
    return {
        "id": str(change.key),
        "kind": change.key.kind,
        "name": change.key.name,
        "action": change.op.value,
        "cause": change.cause,
        "reason": change.reason,
        "hint": change.hint,
        "fields": [_field(field) for field in change.fields],
        "before": thaw(change.before) or None,
        "after": thaw(change.after) or None,
        "source": _source(change.at),
        "digest": change.digest,
    }


def _access(access: Access) -> dict[str, Plain]:
    return {
        "gained": [_row(row) for row in access.rows if row.gained],
        "lost": [_row(row) for row in access.rows if not row.gained],
        "other_apps": [{"bot": bot, "app": app} for bot, app in access.other_apps],
        "domain": {
            "bots": access.bots,
            "servers": access.servers,
            "tools": access.tools,
            "unknown": list(access.unknown),
        },
    }


def _row(row: AccessRow) -> dict[str, Plain]:
    return {
        "bot": row.bot,
        "server": row.server,
        "kind": row.kind,
        "name": row.name,
        "role": row.role,
        "pattern": row.pattern,
        "why": row.why,
    }


def _test(test: TestResult) -> dict[str, Plain]:
    return {
        "name": test.name,
        "state": test.state,
        "reasons": list(test.reasons),
        "was_failing": test.was_failing,
        "source": _source(test.at),
    }


def _effect(change: Change, effects: Mapping[tuple[str, str], bool]) -> dict[str, Plain]:
    """Say what one change does to access: it widens when anybody gains anything by it."""
    gains = effects.get((change.key.kind, change.key.name))
    return {"effect": "neutral" if gains is None else "widens" if gains else "narrows"}


def _effects(access: Access) -> Mapping[tuple[str, str], bool]:
    """Return, by kind and name, what has to do with a gain or a loss, and whether with a gain."""
    found: dict[tuple[str, str], bool] = {}
    for row in access.rows:
        for at in (("role", row.role), ("bot", row.bot), ("app", row.server)):
            found[at] = row.gained or found.get(at, False)
    return found


def _field(field: Field) -> dict[str, Plain]:
    shared = {"path": field.path, "before": thaw(field.before), "after": thaw(field.after)}
    if field.added or field.removed:
        return {**shared, "added": list(field.added), "removed": list(field.removed)}
    return shared


def _source(at: Place | None) -> dict[str, Plain] | None:
    return {"file": at.file, "line": at.line, "column": at.column} if at else None
