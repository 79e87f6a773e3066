"""`basketry partitions`: more and fewer command queues under load, and whatever comes in between."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kombu import Connection
from outside.connecting import connect
from outside.expected import numbered
from outside.holding import commands_held
from outside.ledger import Ledger
from outside.processes import ended, wait_for, working
from outside.stage import Management, Stage, fresh
from outside.wire import command, unique
from pika.exceptions import ChannelClosedByBroker

from contracts import topology as contract
from worker import topology
from worker.local.servers import Servers
from worker.store import database, partitioning

SAYS_THAT_COMMANDS_GO_OVER = "is done first"


@pytest.fixture
def stage(servers: Servers) -> Iterator[Stage]:
    """Give each test a house of its own: its number of queues is what is changed."""
    with fresh(servers) as stage:
        yield stage


@pytest.fixture
def engine(stage: Stage) -> Iterator[database.Engine]:
    engine = database.engine(stage.database_url, "tests")
    yield engine
    engine.dispose()


def tool(stage: Stage, *arguments: str) -> "subprocess.Popen[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASKETRY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "worker.cli", "partitions", *arguments],
        env={**inherited, **stage.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(stage: Stage, *arguments: str) -> tuple[int, str]:
    with ended(tool(stage, *arguments)) as process:
        output, _ = process.communicate(timeout=120)
        return process.returncode, output


def wait_said(process: "subprocess.Popen[str]", words: str) -> None:
    """Wait for a line with these words."""
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        assert process.stdout is not None
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended and said: {''.join(lines)}"


def names(partitions: int) -> list[str]:
    prefix = "basket.commands" if partitions == 8 else f"basket.commands.{partitions}"
    return [f"{prefix}.{number:02d}" for number in range(partitions)]


def is_there(stage: Stage, queue: str) -> bool:
    with connect(stage.broker_url) as connection:
        try:
            connection.channel().queue_declare(queue, passive=True)
        except ChannelClosedByBroker:
            return False
        return True


def ways_in(stage: Stage) -> set[str]:
    """Name the exchanges that commands are led to."""
    management = Management.of(stage.servers)
    assert management is not None
    led = management.call("GET", f"exchanges/{stage.vhost}/basket.commands/bindings/source")
    return {binding["destination"] for binding in led}


@pytest.mark.slow
def test_from_8_to_12_to_8_under_load_each_once_and_in_order(stage: Stage, folder: Path) -> None:
    """The workers have fallen behind each time, so that much is in the former queues when they are left."""
    with (
        working(stage, "one", folder),
        working(stage, "other", folder),
        Ledger(stage, "partitions", numbered(60, 400), rate=300) as ledger,
        ExitStack() as tools,
    ):
        for partitions, former in ((12, 8), (8, 12)):
            ledger.wait_answered(300)
            with commands_held(stage):
                wait_for(lambda: ledger.outstanding > 500)
                process = tools.enter_context(ended(tool(stage, str(partitions))))
                wait_said(process, SAYS_THAT_COMMANDS_GO_OVER)
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
            assert ways_in(stage) == {contract.hash_exchange(partitions).name}
            assert [name for name in names(former) if is_there(stage, name)] == []
            assert stage.rows("select partitions, next_partitions from partitioning") == [(partitions, None)]
        ledger.wait_answered(300)
        ledger.settle()
        assert ledger.publisher.resent == 0, "nobody was refused"


@pytest.mark.slow
def test_killed_while_it_waits_it_goes_on_when_it_is_run_again(stage: Stage, folder: Path) -> None:
    """Workers that start meanwhile take from the former queues, and lead nothing back into them."""
    with (
        working(stage, "first", folder) as first,
        Ledger(stage, "partitions", numbered(60, 400)) as ledger,
    ):
        ledger.wait_answered(300)
        with commands_held(stage), ended(tool(stage, "5")) as process:
            wait_said(process, SAYS_THAT_COMMANDS_GO_OVER)
            process.send_signal(signal.SIGKILL)
        assert stage.rows("select partitions, next_partitions from partitioning") == [(8, 5)]
        assert said(stage)[1] == (
            "There are 8 command queues, and a change to 5 is under way: "
            "`basketry partitions 5` finishes it.\n"
        )
        code, output = said(stage, "6")
        assert code == 1
        assert "run `basketry partitions 5` to finish it first" in output
        with working(stage, "meanwhile", folder):
            assert ways_in(stage) == {"basket.commands.by-hash.5"}
            assert first.stop() == 0
            code, output = said(stage, "5")
            assert code == 0, output
            ledger.wait_answered(300)
            ledger.settle()
        assert ledger.publisher.resent == 0, "nobody was refused"
        assert [name for name in names(8) if is_there(stage, name)] == []
    code, output = said(stage, "8")
    assert code == 1, "nobody consumes them"
    assert "Nobody consumes basket.commands.5.00" in output


def test_with_nobody_at_work_nothing_is_changed(stage: Stage) -> None:
    with Connection(stage.broker_url) as connection:
        topology.declare(connection.default_channel)
    code, output = said(stage, "9")
    assert code == 1
    assert output.startswith("Error: Nobody consumes basket.commands.00, ")
    assert said(stage) == (0, "There are 8 command queues.\n")
    assert not is_there(stage, "basket.commands.9.00")


def test_what_came_late_to_a_former_set_is_published_again_and_the_set_goes(stage: Stage) -> None:
    with Connection(stage.broker_url) as connection:
        topology.declare(connection.default_channel, 3)
        topology.declare(connection.default_channel)
    late = [command("basket.get", unique("late"), b"\xff{}") for _ in range(250)]
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for message in late:
            channel.basic_publish("basket.commands.by-hash.3", message.key, message.body, message.properties)
    code, output = said(stage, "8")
    assert code == 0, output
    assert [name for name in names(3) if is_there(stage, name)] == []
    assert ways_in(stage) == {"basket.commands.by-hash"}
    assert arrived(stage, names(8), len(late)) == {
        (message.key, message.message_id, message.body) for message in late
    }


def arrived(stage: Stage, queues: list[str], count: int) -> set[tuple[str, str, bytes]]:
    """Take so many messages off some queues; give key, message id and body of each."""
    taken: list[tuple[str, str, bytes]] = []
    with connect(stage.broker_url) as connection:
        channel = connection.channel()
        for queue in queues:
            channel.basic_consume(
                queue, lambda _, method, told, body: taken.append((method.routing_key, told.message_id, body))
            )
        wait_for(lambda: connection.process_data_events(time_limit=0.1) or len(taken) >= count)
    return set(taken)


def test_nobody_changes_the_number_while_a_worker_declares(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        assert partitioning.hold(tx).partitions == 8
        with pytest.raises(database.TryAgain, match="LockNotAvailable"):
            begin_at_once(engine, 12)
    begin_at_once(engine, 12)


def begin_at_once(engine: database.Engine, partitions: int) -> None:
    with database.transaction(engine) as tx:
        tx.exec_driver_sql("set local lock_timeout = '100ms'")
        assert partitioning.begin(tx, partitions)


def test_one_change_is_finished_before_another_one_begins(engine: database.Engine) -> None:
    with database.transaction(engine) as tx:
        assert partitioning.begin(tx, 12)
        assert partitioning.begin(tx, 12), "the same once more goes on"
        assert not partitioning.begin(tx, 13)
        assert not partitioning.finish(tx, 13, "x-modulus-hash")
        assert partitioning.finish(tx, 12, "x-modulus-hash")
        assert not partitioning.finish(tx, 12, "x-modulus-hash")
        assert not partitioning.begin(tx, 12)
        assert partitioning.read(tx) == partitioning.Partitioning(
            partitions=12, next_partitions=None, hash_="x-modulus-hash"
        )


def test_two_cannot_change_it_at_once(stage: Stage, engine: database.Engine) -> None:
    with partitioning.alone(engine) as first:
        assert first
        code, output = said(stage, "12")
        assert code == 1
        assert output == "Error: Somebody else is changing the number of queues at this moment.\n"
    with partitioning.alone(engine) as again:
        assert again


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_number_that_is_none_is_refused_in_a_sentence(stage: Stage, number: str) -> None:
    code, output = said(stage, number)
    assert code == 2
    assert "Error: Invalid value for '[NUMBER]'" in output
