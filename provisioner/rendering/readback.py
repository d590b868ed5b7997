"""Reads back what a template of the user's wrote: it must be of the language that its file names.

Ours are proven for every value; in another's a comma can be missing, and the client that reads the
file is the one that would tell, or would not.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final

import yaml

from provisioner.text.splice import SpliceError, jsonc


def fault(text: str, path: str) -> str:
    """Return why a text is not of the language that `path` ends in; "" if it is, or nobody can say.

    JSON may have comments and commas before closing brackets, as some clients read it; YAML may be
    several documents.
    """
    language, read = _READERS.get(PurePath(path).suffix, ("", None))
    why = read(text) if read and text.strip() else ""
    return f"this is no {language}: {why}" if why else ""


def _json(text: str) -> str:
    try:
        jsonc.get(text, ())
    except SpliceError as error:
        return str(error)
    return ""


def _toml(text: str) -> str:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return str(error)
    except RecursionError:
        return "nested too deeply"
    return ""


def _yaml(text: str) -> str:
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except yaml.YAMLError as error:
        return str(error).replace("\n", " ")
    return ""


def _python(text: str) -> str:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"line {line}: {getattr(error, 'msg', error)}" if line else str(error)
    return ""


_READERS: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    ".json": ("JSON", _json),
    ".toml": ("TOML", _toml),
    ".yaml": ("YAML", _yaml),
    ".py": ("Python", _python),
}

__all__ = ["fault"]
