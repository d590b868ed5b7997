"""Which entries of somebody else's file are ours: told by a small file beside it.

Strict JSON has no comments to mark an entry with, so what we put into `FILE` is listed in
`.FILE.provision.json`: where an entry stands, for which bot, the digest of what we wrote, and what
stood there before. Digests are added before a write and narrowed after it, so that an interrupt at
any point leaves no entry of ours that is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from provisioner.errors import FileError
from provisioner.text.splice import Trace
from provisioner.values import EMPTY, Plain, freeze, sha256

At = tuple[str, ...]
"""Where an entry stands: the keys that lead to it, or to its list, and what it is known by there."""

_FORMAT_VERSION: Final = "1.0"


class Owned(Struct, frozen=True):
    """An entry that we wrote: for which bot, which digests it may have, what was there before."""

    at: At
    bot: str
    digests: tuple[str, ...]
    trace: Trace


class Ledger(Struct, frozen=True):
    """What is ours in one file.

    `whole` are the digests that the whole text may have while we alone have written it, for
    `bot`; empty where the file is somebody else's.
    """

    entries: Mapping[At, Owned] = EMPTY
    bot: str = ""
    whole: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries or self.whole)

    def wrote_all(self, text: str, bot: str) -> bool:
        """Whether `text` is a file that we wrote for `bot`, changed by nobody since."""
        return self.bot == bot and digest(text) in self.whole

    def widened(self, after: Ledger) -> Ledger:
        """Return what is true while the file changes from this ledger's state to that of `after`."""
        both = {**self.entries, **after.entries}
        for at, old in self.entries.items():
            digests = dict.fromkeys((*old.digests, *both[at].digests))
            both[at] = replace(both[at], digests=tuple(digests))
        bot = after.bot or self.bot
        return Ledger(freeze(both), bot, tuple(dict.fromkeys((*self.whole, *after.whole))))


def digest(value: Plain) -> str:
    """Return the digest of what a file says somewhere, "" where JSON cannot say it."""
    try:
        return sha256(value)
    except (TypeError, ValueError, RecursionError):  # a date in TOML; not a number
        return ""


def beside(path: Path) -> Path:
    """Return where the ledger of the file at `path` is."""
    return path.with_name(f".{path.name}.provision.json")


def parse(data: bytes, path: Path) -> Ledger:
    """Return the ledger written in `data`. Raises FileError that names `path`."""
    try:
        document = json.loads(data)
        if str(document["format_version"]).split(".")[0] != _FORMAT_VERSION.split(".")[0]:
            raise FileError(
                f"{path}: was written by a newer provision", hint="install that version here"
            )
        entries = [_owned(item) for item in document["entries"]]
        whole = document["whole"] or {"bot": "", "sha256": []}
        return Ledger(
            freeze({entry.at: entry for entry in entries}),
            _text(whole["bot"]),
            _texts(whole["sha256"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{path}: this is not what provision wrote there",
            hint="remove it; entries that are equal are then taken over again",
        ) from error


def dump(ledger: Ledger) -> bytes:
    """Return `ledger` as the file says it."""
    entries = [
        {
            "at": entry.at,
            "bot": entry.bot,
            "sha256": entry.digests,
            "before": {"depth": entry.trace.depth, "text": entry.trace.text},
        }
        for entry in sorted(ledger.entries.values(), key=lambda entry: entry.at)
    ]
    whole = {"bot": ledger.bot, "sha256": ledger.whole} if ledger.whole else None
    document = {"format_version": _FORMAT_VERSION, "entries": entries, "whole": whole}
    return (json.dumps(document, indent=2) + "\n").encode()


def _owned(item: Plain) -> Owned:
    depth, text = item["before"]["depth"], item["before"]["text"]
    if type(depth) is not int:
        raise TypeError(depth)
    trace = Trace(depth, None if text is None else _text(text))
    if not item["at"]:
        raise ValueError(item["at"])
    return Owned(_texts(item["at"]), _text(item["bot"]), _texts(item["sha256"]), trace)


def _text(value: Plain) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _texts(value: Plain) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(value)
    return tuple(_text(item) for item in value)


__all__ = ["At", "Ledger", "Owned", "beside", "digest", "dump", "parse"]
