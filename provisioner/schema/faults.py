"""What can be wrong with a value, as values; how that is said to people is up to who reads the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from provisioner.values import Plain

Path = tuple[str | int, ...]
"""Where something stands in a value: the keys and indices that lead to it."""

MAPPING: Final = "a mapping"
TEXT: Final = "text"
"""What was wanted, as the `message` of a fault of type says it."""

FaultKind = Literal["unknown", "missing", "type", "name", "value", "choice", "variant"]


class Fault(Struct, frozen=True):
    """One thing that is wrong with what stands at `path`.

    `unknown`: a key that `known` does not have. `missing`: a key that has to be there. `type`:
    `message` is what was wanted. `name` and `value`: text or a number that cannot be, `message` says
    why. `choice`: none of `known`. `variant`: a word that should have said, as one of `known`, what
    else there is. With `on_key` it is the key that is wrong, and not what stands under it.
    """

    kind: FaultKind
    value: Plain
    message: str = ""
    hint: str = ""
    known: tuple[str, ...] = ()
    path: Path = ()
    on_key: bool = False

    @property
    def options(self) -> str:
        """What there is instead, as a sentence has it: `a, b or c`."""
        *others, last = self.known
        return f"{', '.join(others)} or {last}" if others else last


class Wrong(Exception):
    """A value is not what was declared; `faults` are all that is wrong with it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults

    def under(self, step: str | int) -> Iterator[Fault]:
        """Yield the faults as they are seen from outside, where the value stands under `step`."""
        return (replace(fault, path=(step, *fault.path)) for fault in self.faults)
