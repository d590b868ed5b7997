"""What a diff may show of an entry: its words, without those that look like secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from provisioner.values import Plain, is_mapping

_WORD: Final = re.compile(r"[^\s\"'\[\]{},]+")
_SECRET_KEY: Final = re.compile(
    r"env|environment|envs|headers|.*(?:token|secret|password|passwd|authorization|api_?key).*",
    re.IGNORECASE,
)


def words(value: Plain) -> Iterator[str]:
    """Yield the keys of `value`, and its texts and numbers but for those of secrets, word by word."""
    if is_mapping(value):
        for key, item in value.items():
            yield key
            if not _SECRET_KEY.fullmatch(key):
                yield from words(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from words(item)
    elif isinstance(value, str):
        yield value
        yield from _WORD.findall(value)
    elif value is not None:
        yield str(value)
