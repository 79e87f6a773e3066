"""`basketry queues`: what waits and who is there, said in words, whatever is away."""

import json
import os
import pty
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from outside.connecting import connect
from outside.operator import NOWHERE, seat, settings
from outside.processes import ended, wait_for
from outside.stage import Stage, fresh

from contracts import topology
from worker.local.servers import Servers
from worker.operating.looking import Line, Observer

FIRST = topology.COMMAND_QUEUES[0].name


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    """Give each test a house of its own, with its queues and without a worker."""
    with fresh(servers) as stage:
        with connect(stage.broker_url) as connection:
            channel = connection.channel()
            for queue in topology.QUEUES:
                channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
        yield stage


@pytest.fixture
def observer(stage: Stage) -> Iterator[Observer]:
    observer = Observer(settings(stage))
    yield observer
    observer.close()


@pytest.fixture
def basketry(stage: Stage, tmp_path: Path) -> CommandLine:
    return CommandLine(state_dir=tmp_path / "state", settings=stage.environment)


def publish(stage: Stage, queue: str, count: int) -> None:
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for _ in range(count):
            channel.basic_publish("", queue, b"")


def line(observer: Observer, name: str = FIRST) -> Line:
    return next(one for one in observer.look().queues if one.name == name)


def test_commands_that_nobody_consumes_are_counted_and_said(stage: Stage, basketry: CommandLine) -> None:
    publish(stage, FIRST, 3)
    shown = basketry("queues")
    assert shown.returncode == 0, shown.stderr
    (row,) = [one for one in shown.stdout.splitlines() if FIRST in one]
    assert row.split() == [FIRST, "3", "0", "nobody", "consumes"]
    assert "outbox: 0 pending" in shown.stdout
    assert "─" not in shown.stdout, "in a pipe there are no frames"


@pytest.mark.slow
def test_programs_are_told_the_same(stage: Stage, basketry: CommandLine) -> None:
    publish(stage, FIRST, 2)
    told: dict[str, Any] = json.loads(basketry("queues", "--json").stdout)
    assert told["queues"][0] == {
        "name": FIRST,
        "ready": 2,
        "consumers": 0,
        "slots": [],
        "wrong": ["nobody consumes"],
    }
    assert (told["dead"], told["broker"], told["database"]) == (0, None, None)
    assert told["waiting"]["outbox"] == {"count": 0, "oldest_seconds": None}


def test_a_backlog_is_said(stage: Stage, observer: Observer) -> None:
    publish(stage, FIRST, 1000)
    assert "backlog" in line(observer).wrong


def test_a_queue_that_does_not_get_shorter_is_not_draining_until_it_does(
    stage: Stage, observer: Observer
) -> None:
    publish(stage, FIRST, 2)
    said = [line(observer).wrong for _ in range(6)]
    assert ["not draining" in wrong for wrong in said] == [False] * 5 + [True]
    with connect(stage.broker_url) as connection:
        connection.channel().queue_purge(FIRST)
    assert "not draining" not in line(observer).wrong


def test_a_queue_that_is_missing_is_said(stage: Stage, observer: Observer) -> None:
    with connect(stage.broker_url) as connection:
        connection.channel().queue_delete(FIRST)
    assert (line(observer).ready, line(observer).wrong) == (None, ["is missing"])


def test_it_is_said_whose_slot_a_queue_is_and_who_is_away(
    stage: Stage, observer: Observer, basketry: CommandLine
) -> None:
    seat(stage, 0, 2, "worker-1")
    seat(stage, 1, 2, "worker-2", seen_seconds_ago=3000)
    seen = observer.look().queues
    assert [[(one.slot, one.worker, one.is_fresh) for one in queue.slots] for queue in seen] == [
        [(0, "worker-1", True)],
        [(1, "worker-2", False)],
    ] * 4
    assert ["slot 1/2's worker is away" in queue.wrong for queue in seen] == [False, True] * 4
    shown = basketry("queues").stdout
    assert "worker-2, not seen for 30" in shown


def test_while_a_restart_changes_their_number_both_slots_are_shown(stage: Stage, observer: Observer) -> None:
    seat(stage, 0, 1, "worker-1")
    seat(stage, 1, 2, "worker-2")
    assert [one.place for one in line(observer).slots] == ["0/1"]
    assert line(observer).wrong == ["nobody consumes", "slot 0/2's worker is away"]
    assert [one.place for one in line(observer, topology.COMMAND_QUEUES[1].name).slots] == ["0/1", "1/2"]


