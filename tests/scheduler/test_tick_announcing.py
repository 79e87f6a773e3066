"""Contract 1.3: `order.upcoming`, from the channel's setting to the event."""

from standing import SHOP, House

DAILY = {"startDate": "2026-03-01T10:00:00Z", "interval": "P1D"}


def test_an_order_is_announced_as_far_ahead_as_its_channel_says(house: House) -> None:
    house.channel(SHOP, upcomingNotice="PT2H")
    house.basket("b")
    house.recurs("b", **DAILY)
    assert house.ticks("2026-03-01T07:59", "2026-03-01T08:00", "2026-03-01T08:01") == 0
    (upcoming,) = house.events("b", "order.upcoming")
    assert upcoming["body"] == {
        "basketId": "b",
        "generation": 1,
        "occurrence": 0,
        "dueAt": "2026-03-01T10:00:00Z",
    }
    assert upcoming["headers"]["version"] == 3
    assert house.ticks("2026-03-01T10:00") == 1
    assert len(house.events("b", "order.upcoming")) == 1


def test_a_channel_that_says_nothing_announces_nothing(house: House) -> None:
    house.basket("b")
    house.recurs("b", **DAILY)
    assert house.ticks("2026-03-01T08:00", "2026-03-01T10:00") == 1
    assert house.events("b", "order.upcoming") == []
