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
        since = slots.sign(tx, 1, 3, "one", None)
    with database.transaction(engine) as tx:
        assert slots.sign(tx, 1, 3, "one", since) == since
    seen = view(engine)
    assert seen.consuming_since == {1: since}
    assert seen.at >= since


def test_slots_of_another_number_are_another_division(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        slots.sign(tx, 1, 2, "one", None)
    assert view(engine, 3).consuming_since == {}
    assert set(view(engine, 2).consuming_since) == {1}


def test_a_row_that_is_not_renewed_is_not_believed(engine: database.Engine, stage: Stage) -> None:
    with database.transaction(engine) as tx:
        slots.sign(tx, 0, 3, "one", None)
    stage.rows("update slot set seen_at = seen_at - interval '5.1 s'")
    assert view(engine).consuming_since == {}


def test_who_leaves_is_gone_at_once(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        slots.sign(tx, 0, 3, "one", None)
    with database.transaction(engine) as tx:
        slots.leave(tx, 0, 3, "one")
    assert view(engine).consuming_since == {}


def test_of_two_workers_with_one_slot_the_later_arrival_counts_and_neither_leaves_for_the_other(
    engine: database.Engine,
) -> None:
    with database.transaction(engine) as tx:
        first = slots.sign(tx, 0, 3, "first", None)
    with database.transaction(engine) as tx:
        second = slots.sign(tx, 0, 3, "second", None)
    with database.transaction(engine) as tx:
        slots.sign(tx, 0, 3, "first", first)
        slots.leave(tx, 0, 3, "second")
    assert view(engine).consuming_since == {0: second}


def test_rows_of_yesterday_are_cleared_away_by_who_comes(engine: database.Engine, stage: Stage) -> None:
    with database.transaction(engine) as tx:
        slots.sign(tx, 4, 5, "old", None)
    stage.rows("update slot set seen_at = now() - %s", timedelta(hours=25))
    with database.transaction(engine) as tx:
        slots.sign(tx, 0, 3, "new", None)
    assert stage.rows("select worker from slot") == [("new",)]
