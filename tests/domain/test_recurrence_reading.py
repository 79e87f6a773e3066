"""Contract 6.1, 7: what may be sent as a recurrence, and every way in which it is wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.commands import RecurrenceInput
from contracts.instants import parse_instant
from worker.domain import ruling
from worker.domain.basket import Rule

GOOD = {"start_date": "2026-06-01T12:00:00+02:00", "interval": "P3M"}
NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)


def read(**sent: Any) -> Rule | list[Any] | None:
    return ruling.read(RecurrenceInput(**sent), "$.recurrence")


def rule(**sent: Any) -> Rule:
    made = read(**{**GOOD, **sent})
    assert isinstance(made, Rule), made
    return made


def problems(**sent: Any) -> list[tuple[str, str]]:
    made = read(**sent)
    assert isinstance(made, list), made
    return [(problem.code.value, problem.path) for problem in made]


def invalid(field: str) -> list[tuple[str, str]]:
    return [("basket.recurrence_invalid.error", f"$.recurrence.{field}")]


def test_missed_orders_are_executed_by_default() -> None:
    assert rule() == Rule(start_at=NOON, offset_seconds=7200, interval="P3M", executes_missed=True)
    assert rule(execute_missed_orders=False).executes_missed is False


@pytest.mark.parametrize(
    ("start", "instant"),
    [
        ("2026-06-01T12:00:00+02:00", NOON),
        ("2026-06-01T10:00:00Z", NOON),
        ("2026-06-01T10:00:00", NOON),  # no offset: UTC
        ("2026-06-01T10:00Z", NOON),
        ("2026-06-01T12:00:00+0200", NOON),
        ("2026-06-01T10:00:00.000Z", NOON),
        (1_780_308_000_000, NOON),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_start_is_an_instant(start: object, instant: datetime) -> None:
    assert rule(start_date=start).start_at == instant


@pytest.mark.parametrize(
    "bad",
    [
        "1969-12-31T23:59:59Z",
        -1,
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-06-01T25:00:00Z",
        "2026-06-01T00:00:00+99:00",
        "2026-06-01T00:00:00-24:00",
        "tomorrow",
        "9999-12-31T23:59:59-01:00",
        10**18,
        True,
        12.5,
        [],
        {},
        "\u0662026-06-01T00:00:00Z",
    ],
)
@pytest.mark.parametrize("field", ["start_date", "end_date"])
def test_what_is_no_instant_is_refused(field: str, bad: object) -> None:
    assert problems(**{**GOOD, field: bad}) == invalid(
        {"start_date": "startDate", "end_date": "endDate"}[field]
    )


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00+99:00", "2026-01-01T00:00:00-24:00", "2026-01-01T00:00+24"]
)
def test_an_offset_of_a_day_or_more_is_no_offset(text: str) -> None:
    assert parse_instant(text) is None


def test_the_attributes_that_are_missing_are_named() -> None:
    assert problems() == [
        ("basket.recurrence_missing_interval.error", "$.recurrence.interval"),
        ("basket.recurrence_missing_start_date.error", "$.recurrence.startDate"),
    ]
    made = read()
    assert isinstance(made, list)
    assert ["interval" in made[0].message, "startDate" in made[1].message] == [True, True]
    assert problems(start_date=0) == [("basket.recurrence_missing_interval.error", "$.recurrence.interval")]
    assert problems(interval="P1M") == [
        ("basket.recurrence_missing_start_date.error", "$.recurrence.startDate")
    ]


@pytest.mark.parametrize("interval", ["P", " ", "PT1H", "P1.5M", "P-1M", "P1M-1D", "P2D1W", 7, None, ["P1M"]])
def test_a_bad_interval_is_refused(interval: object) -> None:
    assert problems(**{**GOOD, "interval": interval}) == invalid("interval")


@pytest.mark.parametrize("interval", ["P0D", "P0W", "P0M", "P0Y", "P0Y0M0D"])
def test_a_zero_interval_removes_and_needs_nothing_else(interval: str) -> None:
    assert read(interval=interval) is None
    assert read(**{**GOOD, "interval": interval}) is None


@pytest.mark.parametrize("bad", [0, -1, 1.5, "42", True, None, []])
def test_repetitions_are_a_whole_number_from_one_on(bad: object) -> None:
    assert problems(**GOOD, repetitions=bad) == invalid("repetitions")
    assert rule(repetitions=1).repetitions == 1


@pytest.mark.parametrize("bad", ["Berlin", "Europe/Atlantis", "+02:00", 2, "../etc/passwd", "europe/berlin "])
def test_a_time_zone_is_an_iana_name(bad: object) -> None:
    assert problems(**GOOD, time_zone=bad) == invalid("timeZone")
    assert rule(time_zone="Europe/Berlin").time_zone == "Europe/Berlin"


def test_without_an_offset_and_with_a_zone_it_is_local_time_there() -> None:
    local = rule(start_date="2026-06-01T12:00:00", time_zone="Europe/Berlin", end_date="2026-12-01T12:00:00")
    assert (local.start_at, local.end_at) == (NOON, datetime(2026, 12, 1, 11, tzinfo=UTC))


def test_with_both_the_offset_says_the_instant() -> None:
    there = rule(start_date="2026-06-01T12:00:00-04:00", time_zone="Europe/Berlin")
    assert there.start_at == datetime(2026, 6, 1, 16, tzinfo=UTC)


def test_an_end_before_the_start_is_refused_and_one_at_the_start_is_not() -> None:
    assert problems(**GOOD, end_date="2026-06-01T11:59:59+02:00") == invalid("endDate")
    assert rule(end_date="2026-06-01T12:00:00+02:00").end_at == NOON


@pytest.mark.parametrize(
    ("never", "zone"),
    [
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59.999999Z", None),
        (253_402_300_799_000, None),
        ("9999-12-31T23:59:59", "America/New_York"),
        ("9999-12-31T23:59:59", "Pacific/Auckland"),
        ("9999-12-31T00:00:00+14:00", None),
    ],
)
def test_an_end_may_be_the_last_day_there_is_which_means_never(never: object, zone: str | None) -> None:
    given = {**GOOD, "end_date": never} | ({"time_zone": zone} if zone else {})
    end_at = rule(**given).end_at
    assert end_at is not None
    assert datetime(9999, 12, 30, tzinfo=UTC) <= end_at


def test_a_start_is_not() -> None:
    assert problems(**{**GOOD, "start_date": "9999-12-31T23:59:59Z"}) == invalid("startDate")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(start_date="x", end_date="y", interval="z", repetitions=0, time_zone="w")
    assert sorted(path for _, path in found) == [
        f"$.recurrence.{name}" for name in ("endDate", "interval", "repetitions", "startDate", "timeZone")
    ]
