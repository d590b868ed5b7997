"""What all merges share: what an entry's state means, and how the answer is carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from provisioner.errors import FileError
from provisioner.machine.merge._words import words
from provisioner.machine.sidecar import At, Ledger, Owned, digest
from provisioner.text import yamledit
from provisioner.text.splice import SpliceError, Trace, jsonc, least, toml
from provisioner.values import Plain, freeze

Op = Literal["add", "update", "remove", "take"]
"""What happens to an entry; "take" writes nothing: an equal one is ours from now on."""

Path = tuple[Any, ...]
"""Keys, and in a list of YAML what picks the item; each editor says what it takes."""

ABSENT: Final[Plain] = object()
"""What stands where nothing stands."""

_NOTHING: Final = Trace(-1, "\n")


class Existing(Struct, frozen=True):
    """A file as a machine has it: its text or None, what in it is ours, and the bot at hand."""

    text: str | None
    ledger: Ledger
    bot: str

    @property
    def is_ours(self) -> bool:
        """Whether there is no file, or one that we wrote for the bot and nobody has changed."""
        return self.text is None or self.ledger.wrote_all(self.text, self.bot)


class Change(Struct, frozen=True):
    """What happens to one entry; `edited` if somebody changed it since we wrote it."""

    op: Op
    name: str
    edited: bool = False


class Conflict(Struct, frozen=True):
    """Why a file cannot be merged into, and the cure."""

    message: str
    hint: str


class Merged(Struct, frozen=True):
    """What a merge comes to.

    `text` is the file's new text, None where there is to be no file. Where there are `conflicts`
    nothing may be written. `shown` are the words that a diff may show: ours, without the values of
    keys that look like secrets.
    """

    text: str | None
    ledger: Ledger
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    warnings: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()


class Spot(Struct, frozen=True):
    """A place for an entry: its name in the ledger, its path for the editor, what it shall hold.

    `wanted` is ABSENT where nothing shall be; `name` is what people call it.
    """

    at: At
    path: Path
    wanted: Plain
    name: str


class Editor(Protocol):
    """What `splice.jsonc`, `splice.toml` and `yamledit` have in common."""

    def get(self, text: str, path: Path, default: Plain = None, /) -> Plain:
        """Return the value at `path`."""

    def put_all(self, text: str, path: Path, entries: Mapping[Any, Any], /) -> str:
        """Return `text` with all of `entries` in what `path` leads to."""

    def trace(self, text: str, path: Path, /) -> Trace:
        """Return what a put will find."""

    def remove_all(self, text: str, path: Path, traces: Mapping[Any, Trace | None], /) -> str:
        """Return `text` without the entries of which there are `traces`."""


class Language(Struct, frozen=True):
    """How files of one language are edited, and what a new entry meets beside those of ours.

    `trace` is given the text, the entry's path, and the traces of ours that have the same parent.
    """

    editor: Editor
    trace: Callable[[str, Path, Mapping[Path, Trace]], Trace]


def _with_parents(editor: Editor) -> Callable[[str, Path, Mapping[Path, Trace]], Trace]:
    """Return what traces where a new entry brings mappings around it, which go with the last one."""

    def trace(text: str, path: Path, beside: Mapping[Path, Trace]) -> Trace:
        return least([editor.trace(text, path), *beside.values()]) or _NOTHING

    return trace


JSON: Final = Language(jsonc, _with_parents(jsonc))
TOML: Final = Language(toml, toml.trace)
YAML: Final = Language(yamledit, _with_parents(yamledit))


class _Found(Struct, frozen=True):
    """A spot, what stands there, our record of it, and what follows."""

    spot: Spot
    there: Plain
    owned: Owned | None
    op: Op | None = None
    conflict: Conflict | None = None

    @property
    def is_edited(self) -> bool:
        if self.owned is None or self.op not in ("update", "remove"):
            return False
        return digest(self.there) not in self.owned.digests


def merge(language: Language, existing: Existing, spots: Sequence[Spot]) -> Merged:
    """Put into a file what each spot shall hold; of what is not ours nothing is changed.

    Only entries that the ledger lists for the bot are updated or removed. Any other entry at a spot
    is a conflict, unless it is equal: then it is taken over. Raises SpliceError where the text is
    broken or cannot be edited.
    """
    before = existing.text or ""
    found = [_find(language.editor, existing, spot) for spot in spots]
    after = _edited(language.editor, before, found)
    is_left_empty = bool(existing.ledger.whole) and after != before and not after.strip()
    return Merged(
        None if is_left_empty else after,
        _ledger(language, existing, found),
        _changes(found),
        tuple(one.conflict for one in found if one.conflict),
        shown=frozenset(word for one in found for word in _words_of(one)),
    )


def _edited(editor: Editor, text: str, found: Sequence[_Found]) -> str:
    """Return `text` with what shall be put and without what shall go.

    All entries of one parent change in one pass: reading a large file is most of the work.
    """
    puts: dict[Path, dict[Any, Plain]] = {}
    removes: dict[Path, dict[Any, Trace | None]] = {}
    for one in found:
        *parent, last = one.spot.path
        if one.op in ("add", "update"):
            puts.setdefault(tuple(parent), {})[last] = one.spot.wanted
        elif one.op == "remove" and one.owned:
            removes.setdefault(tuple(parent), {})[last] = one.owned.trace
    for path, entries in puts.items():
        text = editor.put_all(text, path, entries)
    for path, traces in removes.items():
        text = editor.remove_all(text, path, traces)
    return text


def create(language: Language, existing: Existing, rendering: str, spots: Sequence[Spot]) -> Merged:
    """Make `rendering` the whole of a file that is not there or is ours; "" makes it no file."""
    found = [_find(language.editor, existing, spot) for spot in spots]
    changes = _changes(found)
    if not changes and existing.text not in (None, rendering):
        changes = (Change("update", "the file as a whole"),)
    said = [language.editor.get(text, ()) for text in (existing.text or "", rendering)]
    shown = frozenset(words(said))
    if not rendering:
        return Merged(None, Ledger(), changes, shown=shown)
    kept = [spot for spot in spots if spot.wanted is not ABSENT]
    entries = {
        spot.at: Owned(spot.at, existing.bot, (digest(spot.wanted),), _NOTHING) for spot in kept
    }
    ledger = Ledger(freeze(entries), existing.bot, (digest(rendering),))
    return Merged(rendering, ledger, changes, shown=shown)


def read(language: Language, rendering: str, path: Path, name: str) -> Plain:
    """Return what a rendering says at `path`. Raises FileError: a template of the user's is broken."""
    try:
        return language.editor.get(rendering, path)
    except SpliceError as error:
        raise FileError(
            f"{error.in_file(name)}, as it is rendered", hint="mend the template of this file"
        ) from error


