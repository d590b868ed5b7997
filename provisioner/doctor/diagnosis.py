"""What a doctor says of one thing."""

from __future__ import annotations

from msgspec import Struct


class Diagnosis(Struct, frozen=True):
    """One thing that was looked at: whether it is well, what was found, and the cure if it is not."""

    well: bool
    what: str
    found: str
    hint: str = ""
