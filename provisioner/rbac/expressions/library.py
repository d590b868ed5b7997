"""The functions of Teleport's expressions that need nothing but their arguments.

Source: Teleport lib/utils/parse/parse.go (EmailLocal, RegexpReplace) and
lib/services/label_expressions.go.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Final

from provisioner.rbac.engine import re2
from provisioner.rbac.expressions._base import ExpressionError

Texts = tuple[str, ...]

_LETTER: Final = r"[\w!#$%&'*+/=?^`{|}~\x80-\U0010ffff-]"
_DOTTED: Final = rf"{_LETTER}+(?:\.{_LETTER}+)*"
_QUOTED: Final = r'"(?:[^"\\\r\n]|\\.)*"'
_ADDRESS: Final = rf"({_DOTTED}|{_QUOTED})@[ \t]*(?:{_DOTTED}|\[[^\[\]\\]*\])"
_MAILBOX: Final = (
    rf"[ \t]*(?:{_ADDRESS}|(?:{_LETTER}|[. \t]|{_QUOTED})*<[ \t]*{_ADDRESS}[ \t]*>)[ \t]*"
)
"""Compiled when it is first used, which few do: that takes longer than all else in this module."""
_REFERENCE: Final = r"\$(?:(\$)|(\w+)|\{(\w+)\})"


def contains(texts: Texts, text: str) -> bool:
    """Say whether `text` is one of `texts`."""
    return text in texts


def contains_any(texts: Texts, wanted: Texts) -> bool:
    """Say whether any of `wanted` is one of `texts`."""
    return not set(texts).isdisjoint(wanted)


def contains_all(texts: Texts, wanted: Texts) -> bool:
    """Say whether all of `wanted` are among `texts`; no for nothing wanted, as Teleport has it."""
    return bool(wanted) and set(texts).issuperset(wanted)


def upper(texts: Texts) -> Texts:
    """Return `texts` in upper case, character by character as Go does (ß stays)."""
    return tuple("".join(_one(c, c.upper(), c.title()) for c in text) for text in texts)


def lower(texts: Texts) -> Texts:
    """Return `texts` in lower case, character by character as Go does."""
    return tuple("".join(c.lower()[:1] for c in text) for text in texts)


def _one(char: str, *better: str) -> str:
    return next((other for other in better if len(other) == 1), char)


def email_local(texts: Texts) -> Texts:
    """Return what stands before the @ in each address, `Name <a@b>` included.

    Raises ExpressionError for what is not an address.
    """
    return tuple(local for text in texts if (local := _local_part(text)))


def _local_part(text: str) -> str:
    match = re.fullmatch(_MAILBOX, text)
    if match is None:
        raise ExpressionError(f"{text!r} is not an email address")
    local = match[1] or match[2]
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return local.partition("@")[0]


def regexp_replace(texts: Texts, expression: str, replacement: str) -> Texts:
    """Return the texts in which RE2 finds `expression`, each find replaced; empty ones are dropped.

    `$1` and `${name}` in `replacement` are groups. Raises ExpressionError.
    """
    regex = _regex(expression)
    replaced = (_replaced(regex, text, replacement) for text in texts if regex.search(text))
    return tuple(text for text in replaced if text)


@lru_cache(maxsize=2_000)
def _regex(expression: str) -> re.Pattern[str]:
    """Compile for RE2, whose objects have the interface of those of `re`."""
    options = re2().Options()
    options.log_errors = False
    try:
        regex: re.Pattern[str] = re2().compile(expression, options)
    except re2().error as error:
        reason = error.args[0].decode(errors="replace")
        raise ExpressionError(f"RE2 cannot compile {expression!r}: {reason}") from None
    return regex


def _replaced(regex: re.Pattern[str], text: str, replacement: str) -> str:
    pieces: list[str] = []
    end = 0
    for match in regex.finditer(text):
        pieces.append(text[end : match.start()])
        if match.end() > end or match.start() == 0:  # no empty find right behind another find
            pieces.append(re.sub(_REFERENCE, partial(_group, match), replacement))
        end = match.end()
    return "".join((*pieces, text[end:]))


def _group(match: re.Match[str], reference: re.Match[str]) -> str:
    dollar, *names = reference.groups()
    name = names[0] or names[1]
    if dollar:
        return "$"
    numbered = re.fullmatch("0|[1-9][0-9]*", name)
    key = int(name) if numbered else match.re.groupindex.get(name, -1)
    return (match.group(key) or "") if 0 <= key <= match.re.groups else ""
