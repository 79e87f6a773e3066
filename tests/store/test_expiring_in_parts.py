"""Housekeeping that is cut short, and goes on: here nobody else keeps house, so each part is seen alone."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import values
from sqlalchemy import Engine, text

from worker import expiry
from worker.domain.reference import Channel
from worker.store import baskets, database, reference
from worker.store.reference import Kind


class Attic:
    """Baskets of one channel that nobody has touched for long; ids in the order in which they are met."""

    def __init__(self, engine: Engine, channel: str, number: int) -> None:
        self.engine, self.channel = engine, channel
        self.ids = [f"{channel}-{index:04d}" for index in range(number)]
        with database.transaction(engine) as tx:
            reference.save(tx, {(channel, Kind.CHANNEL, channel): Channel(basket_lifetime="P10D")})
            baskets.save(tx, [values.basket(id_, channel=channel) for id_ in self.ids], [])
            long_ago = "UPDATE basket SET changed_at = now() - interval '11 days' WHERE channel = :c"
            tx.execute(text(long_ago), {"c": channel})

    def closed(self) -> list[str]:
        with database.transaction(self.engine) as tx:
            query = text("SELECT id FROM basket WHERE channel = :c AND NOT is_open ORDER BY id")
            return list(tx.execute(query, {"c": self.channel}).scalars())

    def said(self) -> Counter[str]:
        with database.transaction(self.engine) as tx:
            query = text("SELECT key FROM outbox WHERE channel = :c AND type = 'basket.expired'")
            return Counter(tx.execute(query, {"c": self.channel}).scalars())

    def expire_while(self, goes_on: Callable[[], bool]) -> bool:
        return expiry.expire(self.engine, goes_on)


@pytest.fixture
def attic(engine: Engine, unique: Callable[[], str]) -> Iterator[Attic]:
    made = Attic(engine, unique(), 450)
    yield made
    with database.transaction(engine) as tx:
        for table in ("basket", "outbox", "reference"):
            tx.execute(text(f"DELETE FROM {table} WHERE channel = :c"), {"c": made.channel})


def test_what_is_cut_short_says_so_and_the_next_call_goes_on_where_it_ended(attic: Attic) -> None:
    for before, after in ((0, 200), (200, 400)):
        assert attic.expire_while(lambda least=before: len(attic.closed()) == least) is False
        assert attic.closed() == attic.ids[:after]
    assert attic.expire_while(lambda: True) is True
    assert attic.closed() == attic.ids
    assert attic.said() == Counter(attic.ids), "each is said once"


def test_baskets_that_can_never_be_closed_do_not_keep_it_from_going_on(attic: Attic) -> None:
    """They come first each time, and are more than one transaction takes."""
    broken, whole = attic.ids[:250], attic.ids[250:]
    with database.transaction(attic.engine) as tx:
        tx.execute(text("UPDATE basket SET document = '[]' WHERE id = ANY(:ids)"), {"ids": broken})
    assert attic.expire_while(lambda: not attic.closed()) is False
    assert attic.closed() == whole[:150]
    assert attic.expire_while(lambda: True) is True
    assert attic.closed() == whole
    assert attic.said() == Counter(whole)


def test_nothing_is_done_when_there_is_no_time(attic: Attic) -> None:
    assert attic.expire_while(lambda: False) is False
    assert attic.closed() == []
