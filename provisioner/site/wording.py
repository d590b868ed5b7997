"""What pydantic finds, said in the words of the site file.

Every error type that the model can raise has its own text here; a test enumerates them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeGuard, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from provisioner.errors import Problem
from provisioner.site.model import Site
from provisioner.values import Plain

Loc = tuple[str | int, ...]
Describe = Callable[[ErrorDetails, Loc], Problem]

CODES: Final[Mapping[str, str]] = {
    "PV040": "unknown key",
    "PV041": "missing key",
    "PV042": "wrong type",
    "PV043": "bad name",
    "PV044": "bad value",
    "PV045": "unsupported role version",
}


def described(error: ErrorDetails, path: Loc) -> Problem:
    """Return the problem, without its place, that pydantic's `error` at `path` means."""
    return TEXTS.get(error["type"], _unforeseen)(error, path)


def dotted(path: Loc) -> str:
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


def _unknown_key(error: ErrorDetails, path: Loc) -> Problem:
    known = _keys_at(error["loc"][:-1])
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
    where = f" in {dotted(path[:-1])}" if path[:-1] else ""
    return Problem("PV040", "error", f"unknown key `{short(path[-1])}`{where}", hint)


def _missing(_error: ErrorDetails, path: Loc) -> Problem:
    where = f" in {dotted(path[:-1])}" if path[:-1] else ""
    return Problem("PV041", "error", f"`{path[-1]}` is missing{where}", _EXAMPLES.get(path[-1], ""))


def _wrong_type(wanted: str, hint: str = "") -> Callable[[ErrorDetails, Loc], Problem]:
    def describe(error: ErrorDetails, path: Loc) -> Problem:
        value = error["input"]
        is_secret = _is_header(path)
        cure = hint
        if path[-1:] and str(path[-1]).endswith("_ttl"):
            cure = "write it as text with a unit, such as 12h"
        elif wanted == "text" and isinstance(value, bool | int | float):
            said = str(value).lower() if isinstance(value, bool) else value
            cure = "quote it" if is_secret else f'quote it: "{said}"'
        elif value is None:
            cure = "a key without a value is null; `{}` or `[]` means none"
        found = "another value" if is_secret else called(value)
        return Problem("PV042", "error", f"{dotted(path)}: expected {wanted}, found {found}", cure)

    return describe


def _is_header(path: Loc) -> bool:
    """Whether a value stands in the headers of an app, where it may be a secret."""
    return path[2:4] == ("app", "headers")


def _bad_name(error: ErrorDetails, path: Loc) -> Problem:
    message, hint = _PATTERNS.get(error["ctx"]["pattern"], ("this text is not allowed here", ""))
    return Problem(
        "PV043",
        "error",
        f"{dotted(path[:-1])}: `{short(path[-1])}`: {message}"
        if "[key]" in error["loc"]
        else f"{dotted(path)}: {message}",
        hint,
    )


def _length(error: ErrorDetails, path: Loc) -> Problem:
    if error["type"] == "string_too_short":
        return Problem(
            "PV044", "error", f"{dotted(path)}: must not be empty", "remove it, or fill it"
        )
    return Problem(
        "PV044", "error", f"{dotted(path)}: longer than {error['ctx']['max_length']} characters"
    )


def _literal(error: ErrorDetails, path: Loc) -> Problem:
    if path[:1] == ("rules",) and not _CODE(str(path[-1])):
        return _unknown_key(error, path)
    if path[:1] == ("roles",) and path[-1] == "version":
        if error["input"] == "v9":
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
            f"role version must be v6, v7 or v8, found {called(error['input'])}",
            "v8 is the default: the key can be left out",
        )
    return Problem("PV044", "error", f"{dotted(path)}: expected {error['ctx']['expected']}")


def _custom(error: ErrorDetails, path: Loc) -> Problem:
    ctx = error["ctx"]
    return Problem("PV044", "error", f"{dotted(path)}: {ctx['message']}", ctx["hint"])


def _unknown_method(error: ErrorDetails, path: Loc) -> Problem:
    tag, known = error["ctx"]["tag"], error["ctx"]["expected_tags"].replace("'", "").split(", ")
    close = difflib.get_close_matches(tag, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(known)}"
    message = f"{dotted(path)}: there is no join method `{short(tag)}`"
    return Problem("PV044", "error", message, hint)


def _no_method(_error: ErrorDetails, path: Loc) -> Problem:
    return Problem("PV041", "error", f"`method` is missing in {dotted(path)}", "add method: github")


