"""Contract 1.2: replies leave after the commit: what the database refuses at last was never said."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from outside.listener import Listener
from outside.processes import WorkerProcess, wait_for
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import command, unique
from psycopg import sql

CHECK_VIOLATION, ADMIN_SHUTDOWN = "23514", "57P01"

_REFUSE = """
create function refuse() returns trigger language plpgsql as
  $$ begin raise exception 'not now' using errcode = {state}; end $$;
create constraint trigger refuse after insert or update on basket deferrable initially deferred
  for each row when (new.id = {basket}) execute function refuse();
"""


@contextmanager
def refused_at_commit(stage: Stage, basket: str, state: str) -> Iterator[None]:
    """Let every statement about a basket through, and refuse to commit it."""
    with psycopg.connect(stage.database_url, autocommit=True) as owner:
        owner.execute(sql.SQL(_REFUSE).format(state=sql.Literal(state), basket=sql.Literal(basket)))
        try:
            yield
        finally:
            owner.execute("drop trigger refuse on basket; drop function refuse()")


def test_a_command_that_cannot_be_committed_is_never_said_to_be_done(
    stage: Stage, upstream: Upstream, events: Listener
) -> None:
    created = upstream.expecting(command("basket.create", unique("basket"), {}, channel=None))
    with refused_at_commit(stage, created.key, CHECK_VIOLATION):
        assert upstream.ask_for(created).status == 500
        assert upstream.ask("basket.get", created.key, channel=None).status == 404
    assert [reply.status for reply in upstream.replies] == [500, 404]
    assert events.answer(created).status == 500
    assert len(events.answers(created)) == 1


def test_a_command_that_waits_for_the_database_is_answered_once_when_it_is_done(
    stage: Stage, upstream: Upstream, events: Listener, worker: WorkerProcess
) -> None:
    created = upstream.expecting(command("basket.create", unique("basket"), {}, channel=None))
    with refused_at_commit(stage, created.key, ADMIN_SHUTDOWN):
        upstream.send(created)
        wait_for(lambda: worker.log.count("batch.held") > 1)
    assert upstream.answer_to(created).status == 201
    assert upstream.ask("basket.get", created.key, channel=None).version == 1
    assert [reply.status for reply in upstream.replies] == [201, 200]
    assert events.answer(created).status == 201
    assert len(events.answers(created)) == 1
