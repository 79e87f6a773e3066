"""Erasures and what happens while they are under way: late answers, late orders, and who must not wait."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import values
from msgspec import structs
from persons import House
from sqlalchemy import Connection, Engine, text

from worker.domain.basket import Rule
from worker.local import waiting
from worker.store import baskets, database, outbox

IN_2030 = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def house(engine: Engine, unique: Callable[[], str]) -> Iterator[House]:
    made = House(engine, unique())
    yield made
    made.clear()


def test_an_answer_given_while_the_erasure_waits_for_another_basket_goes_too(
    house: House, session: Callable[[], Connection]
) -> None:
    """The step has begun before the command, and gets the basket after it."""
    first_id, second_id = house.owns("pat", 2)
    house.ask("pat")
    busy, late = session(), session()
    baskets.lock(busy, [(house.channel, first_id)])
    with ThreadPoolExecutor(1) as threads:
        erasing = threads.submit(house.forget)
        assert waiting.until(house.waits, seconds=4)
        ((_, basket),) = baskets.lock(late, [(house.channel, second_id)]).items()
        baskets.save(late, [], [structs.replace(basket, version=2)])
        event = values.event(second_id, channel=house.channel)
        outbox.append(late, [structs.replace(event, body='"Miller"')])
        late.commit()
        busy.rollback()
        assert erasing.result(timeout=5) is True
    house.forget_all()
    assert house.open() == []
    assert house.with_bodies() == []


def test_an_order_placed_between_the_asking_and_the_closing_of_its_basket_goes_too(house: House) -> None:
    (id_,) = house.owns("pat", 1)
    house.ask("pat")
    place = (
        "INSERT INTO customer_order VALUES (:c, :b, :b, :b, 'pat', now(),"
        ' \'{"owner": "pat", "document": {"owner": "pat", "department": "Miller"}}\') RETURNING id'
    )
    house.column(place, b=id_)
    house.forget_all()
    kept = "SELECT concat(owner, document->'document'->>'department') FROM customer_order WHERE channel = :c"
    assert house.column(kept) == [""]


def test_an_order_of_a_basket_that_was_opened_after_the_asking_stays(house: House) -> None:
    house.ask("pat")
    (id_,) = house.owns("pat", 1)
    house.column(
        "INSERT INTO customer_order VALUES (:c, :b, :b, :b, 'pat', now(), '{\"document\": {}}') RETURNING id",
        b=id_,
    )
    house.forget_all()
    assert house.column("SELECT owner FROM customer_order WHERE channel = :c") == ["pat"]


def test_a_hundred_who_are_held_up_do_not_keep_the_next_from_being_erased(house: House) -> None:
    for number in range(100):
        (id_,) = house.owns(f"pat-{number:03d}", 1)
        house.answered(id_)
        house.ask(f"pat-{number:03d}")
    house.ask("last")
    house.forget()
    assert "last" not in house.to_be_erased()


def test_a_recurrence_that_cannot_be_read_holds_up_no_other_person(house: House) -> None:
    basket = house.basket("broken", "pat")
    rule = Rule(start_at=IN_2030, interval="P1M")
    with database.transaction(house.engine) as tx:
        baskets.save(
            tx, [structs.replace(basket, content=structs.replace(basket.content, recurrence=rule))], []
        )
        tx.execute(
            text("INSERT INTO recurrence VALUES (:c, :b, 1, 'active', NULL, '[]')"),
            {"c": house.channel, "b": basket.id},
        )
    (annes,) = house.owns("anne", 1)
    house.ask("pat")
    house.ask("anne")
    house.forget()
    assert annes not in house.open()
