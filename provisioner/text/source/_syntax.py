"""libyaml's syntax errors in the words of somebody who writes YAML by hand."""

from __future__ import annotations

import re
from typing import Final

import yaml

from provisioner.text.source._base import NO_TAGS, Findings

_Words = tuple[str, str]
"""A message and a hint; {char} is the character at the error, {line} the line of what it is in."""

_TAB: Final = ("a tab cannot indent", "indent with spaces")
_CANNOT_BEGIN: Final = ('text cannot begin with "{char}"', "put the text in quotes")
_NOT_CLOSED: Final = (
    "this {char} is never closed",
    "close it: all that follows was taken for a part of it",
)
_NO_ESCAPE: Final = (
    "a backslash in double quotes begins an escape, and this is none",
    r"write \\ for a backslash, or use single quotes, where it is an ordinary character",
)
_SECOND_COLON: Final = ('a second ":" in one line', 'put text that contains ": " in quotes')
_ENDS_OPEN: Final = ("the file ends inside a list or a mapping", 'close its "[" or "{"')
_NO_KEY_HERE: Final = (
    'a key is missing before ":"',
    'write the key, or put text that begins with ":" in quotes',
)
_NOT_A_KEY: Final = (
    "neither a key of the mapping that begins on line {line}, nor part of the value above",
    "indent the keys of one mapping alike",
)

_NO_COLON_HERE: Final = "mapping values are not allowed in this context"
_NO_KEY: Final = "did not find expected key"
_NO_START: Final = "found character that cannot start any token"
_NO_CONTENT: Final = "did not find expected node content"
_BAD_CODE_POINT: Final = "found invalid Unicode character escape code"
_IN_FLOW: Final = "did not find expected ',' or "

_WORDS: Final[dict[str, _Words]] = {
    _NO_COLON_HERE: (
        'this ":" makes a key where none can be',
        'the line above lacks its ":", or this line is indented too far',
    ),
    "could not find expected ':'": (
        'a line without ":"',
        "write `key: value` with a space between, or close the quote or bracket above",
    ),
    _NO_KEY: (
        "this does not belong to the value before it",
        "put the whole value into one pair of quotes; between single quotes write '' for '",
    ),
    "did not find expected '-' indicator": (
        "neither an item of the list that begins on line {line}, nor part of the item above",
        'begin each item with "- " and indent all of them alike',
    ),
    "block sequence entries are not allowed in this context": (
        "a list cannot begin in the line of its key",
        'begin it in the next line, or put text that begins with "-" in quotes',
    ),
    _IN_FLOW + "']'": (
        'here a "," or "]" is missing, in the list that begins on line {line}',
        "separate items with commas, and close the list",
    ),
    _IN_FLOW + "'}'": (
        'here a "," or "}" is missing, in the mapping that begins on line {line}',
        "separate keys with commas, and close the mapping",
    ),
    _NO_CONTENT: (
        'a value is missing before "{char}"',
        'remove what is too much, or put text that begins with "{char}" in quotes',
    ),
    "did not find expected <document start>": (
        "this does not belong to what stands above",
        "indent the outermost keys alike, and write nothing after a line of ...",
    ),
    "found unexpected end of stream": _NOT_CLOSED,
    "found unexpected document indicator": _NOT_CLOSED,
    _NO_START: _CANNOT_BEGIN,
    "did not find expected alphabetic or numeric character": _CANNOT_BEGIN,
    "found a tab character that violates indentation": _TAB,
    "found a tab character where an indentation space is expected": _TAB,
    "found unknown escape character": _NO_ESCAPE,
    "did not find expected hexdecimal number": _NO_ESCAPE,
    _BAD_CODE_POINT: (
        "this escape is half of a surrogate pair, or beyond Unicode",
        r"write the character itself, or \U and its eight digits",
    ),
    "did not find expected comment or line break": (
        'the text of a "|" or ">" begins in the next line',
        'begin it there, or put text that begins with "|" or ">" in quotes',
    ),
}

_AT_ITS_START: Final = {
    "could not find expected ':'",
    "did not find expected alphabetic or numeric character",
    "found unexpected end of stream",
    "found unexpected document indicator",
}
"""Errors that libyaml notices after the thing which is wrong."""


def explain(error: yaml.MarkedYAMLError, findings: Findings) -> None:
    """Add libyaml's error to the findings: where it is, what it means, the cure."""
    text = findings.text
    problem = error.problem or "this is not YAML"
    at = error.problem_mark.index if error.problem_mark else 0
    start = error.context_mark.index if error.context_mark else at
    if at >= len(text.text) and problem.startswith(_IN_FLOW):
        problem = "found unexpected end of stream"
    at = start if problem in _AT_ITS_START else min(at, len(text.text.rstrip()))
    place, whole = text.place(at, at + 1), text.place(start, start + 1)
    char = text.text[at : at + 1]
    message, hint = _words(problem, text.line(place.line)[: place.column - 1], char)
    related = (whole,) if "{line}" in message else ()
    message = message.replace("{char}", char).replace("{line}", str(whole.line))
    code = "PV019" if problem == _BAD_CODE_POINT else "PV004"
    if "tag" in f"{error.context} {error.problem}":
        code, (message, hint) = "PV008", NO_TAGS
    findings.add(code, message, hint.replace("{char}", char), (at, at + 1), related)


def _words(problem: str, before: str, char: str) -> _Words:
    """Return what to say; `before` is the line up to the error and `char` stands there."""
    if problem == _NO_COLON_HERE and re.search(r":\s", before):
        return _SECOND_COLON
    if problem in (_NO_KEY, _NO_CONTENT) and char == ":":
        return _NO_KEY_HERE
    if problem == _NO_KEY and not before.strip():
        return _NOT_A_KEY
    if problem == _NO_CONTENT and not char.strip():
        return _ENDS_OPEN
    if problem == _NO_START and char == "\t":
        return _TAB
    return _WORDS.get(problem, (problem, ""))
