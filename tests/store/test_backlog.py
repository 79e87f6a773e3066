"""What waits, as the metrics show it: ages by the database's clock, and counts that end somewhere."""

import json
from datetime import timedelta

import pytest
from letters_at_hand import letter
from sqlalchemy import Connection, text
from values import event

from worker.store import backlog, dead_letters, outbox, waiting
from worker.store.backlog import Backlog
from worker.store.waiting import Pile

NOTHING = Backlog(oldest_event_seconds=0, overdue=0, oldest_overdue_seconds=0, parked=0)
AN_HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_waits(tx: Connection) -> None:
    """Set aside what other tests have committed; it is all rolled back."""
    tx.execute(text("DELETE FROM outbox"))
    tx.execute(text("DELETE FROM recurrence"))
    tx.execute(text("DELETE FROM dead_letter"))


def test_nothing_waits_in_an_empty_house(tx: Connection) -> None:
    assert backlog.look(tx) == NOTHING


def test_the_oldest_event_that_has_not_left_is_what_counts(tx: Connection) -> None:
    old, older, gone = event("a"), event("b"), event("c")
    outbox.append(tx, [old, older, gone])
    for one, age in ((old, AN_HOUR), (older, 2 * AN_HOUR), (gone, 3 * AN_HOUR)):
        tx.execute(
            text("UPDATE outbox SET created_at = now() - CAST(:age AS interval) WHERE event_id = :id"),
            {"age": age, "id": one.event_id},
        )
    outbox.mark_published(tx, [gone])
    assert backlog.look(tx).oldest_event_seconds == pytest.approx(7200, abs=60)


def test_recurrences_are_overdue_a_minute_after_they_were_due(tx: Connection) -> None:
    for number, age in enumerate((None, -60, 0, 59, 61, 3600)):
        tx.execute(
            text("""INSERT INTO recurrence (channel, basket_id, generation, state, next_due_at, document)
                    VALUES ('c', :id, 1, 'active', now() - make_interval(secs => :age), :document)"""),
            {"id": str(number), "age": age, "document": json.dumps({})},
        )
    seen = backlog.look(tx)
    assert (seen.overdue, seen.oldest_overdue_seconds) == (2, 3600)


def test_what_is_overdue_of_either_lane_is_counted(tx: Connection) -> None:
    tx.execute(
        text("""INSERT INTO recurrence
                (channel, basket_id, generation, state, next_due_at, data_due_at, document)
                VALUES ('c', 'products', 1, 'active', now() - interval '2 hours', NULL, '{}'),
                       ('c', 'data', 1, 'active', NULL, now() - interval '3 hours', '{}')""")
    )
    seen = backlog.look(tx)
    assert (seen.overdue, seen.oldest_overdue_seconds) == (2, 3 * 3600)


def test_an_age_is_never_below_nothing(tx: Connection) -> None:
    """What was begun after this transaction: a person would read of `-0 s`."""
    tx.execute(
        text("INSERT INTO erasure (channel, owner, asked_at) VALUES ('c', 'x', now() + interval '1 second')")
    )
    assert waiting.erasures(tx) == Pile(count=1, oldest_seconds=0)


def test_only_dead_letters_that_wait_for_a_person_are_counted(tx: Connection) -> None:
    dead_letters.park(tx, [letter() for _ in range(5)])
    tx.execute(
        text("UPDATE dead_letter SET state = 'discarded' WHERE id = (SELECT min(id) FROM dead_letter)")
    )
    assert backlog.look(tx).parked == 4


def test_counts_end_somewhere(tx: Connection) -> None:
    tx.execute(
        text("""INSERT INTO recurrence (channel, basket_id, generation, state, next_due_at, document)
                SELECT 'c', n::text, 1, 'active', now() - interval '1 day', '{}'
                FROM generate_series(1, 10050) AS n""")
    )
    assert backlog.look(tx).overdue == 10_000
