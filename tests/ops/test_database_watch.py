"""A look into the database: what was seen stays shown while it is away, and how long ago that was."""

import json
from collections.abc import Iterator

import pytest
from outside.scraping import Samples, samples
from outside.stage import Stage
from prometheus_client import CollectorRegistry, generate_latest

from worker.ops.database_watch import DatabaseWatch

NOBODY_THERE = "postgresql://basketry:geheim@127.0.0.1:1/basketry"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(stage: Stage, clock: Clock) -> Iterator[DatabaseWatch]:
    watch = DatabaseWatch(stage.database_url, "tests", clock)
    yield watch
    watch._engine.dispose()


def shown(watch: DatabaseWatch) -> Samples:
    registry = CollectorRegistry()
    registry.register(watch)
    return samples(generate_latest(registry).decode())


def value(watch: DatabaseWatch, name: str) -> float:
    return shown(watch)[name, frozenset()]


def test_before_the_first_look_nothing_is_claimed(watch: DatabaseWatch) -> None:
    assert watch.reasons() == ["The database has not been seen yet."]
    assert {name for name, _ in shown(watch)} == {
        "basketry_database_up",
        "basketry_database_unseen_seconds",
    }


def test_what_waits_is_shown_as_it_was_seen_last(watch: DatabaseWatch, clock: Clock, stage: Stage) -> None:
    stage.rows(
        """insert into recurrence (channel, basket_id, generation, state, next_due_at, document)
           select 'c', n::text, 1, 'active', now() - interval '2 hours', %s from generate_series(1, 3) n""",
        json.dumps({}),
    )
    watch.look()
    assert watch.reasons() == []
    assert value(watch, "basketry_database_up") == 1
    assert value(watch, "basketry_recurrences_overdue") == 3
    assert value(watch, "basketry_recurrences_oldest_overdue_seconds") == pytest.approx(7200, abs=60)
    assert value(watch, "basketry_outbox_oldest_pending_seconds") == 0
    assert value(watch, "basketry_dead_letters_parked") == 0
    stage.rows("delete from recurrence")
    assert value(watch, "basketry_recurrences_overdue") == 3
    clock.now += 15
    assert watch.reasons() == []
    clock.now += 1
    assert watch.reasons() == ["The database was last seen 16 s ago."]
    assert value(watch, "basketry_database_unseen_seconds") == 16
    watch.look()
    assert watch.reasons() == []
    assert value(watch, "basketry_recurrences_overdue") == 0


def test_a_session_that_was_ended_from_outside_is_no_outage(watch: DatabaseWatch, stage: Stage) -> None:
    watch.look()
    ended = stage.rows(
        """select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'basketry tests ops' and datname = current_database()"""
    )
    assert ended == [(True,)]
    watch.look()
    assert value(watch, "basketry_database_up") == 1


def test_a_database_that_is_away_is_a_number_and_no_exception(clock: Clock) -> None:
    watch = DatabaseWatch(NOBODY_THERE, "tests", clock)
    watch.look()
    assert watch.reasons() == ["The database has not been seen yet."]
    assert value(watch, "basketry_database_up") == 0
    clock.now += 60
    assert value(watch, "basketry_database_unseen_seconds") == 60
