"""What becomes of each message between a client and an MCP server, as Teleport has it.

Source: Teleport lib/srv/mcp/session.go, processClientRequest and makeToolsCallResponse. Resources
and prompts are not filtered there. Teleport writes every message anew; here what is not filtered
passes byte for byte, so a text that two programs could read differently is refused as a whole.
Teleport knows no batches, which MCP had for a while: here each message in one is judged alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import not_
from types import NoneType
from typing import Final

from msgspec import Struct

from provisioner.values import Plain

DENIED: Final = (
    "RBAC is enforced by your Teleport roles. Contact your Teleport Admin for more details."
)
NO_LIST: Final = "failed to unmarshal tools/list response"
ACCESS_DENIED: Final = "access to app denied. User does not have permissions. "
PARSE_ERROR: Final = -32700
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

_KEYS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_IDS: Final = (str, int, float)
_ENDLESS: Final = (math.inf, -math.inf)  # what 1e999 is read as, and no JSON can say
_HALF: Final = re.compile("[\ud800-\udfff]")

Id = str | int | float | None
Edit = tuple[int, int, str]
"""From where to where in a text, and what is to stand there."""


class Verdict(Struct, frozen=True):
    """What of a line goes on, what goes back to the client, and the tools that were kept from it."""

    forward: bytes = b""
    reply: bytes = b""
    kept: tuple[str, ...] = ()


class Referee:
    """Judges the messages of one session; `allows` says whether a tool may be called."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows
        self._unanswered: set[Id] = set()  # of tools/list

    def from_client(self, line: bytes) -> Verdict:
        """Judge a line of the client: calls of tools that are not allowed get an answer from us."""
        try:
            text, value = _read(line)
        except (ValueError, RecursionError):
            reply = _error(None, PARSE_ERROR, "this is no JSON-RPC message that has one meaning")
            return Verdict(reply=_line(reply))
        passed = [self._passes(message) for message in _messages(value)]
        if all(passed):
            return Verdict(line)
        refused = list(compress(_messages(value), map(not_, passed)))
        data = {"error": {"message": ACCESS_DENIED}}
        asked = (message["id"] for message in refused if message.get("id") is not None)
        replies = [_error(number, INVALID_PARAMS, DENIED, data) for number in asked]
        return Verdict(
            forward=f"{_chosen(text, text.index('['), passed)}\n".encode() if any(passed) else b"",
            reply=_line(replies if isinstance(value, list) else replies[0]) if replies else b"",
            kept=tuple(map(_called, refused)),
        )

    def from_server(self, line: bytes) -> Verdict:
        """Judge a line of the server: lists of tools lose those that are not allowed."""
        try:
            text = line.decode()
            value = _lenient.decode(text)
        except (ValueError, RecursionError):
            return Verdict()  # a banner, or worse; Teleport drops it too
        listed = [self._listed(message) for message in _messages(value)]
        if all(tools is None for tools in listed):
            return Verdict(line)
        edits: list[Edit] = []
        hidden: list[str] = []
        for tools, message, (start, end) in zip(
            listed, _messages(value), _spans(text, value), strict=True
        ):
            if isinstance(tools, list):
                shown = [self._allows(_name(tool)) for tool in tools]
                hidden += map(_name, compress(tools, map(not_, shown)))
                edits += _choosing(text, start, shown)
            elif tools is not None:
                refusal = _error(message["id"], INTERNAL_ERROR, NO_LIST)
                edits.append((start, end, json.dumps(refusal)))
        return Verdict(_edited(text, edits).encode() if edits else line, kept=tuple(hidden))

    def _passes(self, message: Plain) -> bool:
        """Whether a message may reach the server."""
        if not isinstance(message, dict):
            return True
        if message.get("method") == "tools/list":
            self._unanswered.add(message.get("id"))
        return message.get("method") != "tools/call" or self._allows(_called(message))

    def _listed(self, message: Plain) -> Plain:
        """Return the tools that a message lists, None if it is no answer to a tools/list."""
        if not isinstance(message, dict) or not isinstance(message.get("id"), _IDS):
            return None
        result = message.get("result") if message["id"] in self._unanswered else None
        tools = result.get("tools") if isinstance(result, dict) else None
        if tools is not None:
            self._unanswered.discard(message["id"])
        return tools


def _messages(value: Plain) -> Sequence[Plain]:
    return value if isinstance(value, list) else (value,)


def _called(message: Mapping[str, Plain]) -> str:
    return _name(message.get("params"))


def _name(value: Plain) -> str:
    """Return the name in the parameters of a call, or in a tool; "" where Teleport finds none."""
    name = value.get("name") if isinstance(value, dict) else None
    # Go, which Teleport is written in, reads half a surrogate pair so.
    return _HALF.sub("\ufffd", name) if isinstance(name, str) else ""


def _error(number: Plain, code: int, message: str, data: Plain = None) -> Plain:
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return {"jsonrpc": "2.0", "id": number, "error": error}


def _line(value: Plain) -> bytes:
    return json.dumps(value).encode() + b"\n"


# --- JSON, and where its parts stand ---------------------------------------------------------


def _once(pairs: Sequence[tuple[str, Plain]]) -> dict[str, Plain]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refused(constant: str) -> Plain:
    raise ValueError(f"JSON has no {constant}")


_strict: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)
_lenient: Final = json.JSONDecoder()


def _read(line: bytes) -> tuple[str, Plain]:
    """Return a line as text and as what it says. Raises ValueError if it could say something else."""
    text = line.decode()
    value = _strict.decode(text)
    for message in _messages(value):
        if isinstance(message, dict):
            odd = {key for key in message if key not in _KEYS and key.lower() in _KEYS}
            number = message.get("id")
            is_id = isinstance(number, (*_IDS, NoneType)) and number not in _ENDLESS
            if odd or not is_id or not isinstance(message.get("method", ""), str):
                raise ValueError("keys that some would read in another way")
    return text, value


def _spans(text: str, value: Plain) -> Iterable[tuple[int, int]]:
    """Return where each message of a line begins and ends."""
    start = _skip(text, 0)
    if isinstance(value, list):
        return ((begin, end) for _, begin, end in _members(text, start))
    return [(start, len(text.rstrip(" \t\r\n")))]


def _member(text: str, at: int, key: str) -> tuple[int, int]:
    """Return where the value of `key` stands in the object at `at`, which has it."""
    return [(start, end) for name, start, end in _members(text, at) if name == key][-1]


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield key (of an array: "") and place of each member of the object or array at `at`."""
    is_object = text[at] == "{"
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        key = ""
        if is_object:
            key, at = _lenient.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        _, end = _lenient.raw_decode(text, at)
        yield key, at, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _choosing(text: str, at: int, shown: Sequence[bool]) -> list[Edit]:
    """Return the edit that leaves only the tools to be shown in the answer at `at`."""
    if all(shown):
        return []
    start, end = _member(text, _member(text, at, "result")[0], "tools")
    return [(start, end, _chosen(text, start, shown))]


def _chosen(text: str, at: int, wanted: Sequence[bool]) -> str:
    """Return the array at `at` with only its wanted items, each as it is written."""
    items = compress(_members(text, at), wanted)
    return f"[{','.join(text[start:end] for _, start, end in items)}]"


def _edited(text: str, edits: Sequence[Edit]) -> str:
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text
