"""The entries of one bot in a client's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Final

from msgspec.structs import replace

from provisioner.clients import Format
from provisioner.errors import FileError
from provisioner.machine.merge._base import (
    ABSENT,
    JSON,
    TOML,
    YAML,
    Existing,
    Language,
    Merged,
    Spot,
    create,
    merge,
    read,
)
from provisioner.text.splice import jsonc
from provisioner.values import Plain, is_mapping

_LANGUAGES: Final[Mapping[str, Language]] = {".json": JSON, ".toml": TOML, ".yaml": YAML}


def is_mergeable(form: Format) -> bool:
    """Whether the files of a format have entries, so that ours can stand beside others."""
    return PurePath(form.layouts[0].file).suffix in _LANGUAGES


def merge_client(existing: Existing, rendering: str | None, form: Format) -> Merged:
    """Merge the first file of a format, as rendered for a bot, into what a machine has.

    None as the rendering takes out what is ours; entries of the bot that are not rendered any more
    go too. Raises SpliceError where the machine's file is broken or cannot be edited, and FileError
    where the rendering is not what its format says.
    """
    language = _LANGUAGES[PurePath(form.layouts[0].file).suffix]
    wanted = {} if rendering is None else _entries(language, rendering, form)
    stale = [
        owned.at
        for owned in existing.ledger.entries.values()
        if owned.bot == existing.bot
        and owned.at[:-1] == form.entries
        and owned.at[-1] not in wanted
    ]
    spots = [
        *(Spot(at := (*form.entries, name), at, value, name) for name, value in wanted.items()),
        *(Spot(at, at, ABSENT, at[-1]) for at in stale),
    ]
    if existing.is_ours:
        return create(language, existing, (rendering or "") if wanted else "", spots)
    merged = merge(language, existing, spots)
    return replace(merged, warnings=tuple(_warnings(existing.text or "", language, form)))


def _entries(language: Language, rendering: str, form: Format) -> Mapping[str, Plain]:
    file = form.layouts[0].file
    found = read(language, rendering, form.entries, file)
    if found is None or is_mapping(found):
        return found or {}
    raise FileError(
        f"{file}: as rendered it has no mapping at {'.'.join(form.entries)}",
        hint="mend the template of this file",
    )


def _warnings(text: str, language: Language, form: Format) -> Iterator[str]:
    if form.strict and language is JSON:
        found = jsonc.features(text)
        if found.has_comments or found.has_trailing_commas:
            what = "comments" if found.has_comments else "a comma before a closing bracket"
            yield f"it has {what}: this client reads strict JSON and ignores such a file"
