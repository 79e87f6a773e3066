"""A backup of a live database under load, restored into a new one: what is lost, and how it all comes back.

What was committed after the backup is forgotten, though the world has heard of it. Upstream publishes again
from the backup's instant on, under the same message ids, and the house stands where it stood.
"""

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from outside import account
from outside.connecting import connect
from outside.flood import publish
from outside.furnishing import elements
from outside.listener import Listener
from outside.numbered import assert_each_once_and_in_order, assert_repeats_are_identical, numbered
from outside.processes import scheduling, wait_for, working
from outside.shop import BENQ, open_shop
from outside.stage import Stage
from outside.upstream import Upstream
from outside.wire import Message, Result, command, unique
from psycopg import sql

pytestmark = pytest.mark.slow

RELAY_LOCKS = 0x6261736B  # whoever holds a partition's lock relays it; nobody does while a test holds all
MANY_PENDING = "select count(*) > 20 from outbox where published_at is null"
PENDING = "select event_id::text from outbox where published_at is null"
AT_THE_END = "select count(*) from basket where version = 50 and id = any(%s)"
DAYS_OF_A_WEEKLY_ORDER = 22  # three that were missed, and the present one


def run(stage: Stage, program: str, *arguments: str) -> None:
    """Run one of the server's own programs."""
    postgres = stage.servers.postgres
    if postgres is None:
        pytest.skip("the server is not ours, and its programs are not known here")
    environment = {**os.environ, **postgres.environment()}
    done = subprocess.run(
        [postgres.binaries / program, *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def nobody_relays(stage: Stage) -> Iterator[None]:
    with psycopg.connect(stage.database_url) as connection:
        connection.execute("set idle_in_transaction_session_timeout = 0")
        for partition in range(64):
            connection.execute("select pg_advisory_xact_lock(%s, %s)", (RELAY_LOCKS, partition))
        yield


@contextmanager
def restored(stage: Stage, backup: Path) -> Iterator[Stage]:
    """Make a new database out of a backup; the broker stays the same."""
    name = unique("restored").replace("-", "_")
    identifier = sql.Identifier(name)
    with psycopg.connect(stage.servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(identifier))
        url = urlsplit(stage.database_url)._replace(path=f"/{name}").geturl()
        try:
            run(stage, "pg_restore", "--no-owner", "--exit-on-error", "--dbname", url, str(backup))
            with closing(replace(stage, database_url=url)) as house:
                yield house
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(identifier))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A basket with a recurrence: the commands that set it up."""

    key: str
    commands: list[Message]

    @classmethod
    def since(cls, start: datetime) -> "Standing":
        key = unique("standing")
        recurrence = {"recurrence": {"startDate": start.isoformat(), "interval": "P1W"}}
        return cls(
            key=key,
            commands=[
                command("basket.create", key),
                command("basket.item.add", key, elements(BENQ)),
                command("basket.update", key, recurrence),
            ],
        )


def orders(events: Listener, standing: Standing) -> list[Result]:
    return [event for event in events.by_key().get(standing.key, []) if event.type == "order.placed"]


def told_of(events: Listener, keys: set[str]) -> int:
    return sum(len(said) for key, said in events.by_key().items() if key in keys)


def ids(events: list[Result]) -> set[str]:
    return {event.message_id for event in events}


def occurrences(stage: Stage, standing: Standing) -> list[Any]:
    return stage.rows("select n from occurrence where basket_id = %s order by n", standing.key)


def purge(stage: Stage) -> None:
    with connect(stage.broker_url) as connection:
        for number in range(8):
            connection.channel().queue_purge(f"basket.commands.{number:02d}")


@dataclass(frozen=True, kw_only=True)
class Life:
    """What was sent to a house: numbered commands, and recurrences.

    These have their orders before the backup, or after it, or are due when it is made.
    """

    part: list[Message]
    before: Standing
    due: Standing
    after: Standing

    @classmethod
    def planned(cls) -> "Life":
        now = datetime.now(UTC)
        (part,) = numbered(60, 50)
        weeks_ago = now - timedelta(days=DAYS_OF_A_WEEKLY_ORDER)
        return cls(
            part=part,
            before=Standing.since(weeks_ago),
            due=Standing.since(now - timedelta(minutes=1)),
            after=Standing.since(weeks_ago),
        )

    @property
    def keys(self) -> set[str]:
        return {message.key for message in self.part}


def live(stage: Stage, folder: Path, events: Listener, backup: Path) -> Life:
    """Have a house at work, make the backup in the middle of it, and end it as a broken disk would."""
    life = Life.planned()
    with scheduling(stage, "scheduler", folder) as scheduler, working(stage, "worker", folder) as worker:
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream, recurringOrdersEnabled=True)
        publish(stage.broker_url, life.before.commands)
        assert events.until(lambda: len(orders(events, life.before)) == 4)
        scheduler.signal(signal.SIGSTOP)
        publish(stage.broker_url, life.due.commands)
        assert events.until(lambda: len(events.by_key()[life.due.key]) >= 3)
        publishing = threading.Thread(target=publish, args=(stage.broker_url, life.part[:2400]))
        publishing.start()
        events.until_heard(len(events.different()) + 300, seconds=60)
        with nobody_relays(stage):
            wait_for(lambda: stage.rows(MANY_PENDING) == [(True,)])
            run(stage, "pg_dump", "--format=custom", f"--file={backup}", stage.database_url)
        scheduler.signal(signal.SIGCONT)
        publishing.join()
        publish(stage.broker_url, [*life.part[2400:], *life.after.commands])
        assert events.until(lambda: len(orders(events, life.after)) == 4, seconds=60)
        assert events.until(lambda: len(orders(events, life.due)) == 1, seconds=30)
        assert events.until(lambda: told_of(events, life.keys) == 3000, seconds=60)
        worker.kill()
        scheduler.kill()
    return life


def test_a_backup_under_load_is_restored_and_upstream_brings_back_the_rest(
    stage: Stage, folder: Path, tmp_path: Path
) -> None:
    with Listener(stage.broker_url) as events:
        life = live(stage, folder, events, tmp_path / "backup")
        given = {number for (number,) in stage.rows("select number from customer_order")}
        told = {event.message_id: event for event in events.different()}
        with restored(stage, tmp_path / "backup") as house:
            pending = {one for (one,) in house.rows(PENDING)}
            kept = {one for (one,) in house.rows("select event_id::text from outbox")}
            ((last_seq,),) = house.rows("select max(seq) from outbox")
            assert pending
            # What RUNBOOK says, in its order: no number twice, nothing before what upstream sends again.
            house.rows("select setval('order_number', nextval('order_number') + 100000)")
            purge(stage)
            publish(stage.broker_url, [*life.due.commands, *life.part, *life.after.commands])
            already = len(events.heard)
            with scheduling(house, "scheduler-2", folder), working(house, "worker-2", folder):
                assert events.until(lambda: len(orders(events, life.after)) == 8, seconds=60)
                assert events.until(lambda: len(orders(events, life.due)) == 2, seconds=60)
                wait_for(lambda: house.rows(AT_THE_END, list(life.keys)) == [(60,)], seconds=60)
                wait_for(lambda: not house.rows(PENDING))
                ends = {message.message_id for message in life.part[-60:]}
                assert events.until(lambda: ends <= {e.causation_id for e in events.heard[already:]})
            again = events.heard[already:]
            assert ids(again) & kept == pending, "what was pending is told again, and nothing else is"
            assert all(
                event.said == told[event.message_id].said for event in again if event.message_id in told
            )
            assert_each_has_one_effect(house, life, told, [e for e in again if e.message_id not in kept])
            assert_every_occurrence_once(house, life, given)
            query = "select count(*) = count(distinct seq), min(seq) > %s from outbox where seq > %s"
            assert house.rows(query, last_seq, last_seq) == [(True, True)]


def assert_each_has_one_effect(house: Stage, life: Life, told: dict[str, Result], anew: list[Result]) -> None:
    """What was forgotten is done and said anew, with the versions that it had before."""
    rows = house.rows("select key, headers ->> 'causation-id', (headers ->> 'version')::int from outbox")
    kept = Counter(row for row in rows if row[0] in life.keys)
    before = {(e.key, e.causation_id, e.version) for e in told.values() if e.key in life.keys}
    assert set(kept) == before
    assert set(kept.values()) == {1}
    said = [(e.key, e.causation_id, e.version) for e in anew if e.key in life.keys]
    assert 600 <= len(said) == len(set(said)) <= 2700, "it was to be made in the middle of the load"
    assert set(said) <= before


def assert_every_occurrence_once(house: Stage, life: Life, given: set[str]) -> None:
    assert occurrences(house, life.before) == occurrences(house, life.after) == [(0,), (1,), (2,), (3,)]
    assert occurrences(house, life.due) == [(0,)]
    assert list(account.wrong_occurrences(house)) == []
    numbers = [number for (number,) in house.rows("select number from customer_order")]
    assert len(numbers) == len(set(numbers)) == 9
    assert len(set(numbers) & given) == 4, "a number that was forgotten is not given again"


def test_moved_to_another_server_with_messages_on_their_way_nothing_is_lost(
    stage: Stage, folder: Path, tmp_path: Path
) -> None:
    """Workers end before the backup, so that nothing is forgotten; what they held comes back to the next."""
    (part,) = numbered(50, 40)
    with Listener(stage.broker_url) as events:
        publishing = threading.Thread(target=publish, args=(stage.broker_url, part))
        with working(stage, "here", folder) as worker:
            publishing.start()
            events.until_heard(300, seconds=60)
            worker.kill()
        publishing.join()
        run(stage, "pg_dump", "--format=custom", f"--file={tmp_path / 'backup'}", stage.database_url)
        with restored(stage, tmp_path / "backup") as house:
            keys = list({message.key for message in part})
            ((handled,),) = house.rows("select count(*) from inbox where key = any(%s)", keys)
            assert 0 < handled < 2000
            with working(house, "there", folder):
                events.until_heard(2000, seconds=60)
                assert_each_once_and_in_order(events, house, [part])
                assert_repeats_are_identical(events)
