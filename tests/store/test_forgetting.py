"""Erasures step by step: cut short, two at once, killed, held up; nobody else works at the same persons."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs
from persons import House
from sqlalchemy import Connection, Engine, text
from structlog.testing import capture_logs

from worker.local import waiting
from worker.store import baskets, database, outbox


@pytest.fixture
def house(engine: Engine, unique: Callable[[], str]) -> Iterator[House]:
    made = House(engine, unique())
    yield made
    made.clear()


def test_baskets_are_closed_in_steps_that_go_on_where_they_were_cut_short(house: House) -> None:
    ids = house.owns("pat", 450)
    house.ask("pat")
    for before, after in ((450, 250), (250, 50)):
        assert house.forget(lambda least=before: len(house.open()) == least) is False
        assert (house.open(), house.closings()) == (ids[-after:], ids[:-after])
    house.forget_all()
    assert (house.open(), house.owned("pat")) == ([], [])
    assert house.closings() == ids
    assert house.with_bodies() == []


def test_nothing_is_done_when_there_is_no_time(house: House) -> None:
    ids = house.owns("pat", 1)
    house.ask("pat")
    assert house.forget(lambda: False) is False
    assert (house.open(), house.to_be_erased()) == (ids, ["pat"])
    house.forget_all()


def test_what_others_own_and_what_was_opened_since_stays(house: House) -> None:
    (mine,) = house.owns("pat", 1)
    roberts = house.basket("roberts", "robert")
    house.ask("pat")
    back = house.basket("back", "pat")
    with database.transaction(house.engine) as tx:
        baskets.save(tx, [roberts, back], [])
    house.answered(back.id)
    house.answered(roberts.id)
    house.forget_all()
    assert house.open() == sorted([roberts.id, back.id])
    assert house.closings() == [mine]
    assert house.with_bodies() == sorted([roberts.id, back.id])


def test_a_basket_from_before_it_was_noted_when_it_was_opened_is_closed(house: House) -> None:
    with database.transaction(house.engine) as tx:
        baskets.save(tx, [structs.replace(house.basket("old", "pat"), opened_at=None)], [])
    house.ask("pat")
    house.forget_all()
    assert house.open() == []


def test_what_has_not_left_yet_holds_up_its_own_person_and_nobody_else(house: House) -> None:
    (pats,), (annes,) = house.owns("pat", 1), house.owns("anne", 1)
    house.answered(annes)
    house.publish()
    (pending,) = house.answered(pats)
    house.ask("pat")
    house.ask("anne")
    house.forget()
    with database.transaction(house.engine) as tx:
        said = [event for event in outbox.pending(tx, range(outbox.PARTITIONS), 10_000) if event.key == annes]
        outbox.mark_published(tx, said)
    assert house.forget() is True
    assert house.to_be_erased() == ["pat"]
    assert house.with_bodies() == [pats, pats], "the answer, and that the basket has ended"
    house.publish()
    house.forget()
    assert (house.to_be_erased(), house.with_bodies()) == ([], [])
    assert house.column("SELECT key FROM outbox WHERE event_id = :id", id=pending.event_id) == [pats]


@pytest.mark.parametrize("document", ["[]", '{"version": "x"}'])
def test_a_basket_that_cannot_be_read_is_left_alone_and_logged(house: House, document: str) -> None:
    broken, *others = house.owns("pat", 3)
    break_it = "UPDATE basket SET document = CAST(:d AS jsonb) WHERE id = :id RETURNING id"
    house.column(break_it, d=document, id=broken)
    house.ask("pat")
    with capture_logs() as logged:
        house.forget_all()
    assert (house.open(), house.closings()) == ([broken], others)
    assert {line["key"] for line in logged if line["event"] == "basket.unreadable"} == {broken}


def test_a_sweeper_that_is_killed_in_a_step_costs_nothing(
    house: House, session: Callable[[], Connection]
) -> None:
    """It has closed 200 baskets, and dies while it waits for one of the next 200."""
    ids = house.owns("pat", 450)
    house.ask("pat")
    busy = session()
    baskets.lock(busy, [(house.channel, ids[300])])
    with ThreadPoolExecutor(1) as threads:
        dying = threads.submit(house.forget)
        assert waiting.until(house.waits, seconds=4)
        house.kill_who_waits()
        dying.result(timeout=5)
    assert house.open() == ids[200:]
    busy.rollback()
    house.forget_all()
    assert (house.open(), house.closings(), house.with_bodies()) == ([], ids, [])


def test_a_second_sweeper_neither_waits_for_the_first_nor_does_the_same_again(
    house: House, session: Callable[[], Connection]
) -> None:
    ids = house.owns("pat", 450)
    house.ask("pat")
    house.ask("anne")
    busy = session()
    baskets.lock(busy, [(house.channel, ids[300])])
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(house.forget)
        assert waiting.until(house.waits, seconds=4)
        assert threads.submit(house.forget).result(timeout=2) is True
        assert house.to_be_erased() == ["pat"]
        busy.rollback()
        assert first.result(timeout=5) is True
    house.forget_all()
    assert (house.open(), house.closings()) == ([], ids)


def test_a_sweeper_that_finds_another_at_work_leaves_the_person_to_it(
    house: House, session: Callable[[], Connection]
) -> None:
    """The other has the person during our first step, and has died, or ended its step, before our next."""
    ids, other, looks = house.owns("pat", 450), session(), iter(range(1_000_000))
    house.ask("pat")

    def goes_on() -> bool:
        look = next(looks)
        if look == 1:
            claimed = text("SELECT 1 FROM erasure WHERE channel = :c FOR UPDATE")
            assert other.execute(claimed, {"c": house.channel}).all()
        else:
            other.rollback()
        return True

    house.forget(goes_on)
    assert house.open() == ids
    assert house.to_be_erased() == ["pat"], "nothing was closed yet"
    other.rollback()
    house.forget_all()
    assert (house.open(), house.owned("pat"), house.closings()) == ([], [], ids)
