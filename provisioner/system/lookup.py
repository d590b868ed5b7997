"""What a reference of a site leads to, on this machine: an environment variable, or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from provisioner.errors import FileError, Unresolved
from provisioner.system import files
from provisioner.values import Secret

_LARGEST: Final = 64 * 1024  # bytes, more than any server takes for a header


def look_up(reference: Mapping[str, str]) -> Secret:
    """Return the value that `{env: NAME}` or `{file: PATH}` names, behind its `prefix`.

    One line break at the end of a file does not count. Raises Unresolved, which names the variable or
    the file and never what is in it.
    """
    value = _of_file(reference["file"]) if "file" in reference else _of_variable(reference["env"])
    return Secret(reference.get("prefix", "") + value)


def _of_variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise Unresolved(
            f"environment variable {name} is not set", hint=f"set {name} to the value of the header"
        )
    return _checked(value, f"environment variable {name}")


def _of_file(path: str) -> str:
    try:
        text = files.read_bytes(Path(path), limit=_LARGEST).decode()
    except FileError as error:
        raise Unresolved(error.message, hint=error.hint) from error
    except UnicodeDecodeError:
        raise Unresolved(f"{path}: not UTF-8", hint="put the value of the header into it") from None
    return _checked(text.removesuffix("\n").removesuffix("\r"), path)


def _checked(value: str, where: str) -> str:
    """Return a value that can be sent as a header. Raises Unresolved."""
    if not value:
        raise Unresolved(f"{where} is empty", hint="put the value of the header into it")
    if not value.isprintable():
        raise Unresolved(
            f"{where} holds a line break, or another character that no header can have",
            hint="put the value of the header into it, on one line",
        )
    return value
