"""Contract 6.2 tick by tick: zones, gaps, overlaps, leap days; and a database in another time zone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from standing import House, at

from worker.store import database

BERLIN = {"timeZone": "Europe/Berlin", "interval": "P1D"}


def half_hours(first: str, last: str) -> list[Any]:
    count = (at(last) - at(first)) // timedelta(minutes=30)
    return [at(first) + timedelta(minutes=30) * n for n in range(count + 1)]


def test_half_past_two_in_the_gap_of_spring_is_ordered_exactly_once(house: House) -> None:
    house.recurs(house.basket(), startDate="2027-03-27T02:30:00+01:00", **BERLIN)
    house.ticks(*half_hours("2027-03-27T00:00", "2027-03-29T12:00"))
    assert house.table() == [
        "1: 0 2027-03-27 01:30 order",
        "1: 1 2027-03-28 01:30 order",
        "1: 2 2027-03-29 00:30 order",
    ]


def test_half_past_two_in_the_overlap_of_autumn_is_ordered_exactly_once(house: House) -> None:
    house.recurs(house.basket(), startDate="2027-10-30T02:30:00+02:00", **BERLIN)
    house.ticks(*half_hours("2027-10-30T00:00", "2027-11-01T12:00"))
    assert house.table() == [
        "1: 0 2027-10-30 00:30 order",
        "1: 1 2027-10-31 00:30 order",
        "1: 2 2027-11-01 01:30 order",
    ]


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ({}, ["06-01 10:00", "09-01 10:00", "12-01 10:00", "03-01 10:00"]),
        ({"timeZone": "Europe/Berlin"}, ["06-01 10:00", "09-01 10:00", "12-01 11:00", "03-01 11:00"]),
    ],
)
def test_quarterly_at_noon_in_berlin(house: House, zone: dict[str, str], due: list[str]) -> None:
    house.recurs(house.basket(), startDate="2026-06-01T12:00:00+02:00", interval="P3M", **zone)
    for month in ("2026-06", "2026-09", "2026-12", "2027-03"):
        house.ticks(*half_hours(f"{month}-01T09:00", f"{month}-01T12:00"))
    assert [line[len("1: 0 2026-") : -len(" order")] for line in house.table()] == due


def test_a_month_end_is_never_forgotten(house: House) -> None:
    house.recurs(house.basket(), startDate="2028-01-31T09:00:00Z", interval="P1M")
    house.ticks(*(at("2028-01-31T09:00") + timedelta(hours=hour) for hour in range(0, 24 * 92, 6)))
    assert house.table() == [
        "1: 0 2028-01-31 09:00 order",
        "1: 1 2028-02-29 09:00 order",
        "1: 2 2028-03-31 09:00 order",
        "1: 3 2028-04-30 09:00 order",
    ]


@pytest.mark.parametrize("hostile", ["America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_the_time_zone_of_the_databases_session_changes_nothing(house: House, hostile: str) -> None:
    mine, house.engine = house.engine, database.engine(house.stage.database_url, "tests")
    event.listen(house.engine, "begin", lambda tx: tx.exec_driver_sql(f"set local time zone '{hostile}'"))
    try:
        house.recurs(
            house.basket(), startDate="2027-03-13T23:30:00-08:00", interval="P1D", executeMissedOrders=False
        )
        house.recurs(house.basket("c"), startDate="2027-01-31T12:00:00", interval="P1M")
        house.ticks(*half_hours("2027-03-14T07:00", "2027-03-15T08:00"), "2027-03-18T00:00")
    finally:
        house.engine.dispose()
        house.engine = mine
    assert house.table() == [
        "1: 0 2027-03-14 07:30 order",
        "1: 1 2027-03-15 07:30 order",
        "1: 2 2027-03-16 07:30 to 3 2027-03-17 07:30 missed",
    ]
    assert house.table("c") == ["1: 0 2027-01-31 12:00 order", "1: 1 2027-02-28 12:00 order"]
    assert [order["recurring"]["dueAt"] for order in house.orders()] == [
        "2027-03-14T07:30:00Z",
        "2027-03-15T07:30:00Z",
    ]
    assert house.orders("c")[0]["placedAt"] == "2027-03-14T07:00:00Z"
