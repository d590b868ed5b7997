"""Whether documents that claim to come from a cluster are made as Teleport makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from provisioner.values import SEQUENCES, Plain, canonical_json, is_mapping

_JUDGED: Final = frozenset(
    [
        "aws_iid_ttl",
        "client_idle_timeout",
        "expires",
        "max_duration",
        "max_session_ttl",
        "must_register_before",
        "period",
        "rotate_after",
    ]
)
"""What is judged by its value, a time or a length of time, and not by its type alone."""


class Shapes:
    """Holds documents to the types of Teleport's fields; of many that are alike, the first one."""

    def __init__(self, check: Callable[[Plain], None]) -> None:
        self._check: Final = check
        self._sound: Final[set[Plain]] = set()

    def check(self, body: Plain) -> None:
        """Take one document of plain values. Raises what the check raises."""
        shape = (body["kind"], _shape(body))
        if shape not in self._sound:
            _require_items(body)
            self._check(body)
            self._sound.add(shape)


def _require_items(value: Plain) -> None:
    """Raise ValueError for null in a list, which Go never writes. As the value of a name it may."""
    if isinstance(value, SEQUENCES) and None in value:
        raise ValueError("null stands in a list")
    for part in value.values() if is_mapping(value) else value:
        if is_mapping(part) or isinstance(part, SEQUENCES):
            _require_items(part)


def _shape(value: Plain) -> Plain:
    """Return what types stand where in a value: what has the shape of something sound is sound."""
    if is_mapping(value):
        return tuple(
            [
                (name, canonical_json(item))
                if name in _JUDGED
                else (name, str if type(item) is str else _shape(item))
                for name, item in value.items()
            ]
        )
    if isinstance(value, SEQUENCES):
        return (list, *[str if type(item) is str else _shape(item) for item in value])
    return type(value)
