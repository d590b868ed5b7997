"""RE2, which runs Teleport's regular expressions; loaded when the first one has to be run, as few have."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType


@cache
def re2() -> ModuleType:
    """Return the library: https://github.com/google/re2."""
    return importlib.import_module("re2")
