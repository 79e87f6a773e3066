"""A tick beside very much that is due in the other lane."""

import pytest
from standing import House

from scheduler import beat
from scheduler.pace import Pace
from worker.ops.signs import Ticks

pytestmark = pytest.mark.slow

DATA, PRODUCTS, TICKS = 300_000, 20_000, 10
_BASKETS = (
    "insert into basket (channel, id, owner, version, is_open, holds_datasets, document)"
    " select 'shop', 'data-' || n, 'patricia', 1, true, true, '{}' from generate_series(1, %s) as n"
)
_RECURRENCES = (
    "insert into recurrence (channel, basket_id, generation, state, data_due_at, document)"
    " select 'shop', 'data-' || n, 1, 'active', '2025-10-01 10:00Z', '{}'"
    " from generate_series(1, %s) as n"
)


def test_orders_of_products_are_taken_on_by_many_however_many_of_data_wait_before_them(house: House) -> None:
    house.stage.rows(_BASKETS, DATA)
    house.stage.rows(_RECURRENCES, DATA)
    house.recurs(house.basket(), startDate="2025-11-01T10:00:00Z", interval="P10Y")
    house.copies("b", PRODUCTS - 1)
    house.stage.rows("vacuum analyze basket, recurrence")
    pace, ticks = Pace(), Ticks()
    # As many as it takes to come down to one at a time, were the search for them what is slow.
    outcomes = [beat._tick(house.engine, pace, ticks) for _ in range(TICKS)]
    claiming = [round(outcome.claiming_seconds, 3) for outcome in outcomes]
    assert pace.size > 5, claiming
    assert sum(outcome.placed for outcome in outcomes) >= 5 * 25, claiming
    assert house.stage.rows("select count(*) from customer_order where basket_id like 'data-%%'") == [(0,)]
