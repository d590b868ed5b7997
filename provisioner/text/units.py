"""Durations, times and versions as Teleport writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "mo": 30 * 24 * 3600 * 10**9,
    "y": 365 * 24 * 3600 * 10**9,
}
_TERM: Final = re.compile(r"(\d+)(?:\.(\d+))?(ns|us|µs|ms|mo|s|m|h|d|y)", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_TERM.pattern})+", re.ASCII)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
YEAR_10000: Final = 253402300800
"""In seconds from 1970: what comes after the last moment that has a name."""
_CALENDAR: Final = frozenset({"d", "mo", "y"})
_LONGEST: Final = 32  # characters; Go's largest duration, 2562047h47m16.854775807s, is shorter


@lru_cache(maxsize=1024)
def nanoseconds(text: str, *, calendar: bool = False) -> int:
    """Return the length of a Go duration such as `1h30m` or `43200s` (https://pkg.go.dev/time).

    With `calendar`, days, months of 30 and years of 365 days are units too, and `never` is 0, as in
    Teleport's roles (api/types/duration.go). Raises ValueError for anything else, for negative
    lengths and for more than Go can hold.
    """
    if text == "0" or (calendar and text == "never"):
        return 0
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration")
    terms = [match.groups() for match in _TERM.finditer(text)]
    if not calendar and any(unit in _CALENDAR for _, _, unit in terms):
        raise ValueError(f"{text!r}: days and longer are not units here")
    total = sum(_term(*term) for term in terms)
    if total >= 1 << 63:
        raise ValueError(f"{text!r} is longer than a duration can be")
    return total


def go_duration(length: int) -> str:
    """Return nanoseconds as Go prints them: `8h0m0s`, `1m30s`, `1.5s`, `0s`.

    Lengths below a second are printed in seconds as well (`0.25s`): Teleport has none.
    """
    seconds, rest = divmod(length, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}{fraction}s"
    if minutes:
        return f"{minutes}m{seconds}{fraction}s"
    return f"{seconds}{fraction}s"


def proto_duration(length: int) -> str:
    """Return nanoseconds as protobuf's JSON does: `43200s`, `0.5s`."""
    seconds, rest = divmod(length, 10**9)
    return f"{seconds}{f'.{rest:09d}'.rstrip('0') if rest else ''}s"


def day(text: str) -> date:
    """Return a day such as `2027-03-31`. Raises ValueError for anything else."""
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is not a day")
    return date.fromisoformat(text)


def moment(text: str) -> datetime:
    """Return an RFC 3339 time with its zone. Raises ValueError for anything else.

    In UTC, it is in the years 1 to 9999.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a time such as 2027-01-31T12:00:00Z")
    when = datetime.fromisoformat(text.upper())
    try:
        when.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the years 1 to 9999") from None
    return when


def utc(text: str) -> str:
    """Return an RFC 3339 time in UTC with a `Z`, fractions only where there are any."""
    when = moment(text).astimezone(UTC)
    return when.isoformat().replace("+00:00", "Z")


def rfc3339(nanoseconds: int) -> str:
    """Return a moment, counted from 1970, in UTC and whole seconds. Raises ValueError after 9999."""
    if not 0 <= nanoseconds < YEAR_10000 * 10**9:
        raise ValueError(f"{nanoseconds} is no moment")
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version(text: str) -> tuple[int, int, int]:
    """Return `18.2.1`, `v18.2` or `18.9.0-rc.2` as three numbers. Raises ValueError."""
    match = re.match(r"v?(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?![\d])", text)
    if match is None:
        raise ValueError(f"{text!r} is not a version such as 18.2.1")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch


def _term(whole: str, fraction: str | None, unit: str) -> int:
    scale = _NANOSECONDS[unit]
    part = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return int(whole) * scale + part
