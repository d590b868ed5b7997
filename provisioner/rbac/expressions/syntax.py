"""The text of an expression as a tree: the part of Go's expression syntax that Teleport accepts.

Source: github.com/gravitational/predicate (parse.go), which leaves the reading to go/parser. So a
newline behind a value ends the expression, as in Go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from provisioner.rbac.expressions._base import (
    Binary,
    Call,
    Constant,
    ExpressionError,
    Index,
    Name,
    Not,
    Tree,
)

DEEPEST: Final = 60
"""Parentheses, brackets and `!` inside each other beyond this are refused."""

_LEXEME: Final = r"""
    (?P<space>[ \t\r]+|//[^\n]*|/\*(?:(?!\*/)[^\n])*\*/)
  | (?P<newline>\n|/\*.*?\*/)
  | (?P<name>[^\W\d]\w*)
  | (?P<number>\d+)(?![\w.])
  | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
  | (?P<sign>&&|\|\||==|!=|[!()\[\],.])
    """
_ESCAPE: Final = (
    r"([^\\]+)|\\([abfnrtv\\\"])|\\([0-3][0-7]{2})|\\x([0-9A-Fa-f]{2})"
    r"|\\u((?![Dd][89A-Fa-f])[0-9A-Fa-f]{4})|\\U(000(?!0[Dd][89A-Fa-f])[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4})"
)
_CONTROL: Final = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
_KEYWORD: Final = (
    "break|case|chan|const|continue|default|defer|else|fallthrough|for|func|go|goto|if|import"
    "|interface|map|package|range|return|select|struct|switch|type|var"
)
_LEVELS: Final = (("||",), ("&&",), ("==", "!="))


def parse(text: str) -> Tree:
    """Return the tree of an expression. Raises ExpressionError."""
    return _Parser(_tokens(text)).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    token = re.compile(_LEXEME, re.VERBOSE | re.DOTALL)
    at, last = 0, ""
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            raise ExpressionError(f"{text[at : at + 10]!r} is unexpected at character {at + 1}")
        kind = str(match.lastgroup)
        if kind == "newline" and last in ("name", "number", "text", ")", "]"):
            yield _Token("end of line", "end of line", at)
            last = ""
        elif kind not in ("newline", "space"):
            yield _Token(kind, match[0], at)
            last = match[0] if kind == "sign" else kind
        at = match.end()
    yield _Token("end", "end of expression", at)


class _Parser:
    """Recursive descent over the operators, loosest first."""

    def __init__(self, tokens: Iterator[_Token]) -> None:
        self.tokens = tokens
        self.now = next(tokens)
        self.depth = 0

    def whole(self) -> Tree:
        tree = self.binary(0)
        if self.now.kind == "end of line":
            self.now = next(self.tokens)
        if self.now.kind != "end":
            raise self.unexpected()
        return tree

    def unexpected(self) -> ExpressionError:
        return ExpressionError(f"{self.now.text!r} is unexpected at character {self.now.at + 1}")

    def take(self, *signs: str) -> str:
        """Take one of `signs` if it comes next; else return an empty text."""
        if self.now.kind != "sign" or self.now.text not in signs:
            return ""
        sign, self.now = self.now.text, next(self.tokens)
        return sign

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self.unexpected()

    def binary(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.take(*_LEVELS[level]):
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(f"the expression is nested more than {DEEPEST} deep")
        tree = Not(self.unary()) if self.take("!") else self.primary()
        self.depth -= 1
        return tree

    def primary(self) -> Tree:
        if self.take("("):
            tree = self.binary(0)
            self.expect(")")
        elif self.now.kind == "name":
            return self.indexed(self.named())
        elif self.now.kind in ("number", "text"):
            tree = Constant(_value(self.now))
            self.now = next(self.tokens)
        else:
            raise self.unexpected()
        return self.indexed(tree)

    def named(self) -> Tree:
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        if not self.take("("):
            return Name(tuple(parts))
        arguments: list[Tree] = []
        while not self.take(")"):
            arguments.append(self.binary(0))
            if not self.take(","):
                self.expect(")")
                break
        return Call(".".join(parts), tuple(arguments))

    def name(self) -> str:
        name = self.now.text
        if self.now.kind != "name" or re.fullmatch(_KEYWORD, name):
            raise self.unexpected()
        self.now = next(self.tokens)
        return name

    def indexed(self, tree: Tree) -> Tree:
        while self.take("["):
            tree = Index(tree, self.binary(0))
            self.expect("]")
        return tree


def _value(token: _Token) -> str | int:
    if token.kind == "number":
        return int(token.text)
    inside = token.text[1:-1]
    if token.text[0] == "`":
        return inside.replace("\r", "")
    escape = re.compile(_ESCAPE)
    value, at = bytearray(), 0
    while at < len(inside):
        match = escape.match(inside, at)
        if match is None:
            raise ExpressionError(f"{token.text} has an escape that Go does not know")
        value += _unescaped(match)
        at = match.end()
    return value.decode(errors="replace")


def _unescaped(match: re.Match[str]) -> bytes:
    plain, control, octal, byte, short, wide = match.groups()
    if octal or byte:
        return bytes((int(octal, 8) if octal else int(byte, 16),))
    return (plain or _CONTROL.get(control) or chr(int(short or wide, 16))).encode()
