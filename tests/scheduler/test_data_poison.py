"""Contract 6.5: one bad basket of data never holds up another, whatever is wrong with it."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from holding import DS1, Catalogue, remains, select, taken
from standing import House, at

from scheduler import data_tick
from worker.domain import gathering, ordering
from worker.store import database

DUE = "2026-03-01T10:00"
DAILY = {"startDate": f"{DUE}:00Z", "interval": "P1D", "newDataOnly": True}
NUMBER = 8
POISONED = "b-00003"  # in the middle of the others
_SLOW_INSERT = """
create function stand_still() returns trigger language plpgsql as
    'begin if new.basket_id = ''b-00003'' then perform pg_sleep(5); end if; return new; end';
create trigger stand_still before insert on customer_order for each row execute function stand_still();
"""


@pytest.fixture
def crowd(house: House) -> House:
    """Eight baskets of data that are due at once."""
    catalogue = Catalogue(house)
    catalogue.dataset(DS1, "Sea ice")
    catalogue.put("o1", "2025-06-01T00:00")
    house.basket("b", {})
    select(house)
    house.recurs(**DAILY)
    house.copies("b", NUMBER - 1)
    return house


def _basket(house: House, expression: str) -> None:
    house.stage.rows(f"update basket set document = {expression} where id = %s", POISONED)


def basket_without_content(house: House) -> None:
    _basket(house, "document - 'content'")


def basket_whose_dataset_is_a_number(house: House) -> None:
    _basket(house, "jsonb_set(document, '{content,datasets,0}', '1')")


def recurrence_without_rule(house: House) -> None:
    house.stage.rows("update recurrence set document = document - 'rule' where basket_id = %s", POISONED)


def reach_that_is_a_text(house: House) -> None:
    house.stage.rows(
        'update recurrence set document = document || \'{"reached": "far"}\' where basket_id = %s', POISONED
    )


def occurrence_that_has_its_row(house: House) -> None:
    house.stage.rows(
        "insert into occurrence (channel, basket_id, generation, n, last_n, due_at, last_due_at, reason)"
        " values ('shop', %s, 1, 0, 0, %s, %s, 'missed')",
        POISONED,
        DUE,
        DUE,
    )


@pytest.mark.parametrize(
    "poison",
    [
        basket_without_content,
        basket_whose_dataset_is_a_number,
        recurrence_without_rule,
        reach_that_is_a_text,
        occurrence_that_has_its_row,
    ],
)
def test_a_poisoned_basket_of_data_is_suspended_alone(crowd: House, poison: Callable[[House], None]) -> None:
    poison(crowd)
    assert crowd.ticks(DUE) == NUMBER - 1
    assert crowd.state(POISONED) == "suspended"
    (suspended,) = crowd.events(POISONED, "recurrence.suspended")
    assert suspended["body"]["reason"]["code"] == "command.internal_error"
    assert (remains(crowd), taken(crowd, POISONED)) == (0, [])
    assert crowd.ticks(DUE, "2026-03-01T10:01") == 0


def test_a_stored_search_that_cannot_be_read_any_more_fails_its_order_alone(crowd: House) -> None:
    _basket(
        crowd, "jsonb_set(document, '{content,datasets,0,selections,0,request,q}', '\"instrument:(radar\"')"
    )
    assert crowd.ticks(DUE) == NUMBER - 1
    (failed,) = crowd.events(POISONED, "order.failed")
    assert failed["body"]["reason"]["code"] == "basket.selection.query_invalid.error"
    assert failed["body"]["reason"]["message"].startswith("a stored search cannot be read: ")
    assert failed["body"]["nextTryAt"] == "2026-03-01T10:01:00Z"


def test_a_defect_after_the_search_leaves_no_file_of_an_order_that_is_not_there(
    crowd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ordering.order

    def broken(basket: Any, *arguments: Any, **options: Any) -> Any:
        assert basket.id != POISONED
        return real(basket, *arguments, **options)

    monkeypatch.setattr(ordering, "order", broken)
    assert crowd.ticks(DUE) == NUMBER - 1
    assert (crowd.state(POISONED), remains(crowd)) == ("suspended", 0)


def test_a_defect_before_the_search_suspends_its_basket_alone(
    crowd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gathering.question

    def broken(basket: Any, *arguments: Any) -> Any:
        if basket.id == POISONED:
            raise RecursionError
        return real(basket, *arguments)

    monkeypatch.setattr(gathering, "question", broken)
    assert crowd.ticks(DUE) == NUMBER - 1
    assert crowd.state(POISONED) == "suspended"


def each_has_a_turn(crowd: House, **settings: str) -> None:
    """Tick as often as there are baskets, in sessions with these settings: the poisoned one alone fails."""
    engine = database.engine(crowd.stage.database_url, "tests", **settings)
    try:
        placed = sum(data_tick.tick(engine, at=at(DUE)).placed for _ in range(NUMBER))
    finally:
        engine.dispose()
    assert placed == NUMBER - 1
    (failed,) = crowd.events(POISONED, "order.failed")
    assert failed["body"]["reason"]["code"] == "error.service_unavailable"
    assert remains(crowd) == 0


def test_one_that_alone_is_too_slow_has_failed_and_the_others_come_to_their_turn(crowd: House) -> None:
    """Else the first in turn would be the first again, for ever."""
    crowd.stage.rows(_SLOW_INSERT)
    try:
        each_has_a_turn(crowd, statement_timeout="1200ms")  # no other takes that long on a busy machine
    finally:
        crowd.stage.rows("drop function stand_still cascade")


def test_one_that_we_work_on_for_too_long_has_failed_and_the_others_come_to_their_turn(
    crowd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gathering.question

    def laborious(basket: Any, *arguments: Any) -> Any:
        until = time.thread_time() + (1.6 if basket.id == POISONED else 0.0)
        while time.thread_time() < until:
            real(basket, *arguments)
        return real(basket, *arguments)

    monkeypatch.setattr(gathering, "question", laborious)
    each_has_a_turn(crowd, idle_in_transaction_session_timeout="1200ms")


def test_a_basket_of_data_that_is_closed_is_left_alone(crowd: House) -> None:
    crowd.stage.rows(
        "update basket set is_open = false, document = document || '{\"is_open\": false}' where id = %s",
        POISONED,
    )
    assert crowd.ticks(DUE, "2026-03-01T10:01") == NUMBER - 1
    assert crowd.said(POISONED) == []


def test_a_basket_of_data_that_is_locked_costs_no_other_a_wait(crowd: House) -> None:
    with psycopg.connect(crowd.stage.database_url) as busy:
        busy.execute("select from basket where id = %s for update", (POISONED,))
        assert crowd.ticks(DUE) == NUMBER - 1
        busy.rollback()
    assert crowd.ticks(DUE) == 1
