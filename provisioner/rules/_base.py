"""What a rule is: a code, a severity, a sentence, and a function from a site to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provisioner.errors import Severity
from provisioner.model import Site

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Where in the site a rule is broken, in what way, and the cure.

    `on_key` points at the key of the entry instead of at its value.
    """

    path: Path
    message: str
    hint: str = ""
    on_key: bool = False
    related: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `title` is what the documentation calls it."""

    code: str
    severity: Severity
    title: str
    find: Callable[[Site], Iterable[Finding]]
