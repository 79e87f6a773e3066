"""Persons with baskets of their own, to be erased by `worker.forgetting` where nobody else is at work."""

import time
from collections.abc import Callable

import values
from msgspec import structs
from sqlalchemy import Engine, text

from worker import forgetting
from worker.domain.basket import Basket
from worker.store import baskets, database, erasure, outbox
from worker.store.erasure import Erasure
from worker.store.outbox import Event

WITHIN_SECONDS = 20
_WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM basket%'
"""


class House:
    """One sales channel; whatever is asked about it is asked in a transaction of its own."""

    def __init__(self, engine: Engine, channel: str) -> None:
        self.engine, self.channel = engine, channel

    def basket(self, id_: str, owner: str) -> Basket:
        """Give a basket of the channel, opened a moment ago."""
        made = values.basket(f"{self.channel}-{id_}", owner=owner, channel=self.channel)
        with database.transaction(self.engine) as tx:
            return structs.replace(made, opened_at=database.now(tx))

    def owns(self, owner: str, number: int) -> list[str]:
        """Have somebody own so many baskets; give their ids, in order."""
        template = self.basket(owner, owner)
        made = [structs.replace(template, id=f"{template.id}-{index:04d}") for index in range(number)]
        with database.transaction(self.engine) as tx:
            baskets.save(tx, made, [])
        return [basket.id for basket in made]

    def answered(self, key: str, number: int = 1) -> list[Event]:
        """Note answers that hold something personal."""
        events = [values.event(key, number=one, channel=self.channel) for one in range(number)]
        events = [structs.replace(event, body='"Miller"') for event in events]
        with database.transaction(self.engine) as tx:
            outbox.append(tx, events)
        return events

    def ask(self, owner: str) -> None:
        with database.transaction(self.engine) as tx:
            erasure.ask(tx, [Erasure(channel=self.channel, owner=owner)])

    def forget(self, goes_on: Callable[[], bool] = lambda: True) -> bool:
        return forgetting.forget(self.engine, goes_on)

    def publish(self) -> None:
        """Take everything for published, as a relay does whose broker has confirmed it."""
        with database.transaction(self.engine) as tx:
            everything = outbox.pending(tx, outbox.lock(tx, range(outbox.PARTITIONS)), 10_000)
            outbox.mark_published(tx, everything)

    def forget_all(self) -> None:
        """Forget and publish until nobody of the channel is left to be erased."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while self.to_be_erased():
            assert time.monotonic() < deadline, f"{self.to_be_erased()} are still to be erased"
            self.forget()
            self.publish()

    def to_be_erased(self) -> list[str]:
        return self.column("SELECT owner FROM erasure WHERE channel = :c ORDER BY asked_at")

    def open(self) -> list[str]:
        return self.column("SELECT id FROM basket WHERE channel = :c AND is_open ORDER BY id")

    def owned(self, owner: str) -> list[str]:
        return self.column("SELECT id FROM basket WHERE channel = :c AND owner = :o ORDER BY id", o=owner)

    def closings(self) -> list[str]:
        return self.column(
            "SELECT key FROM outbox WHERE channel = :c AND type = 'basket.expired' ORDER BY key"
        )

    def with_bodies(self) -> list[str]:
        return self.column("SELECT key FROM outbox WHERE channel = :c AND body <> '' ORDER BY key")

    def column(self, query: str, **more: object) -> list[str]:
        with database.transaction(self.engine) as tx:
            asked = {"c": self.channel, **more}
            return list(tx.execute(text(query), asked).scalars())

    def waits(self) -> bool:
        """Whether somebody waits for a basket that another has locked."""
        return bool(self.column(f"SELECT 1 FROM ({_WAITING}) AS one"))

    def kill_who_waits(self) -> None:
        """End their session, as a power cut would."""
        self.column(f"SELECT pg_terminate_backend(pid) FROM ({_WAITING}) AS one")

    def clear(self) -> None:
        with database.transaction(self.engine) as tx:
            for table in ("basket", "recurrence", "customer_order", "outbox", "erasure", "handover"):
                tx.execute(text(f"DELETE FROM {table} WHERE channel = :c"), {"c": self.channel})
