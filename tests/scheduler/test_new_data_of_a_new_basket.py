"""Contract 6.8: a basket that was thrown away and created again is another one: all data are new to it."""

from collections.abc import Callable

import pytest
from holding import DAILY_NEW, DS1, Catalogue, select, taken
from standing import House

from worker import expiry

AGAIN = {**DAILY_NEW, "startDate": "2026-03-05T10:00:00Z"}


def empty(house: House) -> None:
    house.say("basket.empty", "b", now="2026-03-01T12:00")


def empty_without_recurrence(house: House) -> None:
    house.recurs(now="2026-03-01T11:00", interval="P0D")
    empty(house)


def let_expire(house: House) -> None:
    house.recurs(now="2026-03-01T11:00", interval="P0D")
    house.stage.rows("update basket set changed_at = now() - interval '100 days'")
    assert expiry.expire(house.engine, lambda: True)
    assert house.stage.rows("select is_open from basket") == [(False,)]


@pytest.mark.parametrize("end", [empty, empty_without_recurrence, let_expire])
def test_its_first_order_has_no_lower_bound(house: House, end: Callable[[House], None]) -> None:
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.put("old", "2025-06-01T00:00")
    house.basket("b", {})
    select(house)
    house.recurs(**DAILY_NEW)
    assert house.ticks("2026-03-01T10:00") == 1
    end(house)
    house.say("basket.create", "b", {}, now="2026-03-01T13:00")
    select(house, now="2026-03-01T14:00")
    house.recurs(now="2026-03-01T15:00", **AGAIN)
    assert house.ticks("2026-03-05T10:00") == 1
    assert taken(house) == [["old"], ["old"]]
