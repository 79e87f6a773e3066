"""The rows of the slots: who is there, since when, and how long a row is believed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from outside.stage import Stage

from worker.store import database, slots
from worker.store.slots import View


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    yield engine
    stage.rows("delete from slot")
    engine.dispose()


def view(engine: database.Engine, of: int = 3) -> View:
    with database.transaction(engine) as tx:
        return slots.view(tx, of)


def test_a_worker_that_signs_is_seen_from_then_on(engine: database.Engine) -> None:
    assert view(engine).consuming_since == {}
    with database.transaction(engine) as tx:
        since = slots.arrive(tx, 1, 3, "one")
    with database.transaction(engine) as tx:
        slots.sign(tx, 1, 3, "one", since)
    seen = view(engine)
    assert seen.consuming_since == {1: since}
    assert seen.at >= since


def test_slots_of_another_number_are_another_division(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        slots.arrive(tx, 1, 2, "one")
    assert view(engine, 3).consuming_since == {}
    assert set(view(engine, 2).consuming_since) == {1}


def test_a_row_that_is_not_renewed_is_not_believed(engine: database.Engine, stage: Stage) -> None:
    with database.transaction(engine) as tx:
        slots.arrive(tx, 0, 3, "one")
    stage.rows("update slot set seen_at = seen_at - interval '5.1 s'")
    assert view(engine).consuming_since == {}


def test_who_leaves_is_gone_at_once(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        slots.arrive(tx, 0, 3, "one")
    with database.transaction(engine) as tx:
        slots.leave(tx, 0, 3, "one")
    assert view(engine).consuming_since == {}


def test_of_two_workers_with_one_slot_the_later_arrival_counts_and_neither_leaves_for_the_other(
    engine: database.Engine,
) -> None:
    with database.transaction(engine) as tx:
        first = slots.arrive(tx, 0, 3, "first")
    with database.transaction(engine) as tx:
        second = slots.arrive(tx, 0, 3, "second")
    with database.transaction(engine) as tx:
        slots.sign(tx, 0, 3, "first", first)
        slots.leave(tx, 0, 3, "second")
    assert view(engine).consuming_since == {0: second}


def test_rows_of_yesterday_are_cleared_away_by_who_comes(engine: database.Engine, stage: Stage) -> None:
    with database.transaction(engine) as tx:
        slots.arrive(tx, 4, 5, "old")
    stage.rows("update slot set seen_at = now() - %s", timedelta(hours=25))
    with database.transaction(engine) as tx:
        slots.arrive(tx, 0, 3, "new")
    assert stage.rows("select worker from slot") == [("new",)]


def test_each_arrival_is_later_than_the_one_before_whatever_the_clock_says(
    engine: database.Engine, stage: Stage
) -> None:
    with database.transaction(engine) as tx:
        slots.arrive(tx, 0, 3, "one")
    stage.rows("update slot set consuming_since = now() + interval '1 hour'")
    before = view(engine).consuming_since[0]
    with database.transaction(engine) as tx:
        assert slots.arrive(tx, 0, 3, "one") > before
    assert view(engine).consuming_since[0] > before
