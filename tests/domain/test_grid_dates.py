"""Contract 6.2: when occurrences are due; every date in here is a literal, in UTC."""

from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.period import parse_period
from worker.domain.grid import Grid


def grid(start: str, interval: str, zone: str | None = None) -> Grid:
    """Make the grid of a start with its offset, in the form that the wire has."""
    start_at, period = datetime.fromisoformat(start), parse_period(interval)
    assert period is not None
    return Grid(start_at, period, zone=zone, offset=start_at.utcoffset() or timedelta(0))


def due(days: Grid, occurrences: range) -> list[str]:
    return [str(days.due(n)).removesuffix(":00+00:00").replace(" ", "T") for n in occurrences]


def test_the_31st_of_january_monthly_is_the_last_day_of_shorter_months() -> None:
    assert due(grid("2027-01-31T09:00+00:00", "P1M"), range(14)) == [
        "2027-01-31T09:00",
        "2027-02-28T09:00",
        "2027-03-31T09:00",
        "2027-04-30T09:00",
        "2027-05-31T09:00",
        "2027-06-30T09:00",
        "2027-07-31T09:00",
        "2027-08-31T09:00",
        "2027-09-30T09:00",
        "2027-10-31T09:00",
        "2027-11-30T09:00",
        "2027-12-31T09:00",
        "2028-01-31T09:00",
        "2028-02-29T09:00",
    ]


def test_the_29th_of_february_yearly_is_the_28th_but_in_leap_years() -> None:
    assert due(grid("2024-02-29T00:00+00:00", "P1Y"), range(1, 5)) == [
        "2025-02-28T00:00",
        "2026-02-28T00:00",
        "2027-02-28T00:00",
        "2028-02-29T00:00",
    ]


def test_the_year_2100_is_no_leap_year() -> None:
    assert due(grid("2096-02-29T00:00+00:00", "P4Y"), range(3)) == [
        "2096-02-29T00:00",
        "2100-02-28T00:00",
        "2104-02-29T00:00",
    ]


def test_a_period_of_all_units_adds_all_months_first_and_then_all_days() -> None:
    assert due(grid("2023-01-31T00:00+00:00", "P1Y2M3W4D"), range(5)) == [
        "2023-01-31T00:00",
        "2024-04-25T00:00",
        "2025-07-20T00:00",
        "2026-10-14T00:00",
        "2028-01-08T00:00",
    ]


def test_a_fixed_offset_stays_for_ever() -> None:
    assert due(grid("2016-06-01T12:00+02:00", "P3M"), range(5)) == [
        "2016-06-01T10:00",
        "2016-09-01T10:00",
        "2016-12-01T10:00",
        "2017-03-01T10:00",
        "2017-06-01T10:00",
    ]


def test_a_zone_keeps_the_wall_clock() -> None:
    assert due(grid("2016-06-01T12:00+02:00", "P3M", "Europe/Berlin"), range(5)) == [
        "2016-06-01T10:00",
        "2016-09-01T10:00",
        "2016-12-01T11:00",
        "2017-03-01T11:00",
        "2017-06-01T10:00",
    ]


def test_the_offset_decides_on_which_day_a_month_ends() -> None:
    assert due(grid("2027-01-31T23:30-05:00", "P1M"), range(3)) == [
        "2027-02-01T04:30",
        "2027-03-01T04:30",
        "2027-04-01T04:30",
    ]


def test_a_time_in_the_gap_of_spring_moves_forward_by_the_gap() -> None:
    assert due(grid("2027-03-26T02:30+01:00", "P1D", "Europe/Berlin"), range(5)) == [
        "2027-03-26T01:30",
        "2027-03-27T01:30",
        "2027-03-28T01:30",  # 03:30 by the clock
        "2027-03-29T00:30",
        "2027-03-30T00:30",
    ]


def test_a_time_in_the_overlap_of_autumn_is_the_earlier_instant() -> None:
    assert due(grid("2027-10-29T02:30+02:00", "P1D", "Europe/Berlin"), range(5)) == [
        "2027-10-29T00:30",
        "2027-10-30T00:30",
        "2027-10-31T00:30",
        "2027-11-01T01:30",
        "2027-11-02T01:30",
    ]


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2027-03-20T02:30+01:00", date(2027, 3, 28)),
        ("2027-10-20T02:30+02:00", date(2027, 10, 31)),
    ],
)
def test_gap_and_overlap_have_exactly_one_occurrence_each(start: str, day: date) -> None:
    days = grid(start, "P1D", "Europe/Berlin")
    instants = [days.due(n) for n in range(20)]
    assert len(set(instants)) == 20
    assert sum(instant is not None and instant.date() == day for instant in instants) == 1


def test_a_gap_of_half_an_hour_moves_by_half_an_hour() -> None:
    # Lord Howe Island: 02:00 becomes 02:30 on 3 October 2027, from +10:30 to +11.
    assert due(grid("2027-10-02T02:15+10:30", "P1D", "Australia/Lord_Howe"), range(3)) == [
        "2027-10-01T15:45",
        "2027-10-02T15:45",  # 02:45 by the clock
        "2027-10-03T15:15",
    ]


def test_a_start_in_an_overlap_is_the_instant_that_its_offset_says() -> None:
    days = grid("2027-10-31T02:30+01:00", "P1D", "Europe/Berlin")
    assert due(days, range(2)) == ["2027-10-31T01:30", "2027-11-01T01:30"]


def test_fractions_of_a_second_stay() -> None:
    days = grid("2027-01-31T09:00:00.123456+00:00", "P1M")
    assert days.due(1) == datetime(2027, 2, 28, 9, 0, 0, 123456, tzinfo=UTC)


def test_a_grid_ends_where_the_calendar_does() -> None:
    days = grid("2027-01-01T00:00+00:00", "P1000Y")
    assert due(days, range(7, 8)) == ["9027-01-01T00:00"]
    assert days.due(8) is None
    assert days.first_at_or_after(datetime(9027, 1, 1, tzinfo=UTC)) == 7
    assert days.first_at_or_after(datetime(9027, 1, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("instant", "n"),
    [
        ("2000-01-01T00:00+00:00", 0),
        ("2016-06-01T10:00+00:00", 0),
        ("2016-06-01T10:00:00.000001+00:00", 1),
        ("2016-09-01T10:00+00:00", 1),
        ("2026-06-01T09:59:59+00:00", 40),
        ("2026-06-01T10:00+00:00", 40),
        ("2026-06-02T00:00+00:00", 41),
    ],
)
def test_the_first_occurrence_from_an_instant_on_is_found(instant: str, n: int) -> None:
    days = grid("2016-06-01T12:00+02:00", "P3M")
    assert days.first_at_or_after(datetime.fromisoformat(instant)) == n
