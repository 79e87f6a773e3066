"""An erasure and a relay that speak of the same events: one waits for the other, and neither is refused."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import values
from msgspec import structs
from sqlalchemy import Connection, text

from worker.local import waiting
from worker.store import erasure, outbox
from worker.store.erasure import Erasure

ROUNDS = 15
EVENTS = 400


def test_an_erasure_and_a_relay_of_the_same_events_never_deadlock_and_leave_none_out(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    relaying, erasing = session(), session()

    def relay(keys: list[str]) -> int:
        """Publish these and whatever else is in their partitions; give how many of these were marked."""
        partitions, marked = {values.event(key).partition for key in keys}, 0
        while pending := outbox.pending(relaying, outbox.lock(relaying, partitions), 40):
            own = [event for event in pending if event.key in keys]
            marked += outbox.mark_published(relaying, own).total()
            outbox.mark_published(relaying, [event for event in pending if event not in own])
            relaying.commit()
        relaying.commit()
        return marked

    def erase(who: Erasure) -> None:
        """Empty what has left, again and again, until nothing is left to be published."""
        deadline = time.monotonic() + 20
        while theirs := erasure.taken_from(erasing, who, "", 100):
            assert time.monotonic() < deadline
            erasure.redact_answers(erasing, who, theirs, 60)
            erasing.commit()
        erasing.commit()

    for connection in (relaying, erasing):
        connection.execute(text("SET deadlock_timeout TO '20ms'"))
    for _ in range(ROUNDS):
        keys, who = [unique() for _ in range(3)], Erasure(channel="default", owner=unique())
        events = [values.event(keys[number % 3], number=number) for number in range(EVENTS)]
        outbox.append(relaying, [structs.replace(event, body='"Miller"') for event in events])
        erasure.note_handovers(relaying, [("default", key, who.owner) for key in keys])
        relaying.commit()
        with ThreadPoolExecutor(2) as threads:
            erased, relayed = threads.submit(erase, who), threads.submit(relay, keys)
        assert (erased.result(), relayed.result()) == (None, EVENTS)
        left = "SELECT count(*) FROM outbox WHERE key = ANY(:keys) AND (body <> '' OR published_at IS NULL)"
        assert erasing.execute(text(left), {"keys": keys}).scalar_one() == 0
        erasing.commit()


def test_an_answer_that_leaves_while_others_are_emptied_is_emptied_too(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    relaying, erasing = session(), session()
    key, who = unique(), Erasure(channel="default", owner=unique())
    gone, pending = (structs.replace(values.event(key), body='"Miller"') for _ in range(2))
    outbox.append(relaying, [gone, pending])
    outbox.mark_published(relaying, [gone])
    erasure.note_handovers(relaying, [("default", key, who.owner)])
    relaying.commit()
    relaying.execute(text("SELECT 1 FROM outbox WHERE key = :key FOR UPDATE"), {"key": key})
    theirs = erasure.taken_from(erasing, who, "", 100)
    pid = erasing.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waits = text("SELECT 1 FROM pg_locks WHERE pid = :pid AND NOT granted")
    with ThreadPoolExecutor(1) as threads:
        emptying = threads.submit(erasure.redact_answers, erasing, who, theirs, 100)
        assert waiting.until(lambda: relaying.execute(waits, {"pid": pid}).scalar() == 1, seconds=4)
        outbox.mark_published(relaying, [pending])
        relaying.commit()
        assert emptying.result(timeout=5) == 1
    while theirs := erasure.taken_from(erasing, who, "", 100):
        erasure.redact_answers(erasing, who, theirs, 100)
    bodies = erasing.execute(text("SELECT body FROM outbox WHERE key = :key"), {"key": key})
    assert list(bodies.scalars()) == ["", ""]
