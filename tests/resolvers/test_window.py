"""Each row of the tables of windows and of the windows before them, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest

from call_analytics.resolvers.calendar_unit import Weekday
from call_analytics.resolvers.errors import BadInput
from call_analytics.resolvers.window import (
    ROLLING,
    Asked,
    DateRange,
    InstantRange,
    Period,
    Window,
    window_for,
)
from call_analytics.resolvers.zones import zone_for

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
"""A Tuesday."""


def window(
    asked: Asked,
    *,
    zone: str = "UTC",
    now: datetime | str = NOW,
    before: int = 0,
    week_starts_on: Weekday = Weekday.MONDAY,
) -> Window:
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    return window_for(
        asked, zone=zone_for(zone), week_starts_on=week_starts_on, now=moment, before=before
    )


def local(found: Window, zone: str) -> str:
    """A window with an upper bound, as the clocks of its zone show it."""
    assert found.until is not None
    assert found.end == found.until
    return " to ".join(
        moment.astimezone(zone_for(zone)).replace(second=0).isoformat(timespec="minutes")
        for moment in (found.start, found.until)
    )


@pytest.mark.parametrize("period", ROLLING)
def test_a_rolling_window_is_a_number_of_times_24_hours_without_an_end(period: Period) -> None:
    length = timedelta(hours=24 * int(period.value[:-1]))

    assert window(period, zone="America/New_York") == Window(NOW - length, until=None, end=NOW)
    for before in (1, 2, 7):
        until = NOW - before * length
        assert window(period, before=before) == Window(until - length, until, end=until)


@pytest.mark.parametrize(
    ("period", "start", "until"),
    [
        ("TODAY", "2026-03-10", "2026-03-11"),
        ("THIS_WEEK", "2026-03-09", "2026-03-16"),
        ("THIS_MONTH", "2026-03-01", "2026-04-01"),
        ("THIS_QUARTER", "2026-01-01", "2026-04-01"),
        ("THIS_YEAR", "2026-01-01", "2027-01-01"),
        ("YESTERDAY", "2026-03-09", "2026-03-10"),
        ("LAST_WEEK", "2026-03-02", "2026-03-09"),
        ("LAST_MONTH", "2026-02-01", "2026-03-01"),
        ("LAST_QUARTER", "2025-10-01", "2026-01-01"),
        ("LAST_YEAR", "2025-01-01", "2026-01-01"),
    ],
)
def test_a_calendar_period(period: str, start: str, until: str) -> None:
    assert local(window(Period[period]), "UTC") == f"{start}T00:00+00:00 to {until}T00:00+00:00"


@pytest.mark.parametrize(
    ("period", "before", "expected"),
    [
        # A period that holds now: from its start to the same reading of the clock as now.
        ("TODAY", 1, "2026-03-09T00:00+00:00 to 2026-03-09T12:00+00:00"),
        ("TODAY", 2, "2026-03-08T00:00+00:00 to 2026-03-08T12:00+00:00"),
        ("THIS_WEEK", 1, "2026-03-02T00:00+00:00 to 2026-03-03T12:00+00:00"),
        ("THIS_WEEK", 2, "2026-02-23T00:00+00:00 to 2026-02-24T12:00+00:00"),
        ("THIS_MONTH", 1, "2026-02-01T00:00+00:00 to 2026-02-10T12:00+00:00"),
        ("THIS_MONTH", 3, "2025-12-01T00:00+00:00 to 2025-12-10T12:00+00:00"),
        ("THIS_QUARTER", 1, "2025-10-01T00:00+00:00 to 2025-12-10T12:00+00:00"),
        ("THIS_QUARTER", 2, "2025-07-01T00:00+00:00 to 2025-09-10T12:00+00:00"),
        ("THIS_YEAR", 1, "2025-01-01T00:00+00:00 to 2025-03-10T12:00+00:00"),
        ("THIS_YEAR", 2, "2024-01-01T00:00+00:00 to 2024-03-10T12:00+00:00"),
        # A past period: the one before it, whole.
        ("YESTERDAY", 1, "2026-03-08T00:00+00:00 to 2026-03-09T00:00+00:00"),
        ("LAST_WEEK", 1, "2026-02-23T00:00+00:00 to 2026-03-02T00:00+00:00"),
        ("LAST_MONTH", 1, "2026-01-01T00:00+00:00 to 2026-02-01T00:00+00:00"),
        ("LAST_MONTH", 2, "2025-12-01T00:00+00:00 to 2026-01-01T00:00+00:00"),
        ("LAST_QUARTER", 1, "2025-07-01T00:00+00:00 to 2025-10-01T00:00+00:00"),
        ("LAST_YEAR", 1, "2024-01-01T00:00+00:00 to 2025-01-01T00:00+00:00"),
    ],
)
def test_the_calendar_period_before(period: str, before: int, expected: str) -> None:
    assert local(window(Period[period], before=before), "UTC") == expected


@pytest.mark.parametrize(
    ("period", "now", "before", "expected"),
    [
        # Where that month has no such day, to the end of that month.
        ("THIS_MONTH", "2026-03-31T10:00Z", 1, "2026-02-01T00:00+00:00 to 2026-03-01T00:00+00:00"),
        # To the same reading as now, not as where the month before was cut.
        ("THIS_MONTH", "2026-03-31T10:00Z", 2, "2026-01-01T00:00+00:00 to 2026-01-31T10:00+00:00"),
        (
            "THIS_QUARTER",
            "2026-05-31T10:00Z",
            1,
            "2026-01-01T00:00+00:00 to 2026-03-01T00:00+00:00",
        ),
        (
            "THIS_QUARTER",
            "2026-08-31T10:00Z",
            1,
            "2026-04-01T00:00+00:00 to 2026-05-31T10:00+00:00",
        ),
        ("THIS_YEAR", "2024-02-29T10:00Z", 1, "2023-01-01T00:00+00:00 to 2023-03-01T00:00+00:00"),
        ("THIS_YEAR", "2024-02-29T10:00Z", 4, "2020-01-01T00:00+00:00 to 2020-02-29T10:00+00:00"),
    ],
)
def test_a_month_without_such_a_day(period: str, now: str, before: int, expected: str) -> None:
    assert local(window(Period[period], now=now, before=before), "UTC") == expected


@pytest.mark.parametrize(
    ("period", "zone", "now", "before", "expected"),
    [
        ("TODAY", "Asia/Kathmandu", "2026-03-10T18:14Z", 0, "2026-03-10T00:00+05:45"),
        ("TODAY", "Asia/Kathmandu", "2026-03-10T18:15Z", 0, "2026-03-11T00:00+05:45"),
        ("TODAY", "Europe/Berlin", "2026-03-29T10:00Z", 0, "2026-03-29T00:00+01:00"),
        ("THIS_MONTH", "Europe/Berlin", "2026-03-31T10:00Z", 0, "2026-03-01T00:00+01:00"),
        ("THIS_QUARTER", "America/New_York", "2026-04-01T03:59Z", 0, "2026-01-01T00:00-05:00"),
        ("THIS_YEAR", "America/New_York", "2026-01-01T04:59Z", 0, "2025-01-01T00:00-05:00"),
        # Midnight is skipped, and the date begins at one o'clock.
        ("TODAY", "Africa/Cairo", "2026-04-24T10:00Z", 0, "2026-04-24T01:00+03:00"),
        ("YESTERDAY", "America/Santiago", "2026-09-07T10:00Z", 0, "2026-09-06T01:00-03:00"),
        ("YESTERDAY", "Australia/Lord_Howe", "2026-04-05T20:00Z", 0, "2026-04-05T00:00+11:00"),
    ],
)
def test_a_calendar_period_begins_at_its_first_instant_in_the_zone(
    period: str, zone: str, now: str, before: int, expected: str
) -> None:
    found = window(Period[period], zone=zone, now=now, before=before)
    assert local(found, zone).partition(" to ")[0] == expected


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        # Half past two is skipped: the first instant after the gap.
        ("Europe/Berlin", "2026-03-30T00:30Z", "2026-03-29T00:00+01:00 to 2026-03-29T03:00+02:00"),
        (
            "America/New_York",
            "2026-03-09T06:30Z",
            "2026-03-08T00:00-05:00 to 2026-03-08T03:00-04:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-04T15:10Z",
            "2026-10-04T00:00+10:30 to 2026-10-04T02:30+11:00",
        ),
        # Half past two is repeated: the first of the two.
        ("Europe/Berlin", "2026-10-26T01:30Z", "2026-10-25T00:00+02:00 to 2026-10-25T02:30+02:00"),
        (
            "America/New_York",
            "2026-11-02T06:30Z",
            "2026-11-01T00:00-04:00 to 2026-11-01T01:30-04:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-05T15:10Z",
            "2026-04-05T00:00+11:00 to 2026-04-05T01:40+11:00",
        ),
        # Half past midnight is skipped, so nothing has passed of the day before.
        ("Africa/Cairo", "2026-04-24T21:30Z", "2026-04-24T01:00+03:00 to 2026-04-24T01:00+03:00"),
        (
            "America/Santiago",
            "2026-09-07T03:30Z",
            "2026-09-06T01:00-03:00 to 2026-09-06T01:00-03:00",
        ),
        # Now is a reading that the clocks repeat: either time it is the same reading.
        ("Europe/Berlin", "2026-10-25T00:30Z", "2026-10-24T00:00+02:00 to 2026-10-24T02:30+02:00"),
        ("Europe/Berlin", "2026-10-25T01:30Z", "2026-10-24T00:00+02:00 to 2026-10-24T02:30+02:00"),
    ],
)
def test_a_reading_that_the_clocks_skip_or_repeat(zone: str, now: str, expected: str) -> None:
    assert local(window(Period.TODAY, zone=zone, now=now, before=1), zone) == expected


def test_a_date_that_a_zone_skipped_is_empty() -> None:
    zone = "Pacific/Apia"
    skipped, before, after = date(2011, 12, 30), date(2011, 12, 29), date(2011, 12, 31)
    change = datetime(2011, 12, 30, 10, tzinfo=UTC)

    assert window(DateRange(skipped, skipped), zone=zone) == Window(change, change, change)
    assert local(window(DateRange(before, after), zone=zone), zone) == (
        "2011-12-29T00:00-10:00 to 2012-01-01T00:00+14:00"
    )
    today = window(Period.TODAY, zone=zone, now="2011-12-31T10:00+14:00", before=1)
    assert today == Window(change, change, change)
    assert window(Period.YESTERDAY, zone=zone, now="2011-12-31T10:00+14:00") == today


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (Weekday.MONDAY, "2026-03-09"),
        (Weekday.TUESDAY, "2026-03-10"),
        (Weekday.WEDNESDAY, "2026-03-04"),
        (Weekday.SATURDAY, "2026-03-07"),
        (Weekday.SUNDAY, "2026-03-08"),
    ],
)
def test_a_week_begins_on_the_weekday_that_is_asked_for(day: Weekday, until: str) -> None:
    found = window(Period.LAST_WEEK, week_starts_on=day)

    assert found.until == datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert found.until - found.start == timedelta(days=7)


def test_dates_are_local_and_both_included() -> None:
    dates = DateRange(date(2026, 3, 28), date(2026, 3, 29))
    zone = "Europe/Berlin"

    assert local(window(dates, zone=zone), zone) == (
        "2026-03-28T00:00+01:00 to 2026-03-30T00:00+02:00"
    )
    assert local(window(dates, zone=zone, before=1), zone) == (
        "2026-03-26T00:00+01:00 to 2026-03-28T00:00+01:00"
    )
    assert local(window(dates, zone=zone, before=3), zone) == (
        "2026-03-22T00:00+01:00 to 2026-03-24T00:00+01:00"
    )


def test_instants_are_as_given_and_the_ones_before_are_as_long() -> None:
    start = datetime.fromisoformat("2026-03-29T00:00:00.000001+01:00")
    end = datetime.fromisoformat("2026-03-30T00:00+02:00")
    length = end - start

    assert window(InstantRange(start, end)) == Window(start, end, end)
    assert window(InstantRange(start, end)).start.tzinfo is UTC
    assert window(InstantRange(start, end), before=2) == Window(
        start - 2 * length, start - length, start - length
    )


def _instants(start: str, end: str) -> InstantRange:
    return InstantRange(datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            DateRange(date(2026, 3, 2), date(2026, 3, 1)),
            "`first` (2026-03-02) is after `last` (2026-03-01).",
        ),
        (
            DateRange(date(1969, 12, 31), date(1970, 1, 1)),
            "`first` (1969-12-31) is outside the years 1970 to 2200.",
        ),
        (
            DateRange(date(2200, 12, 31), date(2201, 1, 1)),
            "`last` (2201-01-01) is outside the years 1970 to 2200.",
        ),
        (
            DateRange(date(2020, 1, 1), date(2030, 1, 8)),
            "The dates may span 3,660 days at most, not 3,661.",
        ),
        (
            _instants("2026-03-01T00:00", "2026-03-02T00:00Z"),
            "`start` (2026-03-01T00:00:00) has no offset from UTC, such as Z or +02:00.",
        ),
        (
            _instants("2026-03-01T00:00Z", "2026-03-02T00:00"),
            "`end` (2026-03-02T00:00:00) has no offset from UTC, such as Z or +02:00.",
        ),
        (
            _instants("2026-03-01T00:00Z", "2026-03-01T01:00+01:00"),
            (
                "`start` (2026-03-01T00:00:00+00:00) is not before "
                "`end` (2026-03-01T01:00:00+01:00)."
            ),
        ),
        (
            _instants("0001-01-01T00:00+14:00", "2026-03-01T01:00Z"),
            "`start` (0001-01-01T00:00:00+14:00) is outside the years 1970 to 2200.",
        ),
        (
            _instants("2026-03-01T01:00Z", "9999-12-31T23:59:59-14:00"),
            "`end` (9999-12-31T23:59:59-14:00) is outside the years 1970 to 2200.",
        ),
        (
            _instants("2020-01-01T00:00Z", "2030-01-08T00:00:00.000001Z"),
            "The instants may span 3,660 days at most, not 3,661.",
        ),
    ],
)
def test_what_is_refused(asked: Asked, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        window(asked)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "asked",
    [
        DateRange(date(2020, 1, 1), date(2030, 1, 7)),
        DateRange(date(1970, 1, 1), date(1970, 1, 1)),
        DateRange(date(2200, 12, 31), date(2200, 12, 31)),
        _instants("2020-01-01T00:00Z", "2030-01-08T00:00Z"),
        _instants("2026-03-01T00:00Z", "2026-03-01T00:00:00.000001Z"),
    ],
)
def test_the_longest_and_the_shortest_are_answered(asked: Asked) -> None:
    assert window(asked).start < window(asked).end
