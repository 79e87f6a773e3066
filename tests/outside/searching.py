"""Searches that last: as long as the test holds the objects, or longer than any search may."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from outside.observatory import DS1, selecting
from outside.processes import wait_for
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message

ADD = "basket.selection.add"
OF_DS1 = selecting(datasetUrn=DS1)
_SEARCHING = (
    "select pid from pg_locks where not granted and relation = 'data_object'::regclass"
    " and database = (select oid from pg_database where datname = current_database())"
)
_SLOW = (
    "alter table data_object rename to data_object_kept",
    "create view data_object as select * from data_object_kept where (select pg_sleep(60)) is not null",
)
_FAST = ("drop view data_object", "alter table data_object_kept rename to data_object")


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Let no search go on until the block ends; it must end before the database gives the search up."""
    with psycopg.connect(stage.database_url) as connection:
        connection.execute("lock table data_object in access exclusive mode")
        yield
        connection.rollback()


@contextmanager
def slow(stage: Stage) -> Iterator[None]:
    """Have every search take longer than any may."""
    for statement in _SLOW:
        stage.rows(statement)
    try:
        yield
    finally:
        for statement in _FAST:
            stage.rows(statement)


def is_searching(stage: Stage) -> list[int]:
    """Give the sessions of the searches that wait for the objects."""
    return [pid for (pid,) in stage.rows(_SEARCHING)]


def wait_searching(stage: Stage, count: int = 1) -> None:
    wait_for(lambda: len(is_searching(stage)) >= count)


def searching(stage: Stage, upstream: Upstream, message: Message) -> Message:
    """Send a search, and wait until it waits for the objects, which the test holds."""
    upstream.send(message)
    wait_searching(stage)
    return message
