"""Contract 6.8: a basket that was thrown away and created again is another one: all data are new to it."""

import pytest
from holding import DS1, Catalogue, select, taken
from standing import House

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D", "newDataOnly": True}
AGAIN = {"startDate": "2026-03-05T10:00:00Z", "interval": "P1D", "newDataOnly": True}


@pytest.mark.parametrize("is_removed_before", [False, True])
def test_its_first_order_has_no_lower_bound(house: House, *, is_removed_before: bool) -> None:
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.put("old", "2025-06-01T00:00")
    house.basket("b", {})
    select(house)
    house.recurs(**DAILY)
    assert house.ticks("2026-03-01T10:00") == 1
    if is_removed_before:
        house.recurs(now="2026-03-01T11:00", interval="P0D")
    house.say("basket.empty", "b", now="2026-03-01T12:00")
    house.say("basket.create", "b", {}, now="2026-03-01T13:00")
    select(house, now="2026-03-01T14:00")
    house.recurs(now="2026-03-01T15:00", **AGAIN)
    assert house.ticks("2026-03-05T10:00") == 1
    assert taken(house) == [["old"], ["old"]]
