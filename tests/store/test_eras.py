"""Eras: one for each cluster that the database has lived in, begun by whoever is first to ask."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, text

from worker.local import waiting
from worker.store import eras

MOVED = text("UPDATE era SET cluster = 'another' WHERE era = (SELECT max(era) FROM era)")
ROWS = text("""
SELECT era, cluster = (SELECT system_identifier::text FROM pg_control_system()) FROM era ORDER BY era
""")


def rows(tx: Connection) -> list[tuple[int, bool]]:
    return [(era, is_here) for era, is_here in tx.execute(ROWS)]


def test_a_database_that_was_never_asked_begins_with_the_first_era(tx: Connection) -> None:
    tx.execute(text("DELETE FROM era"))
    assert [eras.current(tx), eras.current(tx)] == [1, 1]
    assert rows(tx) == [(1, True)]


def test_another_cluster_begins_another_era_and_an_earlier_one_that_comes_back_too(tx: Connection) -> None:
    """A dump that went to another cluster and returned: what was drawn here since is not in it."""
    tx.execute(text("DELETE FROM era"))
    eras.current(tx)
    tx.execute(text("INSERT INTO era (era, cluster) VALUES (2, 'another')"))
    assert eras.current(tx) == 3
    tx.execute(MOVED)
    assert [eras.current(tx), eras.current(tx)] == [4, 4]
    assert rows(tx) == [(1, True), (2, False), (3, False), (4, True)]


def test_two_that_begin_an_era_at_once_begin_the_same(session: Callable[[], Connection]) -> None:
    first, second, watcher = session(), session(), session()
    first.execute(text("DELETE FROM era"))
    first.commit()
    assert eras.current(first) == 1
    pid = second.execute(text("SELECT pg_backend_pid()")).scalar_one()
    waits = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(eras.current, second)
        assert waiting.until(lambda: watcher.execute(waits, {"pid": pid}).scalar_one(), seconds=4)
        first.commit()
        assert other.result(timeout=5) == 1
    second.commit()
    assert rows(watcher) == [(1, True)]
