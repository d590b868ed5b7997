"""Inputs that somebody spoiled: made from sound ones, and from those that had a new outcome.

Everything follows from the seed of the random numbers, so a run can be repeated to the byte.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

LONGEST: Final = 1 << 14
"""Bytes of one input: what takes long with so few takes too long."""

_MOST: Final = 400  # inputs that are kept to be spoiled further

_TEXTS: Final = r"""
{{ }} {% %} {# #} [ ] { } ( ) < > & * ! | : , - ? # % @ ` ' " \ / .. ../ // ~ = == ^ $ <<
null true false yes no on 0 -0 00 1e999 -1 0x10 1_0 .inf .nan NaN Infinity 1e-7 12:30 2026-01-01
9223372036854775808 99999999999999999999999999999999999999999999 \ud800 \udc00 \u0000 \x1b
&a *a !!python/object/apply:os.system !!binary %YAML
__class__ __globals__ self cycler import include loop.x range(999999999) ''|attr('x')
^(a+)+$ ^(?=a)$ ^\C$ ^[[:alpha:]]{1000}$ * ** {{internal.x}} {{external['x']}}
<script> <!-- --> ]]> ]( javascript: =cmd() +1 @x |a| ```
name kind spec metadata version format_version roles tools jsonrpc method params id
"""
_UNSEEN: Final = "\u202e \u2028 \u200b \xa0 \ufeff \ufffe \u0430dmin \U0001f642 \U000e0001 \x85"
_BYTES: Final = b"\0 \x1b[2J \x1b]0;x\x07 \x7f \xff \xc0\xaf \xed\xa0\x80 \xef\xbb\xbf"
_SPACES: Final = (
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b" ",
    b"\n\n",
    b"\n  ",
    b"- ",
    b": ",
    b" #",
    b"\n---\n",
    b"",
)

WORDS: Final = (
    *(word.encode() for word in _TEXTS.split()),
    *(word.encode() for word in _UNSEEN.split(" ")),
    *_BYTES.split(b" "),
    *_SPACES,
)
"""What means something to some reader, to be put where it means something else."""

_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 1.5, 1e300, 2**63, 10**40, "", "*", "x", "\0", "\x1b[31m", "\u202e",
    "{{ 1 }}", "../../etc/passwd", "/", "^(a|b)$", "^(", [], {}, [[]], [None], {"": ""}, {"a": None},
    {"name": 1}, ["a", "a"], "a" * 2000, [1] * 50, "\ud800",
)  # fmt: skip


class Pool:
    """Inputs, and ways to spoil them."""

    def __init__(self, seeds: Sequence[bytes], random: Random, longest: int = LONGEST) -> None:
        self._inputs = list(seeds)
        self._longest = longest
        self._random = random
        self._known: set[str] = set()

    def draw(self) -> bytes:
        """Return one more input."""
        data = self._random.choice(self._inputs)
        if self._random.random() < 0.5:
            data = self._other_tree(data)
        for _ in range(self._random.choice((0, 1, 1, 2, 3, 6))):
            data = self._random.choice(_WAYS)(self, data)
        return data[: self._longest]

    def learn(self, data: bytes, outcome: str) -> None:
        """Keep an input whose outcome no input had before."""
        if outcome not in self._known and len(self._inputs) < _MOST:
            self._inputs.append(data)
        self._known.add(outcome)

    @property
    def outcomes(self) -> int:
        """How many kinds of outcome there were."""
        return len(self._known)

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._random.randint(0, len(data))
        return start, min(len(data), start + self._random.choice((1, 1, 2, 4, 16, 64, 512)))

    def _flipped(self, data: bytes) -> bytes:
        start, _ = self._span(data)
        return data[:start] + bytes([self._random.randrange(256)]) + data[start + 1 :]

    def _inserted(self, data: bytes) -> bytes:
        start, _ = self._span(data)
        return data[:start] + self._random.choice(WORDS) + data[start:]

    def _replaced(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._random.choice(WORDS) + data[end:]

    def _removed(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeated(self, data: bytes) -> bytes:
        start, end = self._span(data)
        times = self._random.choice((1, 2, 20, 300))
        return (data[:end] + data[start:end] * times + data[end:])[: self._longest]

    def _spliced(self, data: bytes) -> bytes:
        other = self._random.choice(self._inputs)
        return data[: self._span(data)[0]] + other[self._span(other)[0] :]

    def _moved(self, data: bytes) -> bytes:
        (start, end), (to, _) = self._span(data), self._span(data)
        rest = data[:start] + data[end:]
        return rest[:to] + data[start:end] + rest[to:]

    def _deepened(self, data: bytes) -> bytes:
        start, end = self._span(data)
        times = self._random.choice((1, 3, 70, 1500))
        left, right = self._random.choice(
            ((b"[", b"]"), (b"{a: ", b"}"), (b'{"a":', b"}"), (b"(", b")"))
        )
        return data[:start] + left * times + data[start:end] + right * times + data[end:]

    def _other_tree(self, data: bytes) -> bytes:
        """Spoil one value of what is JSON, keys and structure being what they are."""
        with suppress(ValueError, RecursionError):
            tree = json.loads(data)
            if isinstance(tree, dict | list) and tree:
                self._spoil(tree)
                return json.dumps(tree, ensure_ascii=self._random.random() < 0.5).encode(
                    errors="surrogatepass"
                )
        return data

    def _spoil(self, tree: Any) -> None:
        parent = tree
        while True:
            keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
            key = self._random.choice(keys)
            child = parent[key]
            if not isinstance(child, dict | list) or not child or self._random.random() < 0.15:
                break
            parent = child
        match self._random.randrange(5):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[self._random.choice(WORDS).decode(errors="replace")] = parent.pop(key)
            case 1 | 2:
                parent[key] = [copy.deepcopy(child)] if self._random.randrange(2) else {"a": child}
            case _:
                parent[key] = copy.deepcopy(self._random.choice(_VALUES))


_WAYS: Final[tuple[Callable[[Pool, bytes], bytes], ...]] = (
    Pool._flipped,
    Pool._inserted,
    Pool._inserted,
    Pool._replaced,
    Pool._replaced,
    Pool._removed,
    Pool._repeated,
    Pool._spliced,
    Pool._moved,
    Pool._deepened,
    Pool._other_tree,
    Pool._other_tree,
)
