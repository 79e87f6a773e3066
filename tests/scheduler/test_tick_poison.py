"""Contract 6.5: one bad basket never holds up another, whatever is wrong with it."""

from collections.abc import Callable

import psycopg
import pytest
from standing import House

from worker.domain.callers import Caller

DUE = "2026-03-01T10:00"
DAILY = {"startDate": f"{DUE}:00Z", "interval": "P1D"}
POISONED = "b-00023"
OPERATOR = Caller(user="ops", is_operator=True)


def _basket(house: House, expression: str) -> None:
    house.stage.rows(f"update basket set document = {expression} where id = %s", POISONED)


def _recurrence(house: House, expression: str) -> None:
    house.stage.rows(f"update recurrence set document = {expression} where basket_id = %s", POISONED)


def basket_without_content(house: House) -> None:
    _basket(house, "document - 'content'")


def basket_that_is_a_list(house: House) -> None:
    _basket(house, "'[1]'")


def recurrence_without_rule(house: House) -> None:
    _recurrence(house, "document - 'rule'")


def recurrence_that_is_a_list(house: House) -> None:
    _recurrence(house, "'[1]'")


def interval_that_is_no_period(house: House) -> None:
    _recurrence(house, "jsonb_set(document, '{rule,interval}', '\"P1X\"')")


def zone_that_does_not_exist(house: House) -> None:
    _recurrence(house, "jsonb_set(document, '{rule,time_zone}', '\"Europe/Atlantis\"') || '{\"next_n\": 0}'")


def occurrence_that_has_its_row(house: House) -> None:
    house.stage.rows(
        "insert into occurrence (channel, basket_id, generation, n, last_n, due_at, last_due_at, reason)"
        " values ('shop', %s, 1, 0, 0, %s, %s, 'missed')",
        POISONED,
        DUE,
        DUE,
    )


def index_beyond_all_numbers(house: House) -> None:
    _recurrence(house, "document || '{\"next_n\": 9223372036854775807}'")


def product_that_cannot_be_read(house: House) -> None:
    house.product("odd", 1)
    _basket(house, "jsonb_set(document, '{content,items,0,sku}', '\"odd\"')")
    house.stage.rows("update reference set document = document - 'price' where id = 'odd'")


def quantity_beyond_all_numbers(house: House) -> None:
    _basket(house, "jsonb_set(document, '{content,items,0,quantity}', to_jsonb(repeat('9', 4000)::numeric))")


POISONS = [
    basket_without_content,
    basket_that_is_a_list,
    recurrence_without_rule,
    recurrence_that_is_a_list,
    interval_that_is_no_period,
    occurrence_that_has_its_row,
    product_that_cannot_be_read,
    zone_that_does_not_exist,
    index_beyond_all_numbers,
    quantity_beyond_all_numbers,
]


@pytest.fixture
def crowd(house: House) -> House:
    """Five hundred baskets that are due at once."""
    house.recurs(house.basket(), **DAILY)
    house.copies("b", 499)
    return house


@pytest.fixture
def few(house: House) -> House:
    """Fifty, where the number is of no importance."""
    house.recurs(house.basket(), **DAILY)
    house.copies("b", 49)
    return house


@pytest.mark.parametrize("poison", POISONS)
def test_one_poisoned_basket_among_500_costs_no_other_its_order(
    crowd: House, poison: Callable[[House], None]
) -> None:
    poison(crowd)
    assert crowd.ticks(DUE) == 499
    assert crowd.stage.rows("select count(distinct basket_id) from customer_order") == [(499,)]
    assert crowd.stage.rows("select count(*) from customer_order where basket_id = %s", POISONED) == [(0,)]


@pytest.mark.parametrize(
    "poison", [basket_without_content, recurrence_without_rule, occurrence_that_has_its_row]
)
def test_it_is_suspended_and_says_so(few: House, poison: Callable[[House], None]) -> None:
    poison(few)
    few.ticks(DUE)
    assert few.state(POISONED) == "suspended"
    (suspended,) = few.events(POISONED, "recurrence.suspended")
    reason = suspended["body"].pop("reason")
    assert reason["code"] == "command.internal_error"
    assert "Traceback" not in reason["message"]
    assert suspended["body"] == {"basketId": POISONED, "generation": 1}
    assert suspended["headers"]["version"] == 3
    assert few.ticks(DUE, "2026-03-01T10:01") == 0  # once, not with every tick


def test_what_a_person_has_mended_goes_on_after_a_resume(few: House) -> None:
    ((good,),) = few.stage.rows("select document::text from basket where id = %s", POISONED)
    basket_without_content(few)
    few.ticks(DUE)
    few.stage.rows("update basket set document = %s where id = %s", good, POISONED)
    shown = few.say("recurrence.resume", POISONED, {"missed": "all"}, now="2026-03-01T10:30", caller=OPERATOR)
    assert shown["state"] == "active"
    assert few.ticks("2026-03-01T10:30") == 1
    assert few.table(POISONED) == ["1: 0 2026-03-01 10:00 order"]


def test_a_tick_that_is_split_orders_nothing_twice(few: House) -> None:
    occurrence_that_has_its_row(few)
    few.ticks(DUE, "2026-03-01T10:01", "2026-03-02T10:00")
    ordered = "select basket_id, n from occurrence where order_id is not null"
    assert len(set(few.stage.rows(ordered))) == len(few.stage.rows(ordered))
    assert few.stage.rows("select count(*) from customer_order") == [(2 * 49,)]


def test_a_basket_that_is_closed_is_left_alone(few: House) -> None:
    few.stage.rows(
        "update basket set is_open = false, document = document || '{\"is_open\": false}' where id = %s",
        POISONED,
    )
    assert few.ticks(DUE, "2026-03-01T10:01") == 49
    assert few.said(POISONED) == []


def test_a_basket_that_is_locked_costs_no_other_a_wait(few: House) -> None:
    with psycopg.connect(few.stage.database_url) as busy:
        busy.execute("select from basket where id = %s for update", (POISONED,))
        assert few.ticks(DUE) == 49
        busy.rollback()
    assert few.ticks(DUE) == 1
