"""Where values of a site come from, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from provisioner.checks.explanation import Origin, Saying
from provisioner.errors import Place
from provisioner.site.wording import dotted
from provisioner.text.terminal import Paint, visible
from provisioner.values import Plain, canonical_json

_WORDS: Final = {
    "counts": "counts",
    "replaced": "replaced",
    "removes": "removes it",
    "removed": "removed",
}
_NAMED: Final = {"include": "included at", "extends": "extended at"}


def text(origins: Iterable[Origin], paint: Paint) -> str:
    """Return each value with all that was said of it, what counts first."""
    return "\n".join("\n".join(_block(origin, paint)) for origin in origins)


def as_json(origins: Iterable[Origin], file: str, key: str) -> str:
    """Return one JSON document; a change that breaks readers raises the major of `format_version`."""
    document = {
        "format_version": "1.0",
        "file": file,
        "key": key,
        "values": [_entry(origin) for origin in origins],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _block(origin: Origin, paint: Paint) -> Iterator[str]:
    value = "nothing, it is removed" if origin.source == "removed" else _shown(origin.value)
    yield f"{paint('bold', visible(dotted(origin.path)))}: {value}"
    if origin.source == "default":
        yield f"  {paint('dim', 'the default')}"
    for said in origin.said:
        yield f"  {_told(said)}"


def _told(said: Saying) -> str:
    where = visible(str(said.at))
    value = f": {_shown(said.value)}" if said.fate in ("replaced", "removed") else ""
    via = "pinned" if said.how == "lock" else ""
    if said.named is not None:
        via = f"{_NAMED[said.how]} {visible(str(said.named))}"
    return f"{where}  {_WORDS[said.fate]}{value}{f' ({via})' if via else ''}"


def _shown(value: Plain) -> str:
    return visible(value if isinstance(value, str) and value else canonical_json(value))


def _entry(origin: Origin) -> dict[str, Plain]:
    return {
        "key": dotted(origin.path),
        "path": list(origin.path),
        "value": origin.value,
        "source": origin.source,
        "said": [_said(each) for each in origin.said],
    }


def _said(said: Saying) -> dict[str, Plain]:
    return {
        **_location(said.at),
        "value": said.value,
        "fate": said.fate,
        "how": said.how or "site",
        "named": said.named and _location(said.named),
    }


def _location(at: Place) -> dict[str, Plain]:
    return {"file": at.file, "line": at.line, "column": at.column}
