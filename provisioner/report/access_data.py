"""Who may call what, as data: JSON and CSV, a row for each bot, server and tool or pattern."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from provisioner.change import Access, AccessRow
from provisioner.rbac.access import Row
from provisioner.rbac.inquiry import Question, Scene, rows
from provisioner.report._scene import remarks
from provisioner.text.terminal import visible
from provisioner.values import Plain

FORMAT_VERSION: Final = "1.0"
_COLUMNS: Final = ("bot", "server", "kind", "name", "role", "pattern", "except")
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""With these a spreadsheet takes a cell for a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def matrix_json(scene: Scene, question: Question) -> str:
    """Return all that is allowed in a scene, and what was asked about."""
    return _dumped(
        {
            "scene": scene.name,
            "asked": _asked(question),
            "bots": [identity.name for identity in scene.world.identities],
            "servers": [
                {"name": each.name, "labels": dict(each.labels), "tools": _listed(each.tools)}
                for each in scene.world.servers
            ],
            "rows": [_row(row, but) for row, but in rows(scene.world)],
            "remarks": list(remarks(scene)),
        }
    )


def difference_json(access: Access, before: Scene, after: Scene, question: Question) -> str:
    """Return what is gained and lost between two scenes."""
    return _dumped(
        {
            "before": before.name,
            "after": after.name,
            "asked": _asked(question),
            "gained": [_moved(row) for row in access.rows if row.gained],
            "lost": [_moved(row) for row in access.rows if not row.gained],
            "unknown": list(access.unknown),
            "remarks": list(remarks(after)),
        }
    )


def matrix_csv(scene: Scene) -> str:
    """Return a line for each tool or pattern, and for each session in which none can be called."""
    found = [(row, but) for row, but in rows(scene.world)]
    calls = {(row.bot, row.server) for row, _ in found if row.kind != "session"}
    return _written(
        _COLUMNS,
        (
            _row(row, but)
            for row, but in found
            if row.kind != "session" or (row.bot, row.server) not in calls
        ),
    )


def difference_csv(access: Access) -> str:
    """Return a line for each thing that is gained or lost, sessions included."""
    columns = ("change", "bot", "server", "kind", "name", "role", "pattern", "why")
    changes = {True: "gained", False: "lost"}
    return _written(
        columns, ({"change": changes[row.gained], **_moved(row)} for row in access.rows)
    )


def _written(columns: Sequence[str], lines: Iterable[Mapping[str, Plain]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(line[column]) for column in columns] for line in lines)
    return out.getvalue().removesuffix("\n")


def _text(value: Plain) -> str:
    return _cell(value if isinstance(value, str) else ", ".join(value))


@lru_cache(maxsize=50_000)
def _cell(text: str) -> str:
    return visible(f"'{text}" if text.startswith(_FORMULA) else text)


def _row(row: Row, but: Iterable[str]) -> dict[str, Plain]:
    return {
        "bot": row.bot,
        "server": row.server,
        "kind": row.kind,
        "name": row.name,
        "role": row.role,
        "pattern": row.pattern,
        "except": list(but),
    }


def _moved(row: AccessRow) -> dict[str, Plain]:
    return {
        "bot": row.bot,
        "server": row.server,
        "kind": row.kind,
        "name": row.name,
        "role": row.role,
        "pattern": row.pattern,
        "why": row.why,
    }


def _asked(question: Question) -> dict[str, Plain]:
    return {
        "bots": list(question.bots),
        "servers": list(question.servers),
        "tool": question.tool or None,
    }


def _listed(texts: Iterable[str] | None) -> list[str] | None:
    return None if texts is None else list(texts)


def _dumped(document: Mapping[str, Plain]) -> str:
    return json.dumps({"format_version": FORMAT_VERSION, **document}, indent=2, ensure_ascii=False)
