"""What is wrong with a site, said in the words of the site file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from provisioner.errors import Problem
from provisioner.schema.faults import TEXT, Fault, FaultKind, Path
from provisioner.values import Plain

CODES: Final[Mapping[str, str]] = {
    "PV040": "unknown key",
    "PV041": "missing key",
    "PV042": "wrong type",
    "PV043": "bad name",
    "PV044": "bad value",
    "PV045": "unsupported role version",
}


def described(fault: Fault) -> Problem:
    """Return the problem, without its place, that a fault of a site is."""
    return _TEXTS[fault.kind](fault)


def dotted(path: Path) -> str:
    """Return a path as it is written in messages: `roles.dev.tools[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{short(part)}" if text else short(part)
    return text or "the site file"


def short(word: object) -> str:
    """Return a word of the user's as a message names it: at most 80 characters of it."""
    text = str(word)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def called(value: Plain) -> str:
    """Return what a person would call a value: `a list`, `the number 18.8`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text `{value}`" if len(value) <= _SHORT else "text"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def _unknown_key(fault: Fault) -> Problem:
    key, parent = fault.path[-1], fault.path[:-1]
    where = f" in {dotted(parent)}" if parent else ""
    hint = _nearest(str(key), fault.known, "known keys")
    return Problem("PV040", "error", f"unknown key `{short(key)}`{where}", hint)


def _nearest(word: str, known: Sequence[str], called_so: str) -> str:
    """Return the hint for a word that is none of those that are known."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"{called_so}: {', '.join(known)}"


def _missing(fault: Fault) -> Problem:
    key, parent = fault.path[-1], fault.path[:-1]
    where = f" in {dotted(parent)}" if parent else ""
    return Problem("PV041", "error", f"`{key}` is missing{where}", _EXAMPLES.get(key, ""))


def _wrong_type(fault: Fault) -> Problem:
    path, value = fault.path, fault.value
    is_secret = _is_header(path)
    cure = fault.hint
    if path[-1:] and str(path[-1]).endswith("_ttl"):
        cure = "write it as text with a unit, such as 12h"
    elif fault.message == TEXT and isinstance(value, bool | int | float):
        said = str(value).lower() if isinstance(value, bool) else value
        cure = "quote it" if is_secret else f'quote it: "{said}"'
    elif value is None:
        cure = "a key without a value is null; `{}` or `[]` means none"
    found = "another value" if is_secret else called(value)
    message = f"{dotted(path)}: expected {fault.message}, found {found}"
    return Problem("PV042", "error", message, cure)


def _is_header(path: Path) -> bool:
    """Whether a value stands in the headers of an app, where it may be a secret."""
    return path[2:4] == ("app", "headers")


def _bad_name(fault: Fault) -> Problem:
    where = dotted(fault.path)
    if fault.on_key:
        where = f"{dotted(fault.path[:-1])}: `{short(fault.path[-1])}`"
    return Problem("PV043", "error", f"{where}: {fault.message}", fault.hint)


def _bad_value(fault: Fault) -> Problem:
    return Problem("PV044", "error", f"{dotted(fault.path)}: {fault.message}", fault.hint)


def _no_choice(fault: Fault) -> Problem:
    path = fault.path
    if path[:1] == ("roles",) and path[-1] == "version":
        return _role_version(fault.value)
    if path == ("version",):
        message = "the site file's version is the number 1"
        return Problem("PV044", "error", f"version: {message}", "write version: 1")
    return Problem("PV044", "error", f"{dotted(path)}: expected {fault.options}")


def _role_version(value: Plain) -> Problem:
    if value == "v9":
        return Problem(
            "PV045",
            "error",
            "role version v9 is not supported: it needs Teleport 19, and agents of 18 would "
            "drop the role's app labels when it is downgraded for them",
            "write v8, which Teleport 18 and 19 both take",
        )
    return Problem(
        "PV045",
        "error",
        f"role version must be v6, v7 or v8, found {called(value)}",
        "v8 is the default: the key can be left out",
    )


def _unknown_method(fault: Fault) -> Problem:
    word = str(fault.value)
    message = f"{dotted(fault.path[:-1])}: there is no join method `{short(word)}`"
    return Problem("PV044", "error", message, _nearest(word, fault.known, "there are"))


_SHORT: Final = 40
_LONG: Final = 80
_EXAMPLES: Final[Mapping[str | int, str]] = {
    "version": "add version: 1",
    "site": "add site: NAME, the name under which this tool marks what it owns",
    "teleport": "add teleport: {proxy: example.teleport.sh:443}",
    "proxy": "add proxy: example.teleport.sh:443",
    "method": "add method: github",
    "path": "add the directory in which tbot keeps the identity, such as /opt/machine-id",
}
_TEXTS: Final[Mapping[FaultKind, Callable[[Fault], Problem]]] = {
    "unknown": _unknown_key,
    "missing": _missing,
    "type": _wrong_type,
    "name": _bad_name,
    "value": _bad_value,
    "choice": _no_choice,
    "variant": _unknown_method,
}
