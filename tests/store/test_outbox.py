"""The outbox: events leave in the order of their keys' commits, and none is left behind."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import values
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Connection, text

from worker.store import database, inbox, outbox
from worker.store.outbox import Event

EVERYTHING = list(range(64))


def of_key(events: list[Event], key: str) -> list[Event]:
    return [event for event in events if event.key == key]


def test_events_come_out_as_they_went_in_and_in_their_order(tx: Connection) -> None:
    events = [values.event(key, number=number) for number, key in enumerate("abcab" * 20)]
    outbox.append(tx, events[:70])
    outbox.append(tx, events[70:])
    outbox.append(tx, [])
    ours = {event.event_id for event in events}
    assert [one for one in outbox.pending(tx, EVERYTHING, 1000) if one.event_id in ours] == events


json_objects = st.dictionaries(
    values.texts, st.none() | st.booleans() | st.integers(-(2**63), 2**63) | values.texts, max_size=4
)


@given(st.text(values.LETTERS, min_size=1, max_size=20), json_objects, values.texts, st.none() | values.texts)
def test_an_event_comes_back_whole(
    session: Callable[[], Connection],
    key: str,
    headers: dict[str, Any],
    body: str,
    correlation_id: str | None,
) -> None:
    tx = session()
    event = structs.replace(values.event(key), headers=headers, body=body, correlation_id=correlation_id)
    outbox.append(tx, [event])
    assert event in outbox.pending(tx, [event.partition], 10_000)
    tx.rollback()
    tx.close()


def test_a_key_has_one_partition_of_sixty_four_whatever_process_asks() -> None:
    def crc32(octets: bytes) -> int:
        """Divide bit by bit, as RFC 1952 says."""
        rest = 0xFFFFFFFF
        for octet in octets:
            rest ^= octet
            for _ in range(8):
                rest = (rest >> 1) ^ (0xEDB88320 if rest & 1 else 0)
        return rest ^ 0xFFFFFFFF

    for channel, key in (("default", "a-basket"), ("b2c", "ä"), ("", "")):
        expected = crc32(f"{channel}\0{key}".encode()) % 64
        assert values.event(key, channel=channel).partition == expected


def test_no_more_than_asked_for_is_listed_the_oldest_first(tx: Connection) -> None:
    events = [values.event("a", number=number) for number in range(10)]
    outbox.append(tx, events)
    outbox.mark_published(tx, [one for one in outbox.pending(tx, EVERYTHING, 1000) if one not in events])
    assert outbox.pending(tx, EVERYTHING, 4) == events[:4]
    assert outbox.pending(tx, [events[0].partition], 1000) == events
    others = [number for number in EVERYTHING if number != events[0].partition]
    assert outbox.pending(tx, others, 1000) == []
    assert outbox.pending(tx, [], 1000) == []


def test_what_is_marked_is_not_pending_and_marked_only_once(tx: Connection) -> None:
    events = [values.event("a", number=number) for number in range(3)]
    outbox.append(tx, events)
    assert outbox.mark_published(tx, events[:2]).total() == 2
    assert of_key(outbox.pending(tx, EVERYTHING, 1000), "a") == events[2:]
    assert outbox.mark_published(tx, events).total() == 1
    assert outbox.mark_published(tx, [values.event("a")]).total() == 0


def test_what_is_marked_is_counted_by_the_seconds_that_it_has_waited(tx: Connection) -> None:
    events = [values.event("a", number=number) for number in range(5)]
    outbox.append(tx, events)
    an_hour_ago = text("UPDATE outbox SET created_at = now() - interval '1 hour' WHERE event_id = :id")
    for event in events[:2]:
        tx.execute(an_hour_ago, {"id": event.event_id})
    waited = outbox.mark_published(tx, events)
    assert sorted(waited.values()) == [2, 3], "what was written together counts as one"
    assert sorted(round(seconds / 60) for seconds in waited) == [0, 60]


def test_a_partition_is_locked_by_one_relay_and_asking_never_waits(session: Callable[[], Connection]) -> None:
    first, second = session(), session()
    for one in (first, second):
        one.execute(text("SET LOCAL lock_timeout = '1ms'"))
    assert outbox.lock(first, [3, 1, 2]) == [1, 2, 3]
    assert outbox.lock(second, [2, 3, 4, 5]) == [4, 5]
    assert outbox.lock(first, [1, 4]) == [1]
    first.commit()
    assert sorted(outbox.lock(second, EVERYTHING)) == EVERYTHING
    second.rollback()
    assert outbox.lock(first, {7}) == [7]


def test_a_relay_sees_what_the_one_before_it_has_marked(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    writer, first, second = session(), session(), session()
    events = [values.event(unique(), number=number) for number in range(3)]
    events = [structs.replace(event, key=events[0].key) for event in events]
    partition = events[0].partition
    outbox.append(writer, events)
    writer.commit()
    assert outbox.lock(first, [partition]) == [partition]
    outbox.mark_published(first, of_key(outbox.pending(first, [partition], 1000), events[0].key)[:2])
    assert outbox.lock(second, [partition]) == []
    first.commit()
    assert outbox.lock(second, [partition]) == [partition]
    assert of_key(outbox.pending(second, [partition], 1000), events[0].key) == events[2:]


def test_a_transaction_that_commits_late_is_not_skipped(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    late, early, relay = session(), session(), session()
    key = unique()
    lower, higher = values.event(key, number=1), values.event(key, number=2)
    outbox.append(late, [lower])
    outbox.append(early, [higher])
    early.commit()
    assert of_key(outbox.pending(relay, [higher.partition], 1000), key) == [higher]
    assert outbox.mark_published(relay, [higher]).total() == 1
    relay.commit()
    late.commit()
    assert of_key(outbox.pending(relay, [lower.partition], 1000), key) == [lower]


def test_an_event_that_is_there_already_stays_as_it_is(tx: Connection) -> None:
    event = values.event("a")
    outbox.append(tx, [event])
    outbox.append(tx, [structs.replace(event, body="[]"), values.event("b")])
    written = [one for one in outbox.pending(tx, EVERYTHING, 1000) if one.event_id == event.event_id]
    assert written == [event]


def age(tx: Connection, event: Event, by: timedelta) -> None:
    tx.execute(
        text("UPDATE outbox SET created_at = now() - :age WHERE event_id = :id"),
        {"age": by, "id": event.event_id},
    )


def test_what_should_have_left_by_now_is_found_by_its_partition(tx: Connection) -> None:
    tx.execute(text("UPDATE outbox SET published_at = now() WHERE published_at IS NULL"))
    old, young, gone = values.event("old"), values.event("young"), values.event("gone")
    outbox.append(tx, [old, young, gone])
    age(tx, old, timedelta(seconds=3))
    age(tx, gone, timedelta(hours=1))
    outbox.mark_published(tx, [gone])
    assert outbox.left_behind(tx, timedelta(seconds=2)) == [old.partition]
    assert outbox.left_behind(tx, timedelta(seconds=4)) == []


def test_an_answer_is_kept_as_long_as_its_message_is_known(tx: Connection) -> None:
    answer = values.event("asked")
    entry = values.entry(("default", "asked", "m"))
    inbox.admit(tx, [entry])
    outbox.append(tx, [answer])
    outbox.mark_published(tx, [answer])
    tx.execute(text("UPDATE inbox SET received_at = now() - interval '8 days'"))
    age(tx, answer, timedelta(days=8))
    before = database.now(tx) - timedelta(days=7)
    assert outbox.forget(tx, before, 3) == 0
    assert inbox.forget(tx, before, 1000) >= 1
    assert outbox.forget(tx, before, 3) == 1


def test_old_events_are_forgotten_in_small_batches_but_never_before_they_have_left(tx: Connection) -> None:
    old, young = [values.event("old", number=number) for number in range(6)], values.event("young")
    outbox.append(tx, [*old, young])
    for event in old:
        age(tx, event, timedelta(days=8))
    age(tx, young, timedelta(days=6))
    outbox.mark_published(tx, [*old[:5], young])
    before = database.now(tx) - timedelta(days=7)
    assert [outbox.forget(tx, before, 3) for _ in range(3)] == [3, 2, 0]
    assert of_key(outbox.pending(tx, EVERYTHING, 1000), "old") == old[5:]
    kept = tx.execute(text("SELECT count(*) FROM outbox WHERE key = 'young'")).scalar_one()
    assert kept == 1


def test_nothing_of_a_held_key_is_listed_and_all_of_the_others(tx: Connection) -> None:
    tx.execute(text("UPDATE outbox SET published_at = now()"))  # what other tests have left
    events = [values.event(key, number=number) for number, key in enumerate("ab" * 30)]
    outbox.append(tx, events)
    held = {(events[0].channel, "a")}
    found = outbox.pending(tx, EVERYTHING, 10, held)
    assert of_key(found, "a") == []
    assert of_key(found, "b") == [event for event in events if event.key == "b"][:10]


def test_no_more_bytes_are_read_than_asked_for_but_always_the_first(tx: Connection) -> None:
    tx.execute(text("UPDATE outbox SET published_at = now()"))  # what other tests have left
    events = [structs.replace(values.event("a", number=number), body="x" * 1000) for number in range(5)]
    outbox.append(tx, events)
    partition = [events[0].partition]
    for size, count in ((1, 1), (1000, 1), (1001, 2), (2500, 3), (10_000, 5)):
        assert outbox.pending(tx, partition, 1000, size=size) == events[:count]