def _number(error: ErrorDetails, path: Loc) -> Problem:
    return Problem("PV044", "error", f"{dotted(path)}: must be {error['ctx']['ge']} or more")


def _unforeseen(error: ErrorDetails, path: Loc) -> Problem:
    return Problem("PV044", "error", f"{dotted(path)}: {error['msg']}")


def _keys_at(path: Loc) -> tuple[str, ...]:
    """Return the keys that the model knows at `path`."""
    kind: object = Site
    for part in path:
        kind = _inside(kind, part)
    return tuple(kind.model_fields) if _is_model(kind) else ()


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(kind: object, part: str | int) -> object:
    """Return the type of what stands under `part` in a value of type `kind`, bare of decoration."""
    if _is_model(kind):
        field = kind.model_fields.get(str(part))
        return _bare(field.annotation) if field else None
    arguments = get_args(kind)  # of Mapping[key, value], tuple[item, ...] or one of several models
    if not arguments:
        return None
    if all(_is_model(item) for item in arguments) and isinstance(part, str):
        return next((item for item in arguments if part in _methods(item)), None)
    return _bare(arguments[0] if isinstance(part, int) else arguments[1])


def _methods(kind: object) -> tuple[object, ...]:
    return get_args(kind.model_fields["method"].annotation) if _is_model(kind) else ()


def _bare(kind: object) -> object:
    """Take `Annotated[...]` and `... | None` away."""
    arguments = get_args(kind)
    if hasattr(kind, "__metadata__"):
        return _bare(arguments[0])
    if type(None) in arguments:
        return _bare(next(item for item in arguments if item is not type(None)))
    return kind


_CODE: Final = re.compile(r"PV\d{3}").fullmatch
_SHORT: Final = 40
_LONG: Final = 80
_EXAMPLES: Final[Mapping[str | int, str]] = {
    "version": "add version: 1",
    "site": "add site: NAME, the name under which this tool marks what it owns",
    "teleport": "add teleport: {proxy: example.teleport.sh:443}",
    "proxy": "add proxy: example.teleport.sh:443",
    "path": "add the directory in which tbot keeps the identity, such as /opt/machine-id",
}
_PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": (
        (
            "a name is lower-case letters, digits and hyphens, begins with a letter or digit "
            "and has at most 63 characters"
        ),
        "",
    ),
    r"^[0-9A-Za-z@_:.+-]{1,255}$": (
        "Teleport allows letters, digits and @ _ : . + - in names",
        "names with spaces, slashes or other characters cannot exist",
    ),
    r"^[a-zA-Z/.0-9_:*-]+$": (
        "Teleport allows letters, digits and / . _ : * - in label keys",
        "",
    ),
    r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$": (
        "an MCP server entry is named with letters, digits and hyphens, as every client accepts",
        "",
    ),
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": ("this is not the name of an environment variable", ""),
    r"^[A-Za-z0-9_]{1,64}$": (
        "a tag is letters, digits and underscores: it ends the name of an environment variable",
        "write TAG where the workspace sets TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG",
    ),
    r"^[a-z0-9.-]{1,253}:[a-z0-9.-]{1,253}$": (
        "a service account is NAMESPACE:NAME",
        "write agents:claude for the account claude in the namespace agents",
    ),
    r"^[a-z0-9][a-z0-9.-]{0,252}$": ("this cannot be the name of a Kubernetes secret", ""),
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$": ("this is not an HTTP header name", ""),
    r"^[A-Za-z][A-Za-z0-9-]{0,19} $": (
        "a prefix is the name of a scheme and a space",
        'write "Bearer "; the value itself is in the variable or in the file',
    ),
}

TEXTS: Final[Mapping[str, Describe]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "string_type": _wrong_type("text"),
    "bool_type": _wrong_type("true or false"),
    "dict_type": _wrong_type("a mapping"),
    "mapping_type": _wrong_type("a mapping"),
    "model_type": _wrong_type("a mapping"),
    "model_attributes_type": _wrong_type("a mapping"),
    "int_type": _wrong_type("a number"),
    "greater_than_equal": _number,
    "union_tag_invalid": _unknown_method,
    "union_tag_not_found": _no_method,
    "tuple_type": _wrong_type("a list"),
    "string_pattern_mismatch": _bad_name,
    "string_too_short": _length,
    "string_too_long": _length,
    "literal_error": _literal,
    **dict.fromkeys(
        (
            "servers",
            "template_path",
            "site_version",
            "text_or_list",
            "duration",
            "time",
            "day",
            "version",
            "host_port",
            "path",
            "storage",
        ),
        _custom,
    ),
}
