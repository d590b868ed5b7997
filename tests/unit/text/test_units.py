from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.text import units


@pytest.mark.parametrize(
    ("text", "go"),
    [
        ("8h", "8h0m0s"),
        ("90m", "1h30m0s"),
        ("1h30m", "1h30m0s"),
        ("43200s", "12h0m0s"),
        ("1.5s", "1.5s"),
        ("90s", "1m30s"),
        ("250ms", "0.25s"),
        ("0", "0s"),
        ("0s", "0s"),
    ],
)
def test_go_spelling(text: str, go: str) -> None:
    """A duration is spelled as Go prints it."""
    assert units.go_duration(units.nanoseconds(text)) == go


@pytest.mark.parametrize(
    "text",
    ["", "8", "h", "8h ", " 8h", "-1h", "1d", "8H", "٨h", "1h\n", "9999999999h", "1" * 40 + "h"],
)
def test_not_a_duration(text: str) -> None:
    """What Go's time.ParseDuration or common sense refuses is refused."""
    with pytest.raises(ValueError, match="duration|units"):
        units.nanoseconds(text)


@pytest.mark.parametrize(
    ("text", "go"), [("1d", "24h0m0s"), ("1mo", "720h0m0s"), ("1y", "8760h0m0s"), ("never", "0s")]
)
def test_roles_know_the_calendar(text: str, go: str) -> None:
    """Teleport's roles take days, months of 30 days, years of 365, and `never`."""
    assert units.go_duration(units.nanoseconds(text, calendar=True)) == go


@given(st.integers(0, 2**62))
def test_spelling_keeps_the_length(length: int) -> None:
    """Both spellings of a length read back as that length."""
    assert units.nanoseconds(units.go_duration(length)) == length
    assert units.nanoseconds(units.proto_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ("2027-01-31t12:00:00.5z", "2027-01-31T12:00:00.500000Z"),
    ],
)
def test_times_go_to_utc(text: str, utc: str) -> None:
    """A time keeps its moment and loses its zone."""
    assert units.utc(text) == utc


@pytest.mark.parametrize(
    "text", ["2027-01-31", "2027-01-31T12:00:00", "tomorrow", "2027-13-01T00:00:00Z"]
)
def test_not_a_time(text: str) -> None:
    """A time without a zone, or no time at all, is refused."""
    with pytest.raises(ValueError, match="."):
        units.moment(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("18", (18, 0, 0)),
        ("v18.2", (18, 2, 0)),
        ("18.2.1", (18, 2, 1)),
        ("18.9.0-rc.2", (18, 9, 0)),
    ],
)
def test_versions(text: str, parts: tuple[int, int, int]) -> None:
    """A version is three numbers, whatever is left out or added."""
    assert units.version(text) == parts


def test_not_a_version() -> None:
    """Text that does not begin with a number is no version."""
    with pytest.raises(ValueError, match="version"):
        units.version("latest")


def test_days() -> None:
    """A day is written in one way, and exists."""
    assert units.day("2028-02-29").isoformat() == "2028-02-29"
    for text in ("2027-02-29", "20270228", "2027-W08-7", "2027-2-28", "2027-02-28T00:00:00Z", ""):
        with pytest.raises(ValueError, match="day"):
            units.day(text)


def test_moments_from_1970() -> None:
    """A count of nanoseconds is a time in whole seconds, as far as years have four digits."""
    assert units.rfc3339(1798761600 * 10**9 + 5) == "2027-01-01T00:00:00Z"
    for none in (-1, units.YEAR_10000 * 10**9):
        with pytest.raises(ValueError, match="is no moment"):
            units.rfc3339(none)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_moment_has_a_year_in_utc(text: str) -> None:
    """A time that UTC puts beyond the years that anybody can write is refused where it is read."""
    with pytest.raises(ValueError, match="beyond the years"):
        units.moment(text)
