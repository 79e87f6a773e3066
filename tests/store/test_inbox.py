"""The inbox: a message is admitted once, whoever asks and how often, and its answer is found again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import values
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Connection, text

from worker.local import waiting
from worker.store import database, inbox, outbox
from worker.store.inbox import Repeat

A, B, C = ("default", "a", "m"), ("default", "b", "m"), ("other", "a", "m")


def test_a_message_is_admitted_once(tx: Connection) -> None:
    assert inbox.admit(tx, [values.entry(A), values.entry(B)]) == {A, B}
    assert inbox.admit(tx, [values.entry(B), values.entry(C)]) == {C}
    assert inbox.admit(tx, [values.entry(A)]) == set()
    assert inbox.admit(tx, []) == set()


def test_channel_key_and_message_id_all_count(tx: Connection) -> None:
    identities = [(channel, key, id_) for channel in "xy" for key in "xy" for id_ in ("x", "y", "X", "x ")]
    assert inbox.admit(tx, [values.entry(identity) for identity in identities]) == set(identities)


def test_a_repeat_with_another_body_or_caller_does_not_replace_the_first(tx: Connection) -> None:
    first = values.entry(A, body_hash=b"1" * 32, caller="patricia")
    inbox.admit(tx, [first])
    assert inbox.admit(tx, [values.entry(A, body_hash=b"2" * 32, caller="robert")]) == set()
    assert inbox.find(tx, [A]) == {A: Repeat(body_hash=b"1" * 32, caller="patricia", answer=None)}


def test_a_repeat_finds_the_answer_of_its_first_time_whole(tx: Connection) -> None:
    answer = structs.replace(
        values.event("a"), correlation_id="c", headers={"status": 201, "error-key": "x"}, body='{"n":2.70}'
    )
    inbox.admit(tx, [structs.replace(values.entry(A, caller=None), event_id=answer.event_id)])
    outbox.append(tx, [answer, values.event("a")])
    assert inbox.find(tx, [A, B]) == {A: Repeat(body_hash=b"h" * 32, caller=None, answer=answer)}


def test_an_answer_of_another_key_or_channel_is_not_taken(tx: Connection) -> None:
    entry = values.entry(A)
    inbox.admit(tx, [entry])
    outbox.append(tx, [structs.replace(values.event("b"), event_id=entry.event_id)])
    outbox.append(tx, [structs.replace(values.event("a", channel="other"), event_id=entry.event_id)])
    assert inbox.find(tx, [A])[A].answer is None


def test_what_was_never_here_is_not_found(tx: Connection) -> None:
    assert inbox.find(tx, [A]) == {}
    assert inbox.find(tx, []) == {}


@given(
    st.lists(
        st.tuples(*[st.text(values.LETTERS, min_size=1, max_size=9)] * 3), min_size=1, max_size=6, unique=True
    )
)
def test_identities_come_back_as_they_went_in(
    session: Callable[[], Connection], identities: list[inbox.Identity]
) -> None:
    tx = session()
    assert inbox.admit(tx, [values.entry(identity) for identity in identities]) == set(identities)
    assert set(inbox.find(tx, identities)) == set(identities)
    tx.rollback()
    tx.close()


def test_two_workers_that_admit_the_same_messages_wait_and_never_deadlock(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    key = unique()
    identities = [("default", key, f"{number:02d}") for number in range(20)]
    entries = [values.entry(identity) for identity in reversed(identities)]
    first, second, watcher = session(), session(), session()
    pid = second.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waits = text("SELECT 1 FROM pg_locks WHERE pid = :pid AND NOT granted")
    assert inbox.admit(first, [values.entry(identities[0])]) == {identities[0]}
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(inbox.admit, second, entries)
        assert waiting.until(lambda: watcher.execute(waits, {"pid": pid}).scalar() == 1, seconds=4)
        # Had the second taken any of these before it waited, each would now wait for the other.
        assert inbox.admit(first, entries) == set(identities[1:])
        first.commit()
        assert later.result(timeout=5) == set()


def test_a_message_of_a_transaction_that_failed_is_admitted_again(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    identity = ("default", unique(), "m")
    first, second = session(), session()
    assert inbox.admit(first, [values.entry(identity)]) == {identity}
    first.rollback()
    assert inbox.admit(second, [values.entry(identity)]) == {identity}


def age(tx: Connection, identity: inbox.Identity, days: int) -> None:
    tx.execute(
        text("UPDATE inbox SET received_at = now() - :age WHERE (channel, key, message_id) = (:c, :k, :m)"),
        {"age": timedelta(days=days), "c": identity[0], "k": identity[1], "m": identity[2]},
    )


def test_old_messages_are_forgotten_in_small_batches_parked_or_not(tx: Connection) -> None:
    identities = [("default", "old", str(number)) for number in range(5)]
    parked = ("default", "old", "parked")
    inbox.admit(tx, [values.entry(identity) for identity in (*identities, parked, A)])
    inbox.mark_parked(tx, [parked])
    for identity in (*identities, parked):
        age(tx, identity, days=8)
    age(tx, A, days=6)
    before = database.now(tx) - timedelta(days=7)
    assert [inbox.forget(tx, before, 3) for _ in range(3)] == [3, 3, 0]
    assert set(inbox.find(tx, [*identities, parked, A])) == {A}


def test_only_what_is_named_is_parked(tx: Connection) -> None:
    inbox.admit(tx, [values.entry(A), values.entry(B), values.entry(C)])
    inbox.mark_parked(tx, [A])
    inbox.mark_parked(tx, [])
    states = tx.execute(text("SELECT channel, key, state FROM inbox ORDER BY channel, key")).all()
    assert [tuple(row) for row in states if row.key in "ab"] == [
        ("default", "a", "parked"),
        ("default", "b", "handled"),
        ("other", "a", "handled"),
    ]
