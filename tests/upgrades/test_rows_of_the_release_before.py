"""What the release before this one has written is understood: answered from, gone on with, told."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from outside import release
from outside.listener import Listener
from outside.processes import working
from outside.stage import Stage
from outside.upstream import Upstream
from psycopg import sql
from recording import KEPT, TABLES, ask_all

from scheduler import tick
from worker.local.servers import Servers
from worker.store import database, schema

pytestmark = pytest.mark.slow

RECORDED: dict[str, Any] = json.loads(KEPT.read_bytes())
RETENTION = "P36500D"  # the rows are as old as the release


def load(stage: Stage) -> None:
    """Put the rows into a schema of their time, and the sequences behind them."""
    with psycopg.connect(stage.database_url) as connection:
        for table in TABLES:
            name = sql.Identifier(table)
            rows = [
                {column: value for column, value in row.items() if column != "changed_on"}  # generated
                for row in RECORDED["rows"][table]
            ]
            columns = sql.SQL(", ").join(map(sql.Identifier, rows[0] if rows else ()))
            for row in rows:
                statement = "insert into {0} ({1}) overriding system value "
                statement += "select {1} from jsonb_populate_record(null::{0}, %s)"
                connection.execute(sql.SQL(statement).format(name, columns), [json.dumps(row)])
        for sequence, value in (
            ("outbox_seq_seq", "(select max(seq) from outbox)"),
            ("dead_letter_id_seq", "(select max(id) from dead_letter)"),
            ("order_number", "(select max(number::bigint) from customer_order)"),
        ):
            connection.execute(f"select setval('{sequence}', {value})".encode())


@pytest.fixture(scope="module")
def stage(servers: Servers, stage: Stage) -> Stage:
    """Give a house that the release before has left, migrated to this one."""
    schema.migrate(stage.database_url, "base")
    schema.migrate(stage.database_url, "0003")
    load(stage)
    schema.migrate(stage.database_url)
    return stage


@pytest.fixture(scope="module")
def heard(stage: Stage) -> Iterator[Listener]:
    with Listener(stage.broker_url) as events:
        yield events


@pytest.fixture(scope="module")
def upstream(stage: Stage, heard: Listener, folder: Path) -> Iterator[Upstream]:
    """Have a worker of this release at work; the listener was there before it."""
    with (
        working(stage, "after", folder, BASKETRY_ANSWER_RETENTION=RETENTION),
        Upstream(stage.broker_url) as upstream,
    ):
        yield upstream


def test_the_rows_are_those_of_the_release_that_is_upgraded_from() -> None:
    assert RECORDED["commit"] == release.BEFORE


def test_what_it_had_not_told_is_told_once(heard: Listener, upstream: Upstream) -> None:
    (told,) = heard.until_heard(1)
    recorded = RECORDED["answers"]["m-21"]
    assert (told.message_id, dict(told.headers)) == (recorded["message_id"], recorded["headers"])
    assert told.body.decode() == recorded["body"]


def test_its_messages_sent_again_get_its_answers_and_have_no_effect(stage: Stage, upstream: Upstream) -> None:
    before = state(stage)
    assert ask_all(upstream) == RECORDED["answers"]
    assert state(stage) == before


def state(stage: Stage) -> list[Any]:
    tables = ("basket", "recurrence", "customer_order", "inbox", "dead_letter")
    every = "select to_jsonb(one) - 'seen_at' from {} one order by one::text"
    return [stage.rows(sql.SQL(every).format(sql.Identifier(table))) for table in tables] + [
        stage.rows("select seq, event_id, body from outbox order by 1")
    ]


def test_its_standing_orders_go_on(stage: Stage, upstream: Upstream) -> None:
    assert upstream.ask("recurrence.get", "paused").json["state"] == "paused"
    assert upstream.ask("recurrence.get", "standing").json["nextOrderDate"] == "2030-02-28T09:00:00Z"
    engine = database.engine(stage.database_url, "tests")
    try:
        tick.tick(engine, datetime(2030, 2, 28, 9, 0, 1, tzinfo=UTC))
        tick.tick(engine, datetime(2030, 2, 28, 9, 0, 2, tzinfo=UTC))
    finally:
        engine.dispose()
    query = "select n, last_n, due_at from occurrence where basket_id = 'standing' order by n"
    assert stage.rows(query)[1:] == [(1, 1, datetime(2030, 2, 28, 9, tzinfo=UTC))]
    assert stage.rows("select count(*) from occurrence where basket_id = 'paused'") == [(0,)]
    assert upstream.ask("recurrence.get", "standing").json["nextOrderDate"] == "2030-03-31T08:00:00Z"
    assert upstream.ask("recurrence.resume", "paused").json["state"] == "active"


def test_its_baskets_are_gone_on_with_to_the_order(stage: Stage, upstream: Upstream) -> None:
    ((highest,),) = stage.rows("select max(number::bigint) from customer_order")
    shown = upstream.ask("basket.get", "open")
    changed = upstream.ask("basket.update", "open", {"department": "Purchase"})
    assert (changed.status, changed.version) == (200, shown.version + 1)
    assert changed.json["totals"] == shown.json["totals"]
    order = upstream.ask("basket.checkout", "open")
    assert order.status == 201
    assert int(order.json["number"]) == highest + 1
    assert order.json["totals"]["basketTotal"] == shown.json["totals"]["basketTotal"]


def test_its_orders_can_be_read(upstream: Upstream) -> None:
    recorded = json.loads(RECORDED["answers"]["m-09"]["body"])
    assert upstream.ask("order.get", recorded["id"]).json == recorded
    assert [one["id"] for one in upstream.ask("basket.orders", "ordered").json["orders"]] == [recorded["id"]]


def test_its_dead_letters_are_there_without_tokens(stage: Stage, upstream: Upstream) -> None:
    kept = stage.rows("select message_id, state, cause, headers from dead_letter order by id")
    cause = "command.unsupported_content_type.error"
    assert [row[:3] for row in kept] == [("m-20", "parked", cause), ("m-99", "parked", cause)]
    assert "authorization" not in json.dumps([row[3] for row in kept])
