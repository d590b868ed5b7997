"""Who may call what, as data: JSON by bot and server, CSV by bot, server and tool or pattern.

What can be large comes in pieces, a bot each, so that it is never in memory as a whole.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Final

from provisioner.change import Access, AccessRow
from provisioner.rbac.access import Grant, Server, Spot, matrix
from provisioner.rbac.inquiry import Question, Scene
from provisioner.report._scene import remarks
from provisioner.text.terminal import visible
from provisioner.values import Plain

FORMAT_VERSION: Final = "1.0"
_COLUMNS: Final = ("bot", "server", "kind", "name", "role", "pattern", "except")
_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""With these a spreadsheet takes a cell for a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def matrix_json(scene: Scene, question: Question) -> Iterator[str]:
    """Yield all that is allowed in a scene, and what was asked about, in pieces.

    Each session of a bot with a server stands on a line: there can be hundreds of thousands.
    """
    head = _dumped(
        {
            "scene": scene.name,
            "asked": _asked(question),
            "bots": [identity.name for identity in scene.world.identities],
            "servers": [_server(sides) for sides in scene.world.named().values()],
            "remarks": list(remarks(scene)),
        }
    )
    yield f'{head.removesuffix("}").rstrip()},\n  "sessions": ['
    between = "\n"
    for sessions in _by_bot(scene):
        yield between + ",\n".join(map(_session, sessions))
        between = ",\n"
    yield "\n  ]\n}"


def _server(sides: Sequence[Server]) -> dict[str, Plain]:
    """Return a server; `other_labels` are those with which other agents serve it."""
    first, *others = sides
    more = {"other_labels": [dict(each.labels) for each in others]} if others else {}
    return {"name": first.name, "labels": dict(first.labels), **more, "tools": _listed(first.tools)}


def _by_bot(scene: Scene) -> Iterator[Iterator[Spot]]:
    return (spots for _, spots in groupby(matrix(scene.world).spots(), attrgetter("bot")))


def _session(spot: Spot) -> str:
    grants = ", ".join(map(_grant, spot.grants))
    return (
        f'    {{"bot": {_json(spot.bot)}, "server": {_json(spot.server.name)}, '
        f'"role": {_json(spot.opener)}, "grants": [{grants}]}}'
    )


def _grant(grant: Grant) -> str:
    """Return an entry of a role; where the tools are not known, what of it is denied nevertheless."""
    head = f'{{"role": {_json(grant.role)}, "pattern": {_json(grant.pattern)}, "tools": '
    if grant.tools is None:
        return f'{head}null, "except": {_json(grant.but)}}}'
    return f"{head}{_json(grant.tools)}}}"


@lru_cache(maxsize=50_000)
def _json(value: str | tuple[str, ...]) -> str:
    return json.dumps(value, ensure_ascii=False)


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


def matrix_csv(scene: Scene) -> Iterator[str]:
    """Yield, in pieces, a line for each tool or pattern, and for each session in which none can be called."""
    yield _written([_COLUMNS])
    for sessions in _by_bot(scene):
        yield f"\n{_written(line for spot in sessions for line in _lines(spot))}"


def _lines(spot: Spot) -> Iterator[Sequence[str]]:
    for grant in spot.grants:
        if grant.tools is None:
            but = ", ".join(grant.but)
            yield *_at(spot, "pattern", grant.pattern, grant.role), grant.pattern, but
        for tool in grant.tools or ():
            yield *_at(spot, "tool", tool, grant.role), grant.pattern, ""
    if not spot.grants:
        yield *_at(spot, "session", "", spot.opener), "", ""


def _at(spot: Spot, kind: str, name: str, role: str) -> Sequence[str]:
    return spot.bot, spot.server.name, kind, name, role


def difference_csv(access: Access) -> str:
    """Return a line for each thing that is gained or lost, sessions included."""
    columns = ("change", "bot", "server", "kind", "name", "role", "pattern", "why")
    changes = {True: "gained", False: "lost"}
    moved = ((changes[row.gained], *_moved(row).values()) for row in access.rows)
    return _written([columns, *moved])


def _written(lines: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(map(_cell, line) for line in lines)
    return out.getvalue().removesuffix("\n")


@lru_cache(maxsize=50_000)
def _cell(text: str) -> str:
    return visible(f"'{text}" if text.startswith(_FORMULA) else text)


def _moved(row: AccessRow) -> dict[str, str]:
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