def _find(editor: Editor, existing: Existing, spot: Spot) -> _Found:
    there = editor.get(existing.text or "", spot.path, ABSENT)
    owned = existing.ledger.entries.get(spot.at)
    if there is ABSENT:
        return _Found(spot, there, owned, None if spot.wanted is ABSENT else "add")
    if owned and owned.bot != existing.bot:
        return _Found(spot, there, None, conflict=_of_another_bot(spot, owned.bot))
    if owned and spot.wanted is ABSENT:
        return _Found(spot, there, owned, "remove")
    if digest(there) == digest(spot.wanted):
        return _Found(spot, there, owned, None if owned else "take")
    if owned:
        return _Found(spot, there, owned, "update")
    return _Found(spot, there, None, conflict=_of_somebody_else(spot))


def _of_another_bot(spot: Spot, bot: str) -> Conflict:
    return Conflict(
        f"{spot.name} is there already, for bot {bot}",
        f"take it out with `provision install {bot} --remove`, or give ours another name",
    )


def _of_somebody_else(spot: Spot) -> Conflict:
    return Conflict(
        f"{spot.name} is there already, says something else and was not put there by provision",
        "remove it, or give ours another name in the site: clients: [{name: ...}]",
    )


def _changes(found: Iterable[_Found]) -> tuple[Change, ...]:
    return tuple(Change(one.op, one.spot.name, edited=one.is_edited) for one in found if one.op)


def _ledger(language: Language, existing: Existing, found: Iterable[_Found]) -> Ledger:
    ledger = existing.ledger
    entries = dict(ledger.entries)
    for one in found:
        at = one.spot.at
        if one.conflict:
            continue
        if one.spot.wanted is ABSENT:
            entries.pop(at, None)
            continue
        is_new = one.op == "add" or one.owned is None
        trace = _trace(language, existing, one.spot) if is_new else entries[at].trace
        entries[at] = Owned(at, existing.bot, (digest(one.spot.wanted),), trace)
    return Ledger(freeze(entries), ledger.bot, ledger.whole) if entries else Ledger()


def _trace(language: Language, existing: Existing, spot: Spot) -> Trace:
    """Return what is around a new entry, as it would be without the entries of ours beside it."""
    beside = {
        owned.at: owned.trace
        for owned in existing.ledger.entries.values()
        if owned.at[:-1] == spot.at[:-1]
    }
    return language.trace(existing.text or "", spot.path, beside)


def _words_of(found: _Found) -> Iterator[str]:
    yield from words(found.spot.at)
    yield ".".join(found.spot.at)
    if found.spot.wanted is not ABSENT:
        yield from words(found.spot.wanted)
    if found.owned and found.there is not ABSENT:
        yield from words(found.there)


__all__ = [
    "ABSENT", "JSON", "TOML", "YAML", "Change", "Conflict", "Existing", "Language", "Merged", "Op", "Spot",
    "create", "merge", "read",
]  # fmt: skip
