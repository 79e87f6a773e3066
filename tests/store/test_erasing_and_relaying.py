"""An erasure and a relay that speak of the same events: one waits for the other, and neither is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import values
from sqlalchemy import Connection, text

from worker.store import erasure, outbox

ROUNDS = 15


def test_an_erasure_and_a_relay_of_the_same_events_never_deadlock(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    relaying, erasing = session(), session()

    def relay(keys: list[str]) -> None:
        partitions = {values.event(key).partition for key in keys}
        pending = outbox.pending(relaying, outbox.lock(relaying, partitions), 1000)
        outbox.mark_published(relaying, pending)
        relaying.commit()

    def erase(keys: list[str]) -> None:
        erasure.redact(erasing, "default", "pat", keys)
        erasing.commit()

    for connection in (relaying, erasing):
        connection.execute(text("SET deadlock_timeout TO '20ms'"))
    for _ in range(ROUNDS):
        keys = [unique() for _ in range(3)]
        outbox.append(relaying, [values.event(keys[number % 3], number=number) for number in range(400)])
        relaying.commit()
        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(relay, keys), threads.submit(erase, keys)]
        for one in running:
            one.result()
