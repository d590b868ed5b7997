"""One value in one language, written so that nothing in it is read as structure."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

from msgspec import Struct

_PLAIN: Final = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@*+-]|:(?=[A-Za-z0-9_/.*-]))*").fullmatch
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LONGEST: Final = 1000  # YAML gives up looking for the colon after a key of 1,024 characters
_WIDTH: Final = 72
_LISTS: Final = (list, tuple)
_CONTAINERS: Final = (list, tuple, Mapping)

# What no reader can see, or what some parser takes for a newline: all that `source` refuses to
# read unescaped, NBSP, and halves of surrogate pairs.
_HIDDEN: Final = re.compile(
    "[\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def _encode(text: str, escape: Callable[[re.Match[str]], str]) -> str:
    """Return `text` in double quotes, with `escape` for each character that could not be seen."""
    written: str = encode_basestring(text)
    return written if text.isascii() and text.isprintable() else _HIDDEN.sub(escape, written)


def _x(match: re.Match[str]) -> str:
    return rf"\x{ord(match[0]):02x}" if match[0] <= "\xff" else _u(match)


def _u(match: re.Match[str]) -> str:
    code = ord(match[0])
    if "\ud800" <= match[0] <= "\udfff":
        raise ValueError(f"half a surrogate pair (U+{code:04X}) is not text")
    return rf"\u{code:04x}" if match[0] <= "\uffff" else rf"\U{code:08x}"


def _pair(match: re.Match[str]) -> str:
    """JSON alone has no escape for what takes more than four digits."""
    return json.dumps(match[0])[1:-1] if match[0] > "\uffff" else _u(match)


def _yaml_text(text: str) -> str:
    return _short_yaml(text) if len(text) <= _LONGEST else _encode(text, _x)


@lru_cache(maxsize=4096)
def _short_yaml(text: str) -> str:
    return text if _PLAIN(text) and text.lower() not in _WORDS else _encode(text, _x)


def _json_text(text: str) -> str:
    return _encode(text, _pair)


def _quoted(text: str) -> str:
    return _encode(text, _u)


class Language(Struct, frozen=True):
    """How one language writes plain values: text, numbers, booleans, None, lists and mappings."""

    name: str
    text: Callable[[str], str]
    null: str | None = "null"
    true: str = "true"
    false: str = "false"
    pair: str = ": "
    longest_key: int = sys.maxsize

    def write(self, value: object) -> str:
        """Return `value` as one value of this language, on one line.

        Raises TypeError on what is not a plain value, ValueError on a number or a character
        that the language cannot say.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, _LISTS):
            return f"[{', '.join(map(self.write, value))}]"
        if isinstance(value, bool):
            return self.true if value else self.false
        if isinstance(value, int):
            return int.__repr__(value)
        if isinstance(value, float):
            return _decimal(value)
        if isinstance(value, Mapping):
            pairs = (f"{self.key(key)}{self.pair}{self.write(item)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
        if value is None and self.null is not None:
            return self.null
        raise TypeError(f"{_a(value)} cannot be written in {self.name}")

    def key(self, value: object) -> str:
        """Return `value` as the key of a mapping; raises TypeError unless it is text."""
        if not isinstance(value, str):
            raise TypeError(f"{_a(value)} cannot be a key: keys are text")
        written = self.text(value)
        if len(written) > self.longest_key:
            raise ValueError(f"a key of {len(value)} characters is too long for {self.name}")
        return written

    def lines(self, value: object) -> list[str]:
        """Return `value` on as many lines as read well; raises what `write` raises."""
        return [self.write(value)]


class _Yaml(Language, frozen=True):
    def lines(self, value: object) -> list[str]:
        """Return `value` in block style; lists of scalars stay on one line where that reads well."""
        return _lines(value)


def _lines(value: object) -> list[str]:
    if not value or not isinstance(value, _CONTAINERS):
        return [YAML.write(value)]
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _entry(f"{YAML.key(key)}:", item)]
    return [line for item in value for line in _item(item)]


def _entry(head: str, value: object) -> list[str]:
    """Return the lines of `head` and its value: beside it where that reads well, else below."""
    if type(value) is str:
        return [f"{head} {_yaml_text(value)}"]
    if not value or not isinstance(value, _CONTAINERS):
        return [f"{head} {YAML.write(value)}"]
    if isinstance(value, _LISTS) and not any(map(_is_container, value)):
        line = f"{head} {YAML.write(value)}"
        if len(line) <= _WIDTH:
            return [line]
    return [head, *(f"  {line}" for line in _lines(value))]


def _is_container(value: object) -> bool:
    return type(value) is not str and isinstance(value, _CONTAINERS)


def _item(value: object) -> list[str]:
    if isinstance(value, _LISTS):
        return [f"- {YAML.write(value)}"]
    first, *rest = _lines(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _decimal(number: float) -> str:
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a number that can be written")
    digits, exponent, power = repr(number).partition("e")
    # YAML 1.1 takes 1e+20 for text: there, a float has a point.
    return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"


def _a(value: object) -> str:
    return f"a value of type {type(value).__name__}"


YAML: Final = _Yaml("YAML", _yaml_text, longest_key=_LONGEST)
JSON: Final = Language("JSON", _json_text)
TOML: Final = Language("TOML", _quoted, null=None, pair=" = ")
PYTHON: Final = Language("Python", _quoted, "None", "True", "False")
HTML: Final = Language("HTML", lambda text: text, null="")

scalar: Final = YAML.write
"""Return a plain value as one YAML scalar, lists and mappings in flow style, on one line."""
