"""The certificate in an identity file: whose it is and how long it is valid.

An identity file is text: a private key, an SSH certificate, a TLS certificate and the certificates
of the cluster's authorities, in this order. Of X.509 only what is asked for is read; whether the
certificate is genuine is for Teleport to say.

Source: lib/client/identityfile in github.com/gravitational/teleport; RFC 5280, section 4.1.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----"
)
_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))
_ORGANIZATION: Final = bytes((0x55, 0x04, 0x0A))
_LONG_FORM: Final = 0x80


class Certificate(Struct, frozen=True):
    """Whose a certificate is (its subject's common name) and from when to when it is valid, in UTC.

    `roles` are those that it was issued for; Teleport writes them as organizations (lib/tlsca/ca.go).
    """

    user: str
    not_before: datetime
    not_after: datetime
    roles: tuple[str, ...] = ()

    @property
    def lifetime(self) -> timedelta:
        """How long it is valid in all."""
        return self.not_after - self.not_before


def parse(identity: str) -> Certificate:
    """Return the TLS certificate of an identity file. Raises ValueError that says what is wrong."""
    found = _CERTIFICATE.search(identity)
    if found is None:
        raise ValueError("there is no TLS certificate in it")
    try:
        return _parse(base64.b64decode(found[1]))
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise ValueError("its TLS certificate cannot be read") from error


def _parse(der: bytes) -> Certificate:
    ((_, certificate),) = _elements(der)
    (_, body), *_ = _elements(certificate)
    fields = list(_elements(body))
    if fields[0][0] == _VERSION:  # version 1 certificates have no version
        fields = fields[1:]
    _serial, _algorithm, _issuer, (_, validity), (_, subject) = fields[:5]
    not_before, not_after = (_time(tag, content) for tag, content in _elements(validity))
    user = next(_names(subject, _COMMON_NAME), "")
    return Certificate(user, not_before, not_after, tuple(_names(subject, _ORGANIZATION)))


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element; IndexError or ValueError where it ends early."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & _LONG_FORM:
            size = length - _LONG_FORM
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("an element ends after its parent")
        yield tag, der[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits of a year: RFC 5280, 4.1.2.5.1
        text = ("19" if text >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _names(subject: bytes, wanted: bytes) -> Iterator[str]:
    for _, names in _elements(subject):
        for _, name in _elements(names):
            (_, kind), (_, value) = _elements(name)
            if kind == wanted:
                yield value.decode()


__all__ = ["Certificate", "parse"]
