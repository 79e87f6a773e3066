"""Baskets: the row is the lock, the document comes back as it was, and every write is counted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import values
from hypothesis import given
from msgspec import structs
from sqlalchemy import Connection, text

from worker.domain.basket import Basket
from worker.local import waiting
from worker.store import baskets
from worker.store.database import TryAgain

WAITS = text("SELECT 1 FROM pg_locks WHERE pid = :pid AND NOT granted")


def pid_of(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def wait_until_blocked(watcher: Connection, pid: int) -> None:
    assert waiting.until(lambda: watcher.execute(WAITS, {"pid": pid}).scalar() == 1, seconds=4)


def test_a_basket_comes_back_as_it_was_saved(tx: Connection) -> None:
    one, other = values.basket("a"), values.basket("a", channel="other", owner="robert")
    baskets.save(tx, [one, other], [])
    assert baskets.lock(tx, {("default", "a"), ("other", "a"), ("default", "absent")}) == {
        ("default", "a"): one,
        ("other", "a"): other,
    }
    assert baskets.lock(tx, set()) == {}


@given(values.baskets, values.baskets)
def test_a_document_keeps_every_value_of_the_domain(
    session: Callable[[], Connection], created: Basket, later: Basket
) -> None:
    tx = session()
    key = (created.channel, created.id)
    baskets.save(tx, [created], [])
    assert baskets.lock(tx, [key])[key] == created
    changed = structs.replace(later, id=created.id)
    baskets.save(tx, [], [changed])
    assert baskets.lock(tx, [key])[key] == changed
    row = tx.execute(text("SELECT owner, version, is_open FROM basket WHERE id = :id"), {"id": created.id})
    assert tuple(row.one()) == (changed.owner, changed.version, changed.is_open)
    tx.rollback()
    tx.close()


def test_a_change_is_dated_and_what_is_not_named_is_left_alone(tx: Connection) -> None:
    baskets.save(tx, [values.basket("a"), values.basket("b")], [])
    tx.execute(text("UPDATE basket SET changed_at = '2020-01-01T00:00:00Z'"))
    baskets.save(tx, [], [values.basket("a", version=2)])
    rows = tx.execute(
        text("SELECT id, version, changed_at = now() AS is_now FROM basket WHERE id IN ('a', 'b')")
    )
    assert sorted(map(tuple, rows)) == [("a", 2, True), ("b", 1, False)]


def test_a_creation_that_another_has_made_before_means_again(tx: Connection) -> None:
    baskets.save(tx, [values.basket("a", owner="robert")], [])
    with pytest.raises(TryAgain):
        baskets.save(tx, [values.basket("b"), values.basket("a")], [])
    assert baskets.lock(tx, [("default", "a")])["default", "a"].owner == "robert"


def test_a_change_of_a_basket_that_is_gone_means_again(tx: Connection) -> None:
    baskets.save(tx, [values.basket("a")], [])
    with pytest.raises(TryAgain):
        baskets.save(tx, [], [values.basket("a", version=2), values.basket("gone", version=2)])


def test_of_two_creations_at_once_the_second_waits_and_means_again(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    key = unique()
    first, second, watcher = session(), session(), session()
    pid = pid_of(second)
    baskets.save(first, [values.basket(key, owner="first")], [])
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.save, second, [values.basket(key, owner="second")], [])
        wait_until_blocked(watcher, pid)
        first.commit()
        with pytest.raises(TryAgain):
            later.result(timeout=5)
    second.rollback()
    assert baskets.lock(second, [("default", key)])["default", key].owner == "first"


def test_a_creation_that_waited_for_one_that_failed_succeeds(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    key = unique()
    first, second, watcher = session(), session(), session()
    pid = pid_of(second)
    baskets.save(first, [values.basket(key)], [])
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.save, second, [values.basket(key, owner="second")], [])
        wait_until_blocked(watcher, pid)
        first.rollback()
        later.result(timeout=5)
    assert baskets.lock(second, [("default", key)])["default", key].owner == "second"


def test_who_waited_for_the_lock_reads_what_the_other_has_written(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    key = unique()
    first, second, watcher = session(), session(), session()
    baskets.save(first, [values.basket(key)], [])
    first.commit()
    pid = pid_of(second)
    assert baskets.lock(first, [("default", key)])["default", key].version == 1
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.lock, second, [("default", key)])
        wait_until_blocked(watcher, pid)
        baskets.save(first, [], [values.basket(key, version=2)])
        first.commit()
        assert later.result(timeout=5)["default", key].version == 2


def test_locks_are_taken_in_the_order_of_ids_however_they_are_asked_for(
    session: Callable[[], Connection], unique: Callable[[], str]
) -> None:
    channel = unique()
    keys = [(channel, id_) for id_ in ("a", "B", "ä", "z", "1")]
    first, second, watcher, observer = session(), session(), session(), session()
    baskets.save(first, [values.basket(id_, channel=channel) for _, id_ in keys], [])
    first.commit()
    pid = pid_of(second)
    (last,) = first.execute(
        text("SELECT max(id) FROM basket WHERE channel = :channel"), {"channel": channel}
    ).one()
    baskets.lock(first, [(channel, last)])
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(baskets.lock, second, keys[::-1])
        wait_until_blocked(watcher, pid)
        free = observer.execute(
            text("SELECT id FROM basket WHERE channel = :channel FOR UPDATE SKIP LOCKED"),
            {"channel": channel},
        )
        # Second holds everything before the one it waits for.
        assert free.all() == []
        observer.rollback()
        first.commit()
        assert set(later.result(timeout=5)) == set(keys)
