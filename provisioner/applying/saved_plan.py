"""A plan in a file, as an approval: what it approves is read, and nothing of it is believed.

A plan file is an approval, not a source: what is desired is always rendered again from the site.
Bodies are there to say what moved; that they are what the digests stand for is checked, so that
nobody can show a reviewer one change and have another approved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import asdict

from provisioner.applying.approval import Approved, ApprovedChange
from provisioner.change import AccessRow, Inputs, Key
from provisioner.errors import FileError
from provisioner.planning.digests import FORMAT_VERSION, approval_of, mode_of
from provisioner.planning.plan_format import Change, Document, Row
from provisioner.schema.faults import Fault, Wrong
from provisioner.schema.records import read
from provisioner.text import jsonfile, units
from provisioner.values import EMPTY, Plain, is_mapping, sha256

LARGEST: Final = 256 * 1024 * 1024
"""Bytes that a plan file may have; one of 10,000 new bots has about 30 MB."""

_SHOWN: Final = 5
_SAID: Final = {  # no key is unknown here: a later minor release has more of them
    "missing": "is missing",
    "type": "expected {0.message}",
    "name": "{0.message}",
    "value": "{0.message}",
    "choice": "expected {0.options}",
}
_AGAIN: Final = "make it again: provision plan -o FILE"


def parse(data: bytes, file: str) -> Approved:
    """Return what the plan in the bytes of `file` approves. Raises FileError, whatever they are."""
    try:
        value = jsonfile.load(data, file)
    except ValueError as error:
        raise FileError(str(error), hint=_AGAIN) from error
    _require_known_format(value, file)
    try:
        document = read(Document, value)
    except Wrong as wrong:
        raise FileError("\n".join(_told(wrong.faults, file)), hint=_AGAIN) from wrong
    try:
        return _approved(document)
    except ValueError as error:
        raise FileError(f"{file}: {error}", hint=_AGAIN) from error


def _require_known_format(value: Plain, file: str) -> None:
    version = value.get("format_version") if is_mapping(value) else None
    if not isinstance(version, str):
        raise FileError(f"{file}: not a plan: it has no format_version of one", hint=_AGAIN)
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise FileError(
            f"{file}: format {version[:20]!r} of another release; this one reads {FORMAT_VERSION}",
            hint="apply it with the release of provision that made it, or make it again",
        )


def _told(faults: Sequence[Fault], file: str) -> Iterator[str]:
    """Yield a line for each of the first things that are wrong."""
    for fault in faults[:_SHOWN]:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in fault.path)
        yield f"{file}: ${path[:200]}: {_SAID[fault.kind].format(fault)}"
    if len(faults) > _SHOWN:
        yield f"{file}: and {len(faults) - _SHOWN} more"


def _approved(document: Document) -> Approved:
    _require_own_digest(document)
    if document.mode == "adopt":
        raise ValueError("a plan to adopt: use `provision adopt`, with --expect and its digest")
    inputs = document.inputs
    return Approved(
        site=document.site,
        file=document.file,
        cluster=document.cluster.name,
        prune=document.mode == "prune",
        only=tuple(map(Key.of, document.only)),
        created_at=units.moment(document.created_at),
        inputs=Inputs(inputs.site_sha256, inputs.templates_sha256, inputs.tools_lock_sha256),
        digest=document.digest,
        changes=dict(_changes(document.changes)),
        gained=frozenset(AccessRow(gained=True, **asdict(row)) for row in document.access.gained),
        other_apps=frozenset((each.bot, each.app) for each in document.access.other_apps),
        tests={test.name: test.state for test in document.tests},
    )


def _require_own_digest(document: Document) -> None:
    """Refuse a file in which anything that its digest covers is not as it was written."""
    access = document.access
    rows = [[True, *_row(row)] for row in access.gained] + [
        [False, *_row(row)] for row in access.lost
    ]
    whole = approval_of(
        document.site,
        document.cluster.name,
        mode_of(document.mode, document.only),
        [
            [each.action, each.id, each.before or EMPTY, each.after or EMPTY]
            for each in document.changes
        ],
        rows,
        [[test.name, test.state] for test in document.tests],
        *([[[each.bot, each.app] for each in access.other_apps]] if access.other_apps else []),
    )
    if not document.digest.endswith(f"-{whole}"):
        raise ValueError("$.digest is not that of this plan: the file was edited")


def _row(row: Row) -> tuple[str, ...]:
    return row.bot, row.server, row.kind, row.name, row.role, row.pattern, row.why


def _changes(changes: Sequence[Change]) -> Iterator[tuple[str, ApprovedChange]]:
    seen: set[str] = set()
    for number, change in enumerate(changes):
        where = f"$.changes[{number}]"
        before, after = change.before or EMPTY, change.after or EMPTY
        if change.digest != sha256([change.action, change.id, before, after])[:32]:
            raise ValueError(f"{where}.digest is not that of this change: the file was edited")
        if change.id in seen:
            raise ValueError(f"{where}.id: {change.id!r} is there twice")
        seen.add(change.id)
        yield change.id, ApprovedChange(change.action, change.digest, before, after)
