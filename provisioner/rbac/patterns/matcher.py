r"""Teleport's one matcher: names of tools and values of labels against the texts in a role.

A text that begins with `^` and ends with `$` is a regular expression as it stands; in any other
text only `*` is special (any characters but a newline), and all of it must match. Case counts.
Source: Teleport lib/utils/replace.go (CompileExpression, SliceMatchesRegex) and
lib/services/role.go (MatchLabelGetter).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Final, Literal

from msgspec import Struct

from provisioner.rbac.engine import re2
from provisioner.rbac.patterns._base import PatternError

Kind = Literal["literal", "glob", "regex"]

_UNSUPPORTED: Final = (
    (r"\(\?<?[=!]", "look-ahead and look-behind"),
    (r"\\[1-9]|\(\?P=", "back-references"),
    (r"\(\?>|[*+?}]\+", "atomic groups and possessive quantifiers"),
    (r"\\[ZG]", r"\Z and \G (write $ or \z)"),
)
_GO_REFUSES: Final = (  # and RE2 in C++ does not
    (r"(?:^|[^\\])(?:\\\\)*\\C", r"invalid escape sequence: \C"),
    (r"\(\?P?<[^>=!]*[^\x00-\x7f>]", "invalid named capture"),
)


class Pattern(Struct, frozen=True, eq=False):
    """A text that Teleport can compile, made by `compile_pattern`."""

    text: str
    kind: Kind
    _test: Callable[[str], bool]

    def matches(self, name: str) -> bool:
        """Say whether Teleport takes `name` for a match."""
        return self._test(name)


@lru_cache(maxsize=50_000)
def compile_pattern(text: str) -> Pattern:
    """Return what Teleport makes of `text`. Raises PatternError."""
    if text.startswith("^") and text.endswith("$"):
        return Pattern(text, "regex", _regex(text))
    head, *tails = text.split("*")
    if not tails:
        return Pattern(text, "literal", text.__eq__)
    if len(tails) == 1:
        return Pattern(text, "glob", partial(_between, head, tails[0]))
    return Pattern(text, "glob", _regex(f"^{'.*'.join(map(re2().escape, (head, *tails)))}$"))


def _between(head: str, tail: str, name: str) -> bool:
    """Match a glob with one star, much faster than by RE2; a star does not stand for newlines."""
    return (
        len(name) >= len(head) + len(tail)
        and name.startswith(head)
        and name.endswith(tail)
        and "\n" not in name[len(head) : len(name) - len(tail)]
    )


def matches_any(texts: Iterable[str], name: str) -> str | None:
    """Return the first of `texts` that matches `name`, or None.

    The first text that matches or cannot be compiled ends the search, so the order counts.
    Raises PatternError for the latter.
    """
    for text in texts:
        if compile_pattern(text).matches(name):
            return text
    return None


def _regex(expression: str) -> Callable[[str], bool]:
    reasons = [reason for trace, reason in _GO_REFUSES if re.search(trace, expression)]
    try:
        search = re2().compile(expression.encode(), _options()).search
    except re2().error as error:
        reasons = [error.args[0].decode(errors="replace")]
    if reasons:
        raise PatternError(
            f"RE2 cannot compile {expression!r}: {reasons[0]}", hint=_explained(expression)
        )
    return lambda name: search(name.encode()) is not None


def _options() -> object:
    options = re2().Options()
    options.log_errors = False
    options.never_capture = True
    return options


def _explained(expression: str) -> str:
    for trace, feature in _UNSUPPORTED:
        if re.search(trace, expression):
            return f"RE2 has no {feature}; see https://github.com/google/re2/wiki/Syntax"
    return ""


class LabelMatch(Struct, frozen=True):
    """Whether a selector matches, and what decided it.

    "everything": `'*': '*'`. "keys": all keys matched. "empty": the selector selects nothing.
    "no key": the target lacks `key`. "no value": its value at `key` is `value`, which is not
    selected.
    """

    matched: bool
    why: Literal["everything", "keys", "empty", "no key", "no value"]
    key: str = ""
    value: str = ""


class LabelSelector(Struct, frozen=True):
    """The labels that a role asks for: every key, each with at least one of its values."""

    wanted: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, str | Sequence[str]] | None) -> LabelSelector:
        """Read a selector as roles write it: text or a list of texts for each key."""
        return cls(
            tuple(
                (key, (values,) if isinstance(values, str) else tuple(values))
                for key, values in (labels or {}).items()
            )
        )

    def match(self, target: Mapping[str, str]) -> LabelMatch:
        """Hold the selector against the labels of a server.

        Raises PatternError for a value that cannot be compiled, if no key rules the target out.
        (Teleport looks at the keys in random order, so where both are true it answers either way.)
        """
        if not self.wanted:
            return LabelMatch(matched=False, why="empty")
        if ("*", ("*",)) in self.wanted:
            return LabelMatch(matched=True, why="everything")
        broken: PatternError | None = None
        for key, values in self.wanted:
            if key not in target:
                return LabelMatch(matched=False, why="no key", key=key)
            try:
                if "*" not in values and matches_any(values, target[key]) is None:
                    return LabelMatch(matched=False, why="no value", key=key, value=target[key])
            except PatternError as error:
                broken = error
        if broken:
            raise broken
        return LabelMatch(matched=True, why="keys")