@pytest.mark.slow
def test_what_waits_elsewhere_is_counted_and_said(stage: Stage, basketry: CommandLine) -> None:
    publish(stage, topology.DEAD, 1)
    stage.rows(
        "insert into recurrence (channel, basket_id, generation, state, next_due_at, document) values"
        " ('default', 'late', 1, 'active', now() - interval '30000 s', '{}'),"
        " ('default', 'stuck', 1, 'suspended', null, '{}')"
    )
    stage.rows("insert into erasure (channel, owner) values ('default', 'patricia')")
    stage.rows(
        "insert into outbox (event_id, channel, key, partition, type, headers, body, created_at)"
        " select gen_random_uuid(), 'default', 'b', n %% 64, 't', '{}', '', now() - interval '30000 s'"
        " from generate_series(1, %s) as numbers (n)",
        10_001,
    )
    stage.rows(
        "insert into dead_letter (key, channel, type, cause, detail, properties, headers, body, event_id)"
        " values ('b', 'default', 't', 'odd', '', '{}', '{}', '', gen_random_uuid())"
    )
    shown = basketry("queues").stdout
    assert "outbox: ≥ 10000 pending, the oldest for 300" in shown
    assert "dead letters: 1 parked: 1 odd" in shown
    assert "orders overdue: 1, the oldest for 300" in shown
    assert "recurrences suspended: 1" in shown
    assert "erasures under way: 1" in shown
    assert (
        "Wrong: basket.commands.dead is not drained; events do not leave; orders are overdue; dead letters "
        "wait for a person; suspended recurrences wait for a person." in shown
    )


@pytest.mark.slow
def test_with_the_broker_away_the_database_is_still_shown(stage: Stage, tmp_path: Path) -> None:
    away = {**stage.environment, "BASKETRY_BROKER_URL": NOWHERE["BASKETRY_BROKER_URL"]}
    shown = CommandLine(state_dir=tmp_path, settings=away)("queues")
    assert shown.returncode == 1
    assert "The broker cannot be asked: nobody at 127.0.0.1:1, vhost /: Connection refused" in shown.stdout
    assert "outbox: 0 pending" in shown.stdout
    assert "is missing" not in shown.stdout
    assert "hush" not in shown.stdout + shown.stderr


@pytest.mark.slow
def test_with_the_database_away_the_broker_is_still_shown(stage: Stage, tmp_path: Path) -> None:
    away = {**stage.environment, "BASKETRY_DATABASE_URL": NOWHERE["BASKETRY_DATABASE_URL"]}
    shown = CommandLine(state_dir=tmp_path, settings=away)("queues")
    assert shown.returncode == 1
    assert "The database cannot be asked: nobody at 127.0.0.1:1/nowhere" in shown.stdout
    assert "nobody consumes" in shown.stdout
    assert "hush" not in shown.stdout + shown.stderr


@pytest.mark.slow
def test_without_settings_a_sentence_says_which(tmp_path: Path) -> None:
    said = CommandLine(state_dir=tmp_path)("queues")
    assert (said.returncode, "BASKETRY_BROKER_URL is not set" in said.stderr) == (1, True)


@pytest.mark.slow
def test_watching_goes_on_while_the_broker_is_away_and_ends_with_ctrl_c(stage: Stage, tmp_path: Path) -> None:
    away = {**stage.environment, "BASKETRY_BROKER_URL": NOWHERE["BASKETRY_BROKER_URL"]}
    output = tmp_path / "output"
    with output.open("wb") as written:
        watching = CommandLine(state_dir=tmp_path / "state", settings=away).begin(
            "queues", "--watch", stdout=written
        )
    with ended(watching):
        wait_for(lambda: so_far(output).count("outbox: 0 pending") >= 2)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0
    assert "Traceback" not in so_far(output)


def so_far(output: Path) -> str:
    """Read what was written so far: it may end within a character."""
    return output.read_text(encoding="utf-8", errors="replace")


@pytest.mark.slow
def test_on_a_terminal_the_table_stays_in_its_place_and_ends_with_ctrl_c(
    stage: Stage, basketry: CommandLine
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "wb") as terminal:
        watching = basketry.begin("queues", "--watch", stdout=terminal)
        with ended(watching):
            seen = b""
            while seen.count(b"recurrences suspended") < 3:
                assert select.select([screen], [], [], 20)[0], "nothing more is shown"
                seen += screen.read(65536)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(10) == 0
    up_one_line = b"\x1b[1A"
    assert up_one_line in seen
    assert b"nobody consumes" in seen
