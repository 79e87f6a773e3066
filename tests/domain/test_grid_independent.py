"""The grid against another implementation: dateutil's relativedelta, with dateutil's own time zones."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from dateutil import tz
from dateutil.relativedelta import relativedelta
from dateutil.zoneinfo import get_zonefile_instance
from hypothesis import given
from hypothesis import strategies as st

from contracts.period import Period
from worker.domain.grid import Grid

ZONES = get_zonefile_instance()
NAMES = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Africa/Casablanca",
    "Asia/Tehran",
    "America/St_Johns",
    "Asia/Kathmandu",
]
KNOWN_UNTIL = datetime(2036, 1, 1, tzinfo=UTC)  # dateutil's tables end in 2037
starts = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2030-01-01"))
periods = st.builds(
    Period, years=st.integers(0, 3), months=st.integers(0, 14), days=st.integers(0, 70)
).filter(lambda period: not period.is_zero)
offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))


def by_dateutil(local: datetime, period: Period, n: int, clock: tzinfo) -> datetime:
    steps = relativedelta(months=(period.years * 12 + period.months) * n, days=period.days * n)
    moved = (local + steps).replace(tzinfo=clock, fold=0)
    return tz.resolve_imaginary(moved).astimezone(UTC)


@given(starts, periods, offsets, st.integers(0, 100))
def test_with_a_fixed_offset_both_agree(local: datetime, period: Period, offset: timedelta, n: int) -> None:
    clock = timezone(offset)
    start_at = local.replace(tzinfo=clock)
    due = Grid(start_at, period, zone=None, offset=offset).due(n)
    assert due == by_dateutil(local, period, n, clock)


@given(starts, periods, st.sampled_from(NAMES), st.integers(0, 60))
def test_in_a_zone_both_agree(local: datetime, period: Period, name: str, n: int) -> None:
    clock = ZONES.get(name)
    local = tz.resolve_imaginary(local.replace(tzinfo=clock)).replace(tzinfo=None)
    expected = by_dateutil(local, period, n, clock)
    start_at = by_dateutil(local, period, 0, clock)
    due = Grid(start_at, period, zone=name, offset=timedelta(0)).due(n)
    if expected < KNOWN_UNTIL:
        assert due == expected


@given(starts, periods, st.sampled_from([None, *NAMES]), st.integers(0, 300))
def test_instants_rise_with_every_occurrence(
    local: datetime, period: Period, name: str | None, n: int
) -> None:
    grid = Grid(local.replace(tzinfo=UTC), period, zone=name, offset=timedelta(0))
    earlier, later = grid.due(n), grid.due(n + 1)
    assert earlier is not None
    assert later is not None
    assert earlier < later


@given(starts, periods, st.sampled_from([None, *NAMES]), st.integers(-5000, 50_000), st.integers(-1, 1))
def test_the_first_at_or_after_is_what_counting_finds(
    local: datetime, period: Period, name: str | None, hours: int, microseconds: int
) -> None:
    grid = Grid(local.replace(tzinfo=UTC), period, zone=name, offset=timedelta(0))
    instant = local.replace(tzinfo=UTC) + timedelta(hours=hours, microseconds=microseconds)
    counted = 0
    while (due := grid.due(counted)) is not None and due < instant:
        counted += 1
    assert grid.first_at_or_after(instant) == counted


@given(starts, periods, st.sampled_from([None, *NAMES]), st.integers(0, 300), st.integers(-1, 1))
def test_an_occurrence_is_at_or_after_its_own_instant_and_before_the_next_moment(
    local: datetime, period: Period, name: str | None, n: int, microseconds: int
) -> None:
    grid = Grid(local.replace(tzinfo=UTC), period, zone=name, offset=timedelta(0))
    due = grid.due(n)
    assert due is not None
    found = grid.first_at_or_after(due + timedelta(microseconds=microseconds))
    assert found == (n + 1 if microseconds > 0 else n)


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kwajalein"])
def test_where_a_whole_day_was_left_out_instants_never_fall(zone: str) -> None:
    # Samoa had no 30 December 2011: that day's time is moved onto the 31st.
    grid = Grid(datetime(2011, 12, 25, 20, tzinfo=UTC), Period(days=1), zone=zone, offset=timedelta(0))
    instants = [grid.due(n) for n in range(20)]
    assert instants == sorted(instants, key=str)
    assert grid.first_at_or_after(datetime(2012, 1, 1, tzinfo=UTC)) is not None
