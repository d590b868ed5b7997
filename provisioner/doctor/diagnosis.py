"""What a doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: whether it is well, what was found, and the cure if it is not."""

    well: bool
    what: str
    found: str
    hint: str = ""
