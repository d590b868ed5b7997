"""The fields of a bot, and protobuf's own way of reading JSON, in which it reaches the server.

Sources: api/proto/teleport/machineid/v1/bot.proto in github.com/gravitational/teleport, and
https://protobuf.dev/programming-guides/json/. An unknown field is an error in every release.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from provisioner.errors import Rejected
from provisioner.text import units
from provisioner.values import Body, Plain, canonical_json

_YEAR_9999: Final = 253_370_764_800  # seconds from 1970
_TEXT: Final = "string"
_DURATION: Final = "google.protobuf.Duration"
_TIME: Final = "google.protobuf.Timestamp"
_SECONDS: Final = re.compile(r"(-?)(\d{1,9}(?:\.\d{1,9})?s)", re.ASCII)
_BOT: Final[Mapping[str, Any]] = {
    "kind": _TEXT,
    "sub_kind": _TEXT,
    "version": _TEXT,
    "metadata": {
        "name": _TEXT,
        "namespace": _TEXT,
        "description": _TEXT,
        "labels": {"*": _TEXT},
        "expires": _TIME,
        "revision": _TEXT,
    },
    "spec": {
        "roles": [_TEXT],
        "traits": [{"name": _TEXT, "values": [_TEXT]}],
        "max_session_ttl": _DURATION,
    },
    "status": {"user_name": _TEXT, "role_name": _TEXT},
}
"""The messages of bot.proto: `{}` a message (`*` a map), `[]` a repeated field."""


def read(body: Body) -> dict[str, Any]:
    """Return the fields of a bot that are set, by their names in bot.proto. Raises Rejected."""
    return _Message(canonical_json(body)).read(body, _BOT)


def check_types(body: Body) -> None:
    """Raise Rejected where a field of a bot, as it was read, holds a value of another type.

    A newer Teleport can have fields that are not known here.
    """
    written = writable(body)
    _Message(canonical_json(written), strict=False).read(written, _BOT)


def writable(body: Body) -> Body:
    """Return a bot as it was read, in the form in which it can be written again.

    Raises Rejected for seconds that are no seconds.
    """
    metadata, spec = dict(body["metadata"]), dict(body.get("spec", {}))
    ttl, expires = spec.get("max_session_ttl"), metadata.get("expires")
    if isinstance(ttl, Mapping):
        length = _whole(ttl.get("seconds", 0)) * 10**9 + _whole(ttl.get("nanos", 0))
        spec["max_session_ttl"] = units.proto_duration(length)
    if isinstance(expires, Mapping):
        moment = datetime.fromtimestamp(_whole(expires.get("seconds", 0)), UTC)
        metadata["expires"] = moment.isoformat()
    return {**body, "metadata": metadata, "spec": spec}


class _Message:
    """Reads one document. `text` is its JSON as tctl hands it on: errors say where in it."""

    def __init__(self, text: str, *, strict: bool = True) -> None:
        self._text = text
        self._is_strict = strict

    def read(self, value: Plain, fields: Mapping[str, Any], name: str = "") -> dict[str, Any]:
        """Return the fields of a message or a map that are set. Raises Rejected."""
        if not isinstance(value, Mapping):
            self._unexpected(value, name)
        found: dict[str, Any] = {}
        for written, item in value.items():
            field = re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", written)
            field = field if field in fields else written
            schema = fields.get(field, fields.get("*"))
            if schema is None and not self._is_strict:
                continue
            if schema is None:
                raise Rejected(f'proto: {self._at(written, 0)}: unknown field "{written}"')
            if field in found:
                raise Rejected(f'proto: {self._at(written, 0)}: duplicate field "{written}"')
            if item is not None or "*" in fields:
                found[field] = self._value(item, schema, "value" if "*" in fields else written)
        return found

    def _value(self, value: Plain, schema: object, name: str) -> Plain:
        if isinstance(schema, Mapping):
            return self.read(value, schema, name)
        if isinstance(schema, list):
            if not isinstance(value, list | tuple):
                self._unexpected(value, name)
            return [self._value(item, schema[0], name) for item in value]
        if schema == _TEXT:
            if not isinstance(value, str):
                self._invalid(value, f"value for string field {name}:", name)
            return value
        if not isinstance(value, str):
            self._unexpected(value, name)
        return self._duration(value, name) if schema == _DURATION else self._time(value, name)

    def _duration(self, value: str, name: str) -> str:
        match = _SECONDS.fullmatch(value)
        if match is None:
            self._invalid(value, f"{_DURATION} value", name)
        sign, length = match.groups()
        return sign + units.go_duration(units.nanoseconds(length))

    def _time(self, value: str, name: str) -> str:
        try:
            return units.utc(value)
        except (ValueError, OverflowError):
            self._invalid(value, f"{_TIME} value", name)

    def _invalid(self, value: Plain, what: str, name: str) -> NoReturn:
        place = self._at(name, len(canonical_json(name)) + 1)
        raise Rejected(f"proto: {place}: invalid {what} {canonical_json(value)}")

    def _unexpected(self, value: Plain, name: str) -> NoReturn:
        place = self._at(name, len(canonical_json(name)) + 1)
        token = canonical_json(value)
        token = token[0] if isinstance(value, list | tuple | Mapping) else token
        raise Rejected(f"proto: syntax error {place}: unexpected token {token}")

    def _at(self, name: str, after: int) -> str:
        return f"(line 1:{self._text.find(canonical_json(name)) + 1 + after})"


def _whole(seconds: Plain) -> int:
    """Return seconds that Python and Teleport can both hold. Raises Rejected."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < _YEAR_9999:
        raise Rejected(f"{canonical_json(seconds)[:40]} is not a number of seconds")
    return seconds
