"""What a rule is: a code, a severity, a sentence, and a function from its subject to findings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from typing import Final, Generic, TypeVar

from msgspec import Struct

from provisioner.errors import Severity

S = TypeVar("S")

Path = tuple[str | int, ...]

SYNTAX: Final = "Teleport's regular expressions are Go's: https://pkg.go.dev/regexp/syntax"
"""The cure for a pattern that has no better one."""

LONGEST_LIFE: Final = "168h"
"""The longest life of what Teleport issues to a bot, since 18.0: `MaxRenewableCertTTL` in lib/defaults.

Its reference goes on to say 24h; https://github.com/gravitational/teleport/pull/53893 raised it.
"""


class Finding(Struct, frozen=True):
    """Where in the site a rule is broken, in what way, and the cure.

    `on_key` points at the key of the entry instead of at its value. `word` is what was written
    where one of the `known` words was expected.
    """

    path: Path
    message: str
    hint: str = ""
    on_key: bool = False
    related: tuple[Path, ...] = ()
    word: str = ""
    known: Collection[str] = ()

    @property
    def cure(self) -> str:
        """The known word that was meant, or else the hint. Slow: only for what is shown."""
        close = difflib.get_close_matches(self.word, self.known, n=1) if self.word else ()
        return f"did you mean {close[0]}?" if close else self.hint


class Rule(Struct, Generic[S], frozen=True):
    """One rule about subjects `S`; `title` is what the documentation calls it.

    A `firm` rule cannot be configured, `because` of what is said there: most refuse what can be
    neither rendered nor applied, or would give away what provision promises of ownership and secrets.
    """

    code: str
    severity: Severity
    title: str
    find: Callable[[S], Iterable[Finding]]
    firm: bool = False
    because: str = "what it refuses can be neither rendered nor applied"
